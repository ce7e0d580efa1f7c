package kazoojson

import (
	"errors"
	"testing"

	"fspivot/dialplan"
)

func TestNoop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		flow string
		want apps
		err  error
	}{
		"it waits and goes on":   {flow: action("answer", `{}`, "_", action("noop", `{}`, "_", say("b"))), want: apps{dialplan.Answer{}, said("b"), ended}},
		"without a child":        {flow: action("noop", `{}`), want: apps{ended}},
		"the caller hangs up":    {script: script{hangupAt: "drain"}, flow: action("noop", `{}`, "_", say("b"))},
		"the process is to stop": {script: script{cancelAt: "drain"}, flow: action("noop", `{}`, "_", say("b")), err: errStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			if err := s.walk(t, c.flow); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t, c.want...)
			if s.drains != 1 {
				t.Errorf("waited %d times", s.drains)
			}
		})
	}
}
