package kazoojson

import (
	"testing"

	"fspivot/dialplan"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		flow string
		want apps
	}{
		"it answers and goes on":              {flow: action("answer", `{}`, "_", say("a")), want: apps{dialplan.Answer{}, said("a"), ended}},
		"without children it hangs up":        {flow: action("answer", `{}`), want: apps{dialplan.Answer{}, ended}},
		"an answered call stays so":           {script: script{answered: true}, flow: action("answer", `{}`), want: apps{ended}},
		"the caller cancels at that moment":   {script: script{hangupAt: "drain"}, flow: action("answer", `{}`, "_", action("noop", `{}`, "_", say("a"))), want: apps{dialplan.Answer{}}},
		"skipped, it does not answer":         {flow: action("answer", `{"skip_module": true}`, "_", action("hangup", `{}`)), want: apps{ended}},
		"a second one does not answer again":  {flow: action("answer", `{}`, "_", action("answer", `{}`)), want: apps{dialplan.Answer{}, ended}},
		"only true and its text skip a thing": {flow: action("answer", `{"skip_module": 1}`), want: apps{dialplan.Answer{}, ended}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			if err := s.walk(t, c.flow); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
		})
	}
}
