package kazoojson

import (
	"errors"
	"testing"
)

func TestWaitForHangup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		err error
	}{
		"until the caller goes":  {script: script{digits: "1"}},
		"the process is to stop": {script: script{cancelAt: "end", digits: "1"}, err: errStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			s.flows = map[string]string{"waits": action("wait_for_hangup", `{}`, "_", say("b"))}
			if err := s.walk(t, action("callflow", `{"id": "waits"}`, "_", say("c"))); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t)
			if s.ends != 1 || len(s.state.Collections) > 0 {
				t.Errorf("waited %d times for the end, collections %v", s.ends, s.state.Collections)
			}
		})
	}
}
