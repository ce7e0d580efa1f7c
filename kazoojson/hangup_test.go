package kazoojson

import (
	"testing"

	"fspivot/dialplan"
)

func TestHangup(t *testing.T) {
	t.Parallel()
	flows := map[string]string{"end": action("hangup", `{}`, "_", say("b"))}
	for name, c := range map[string]struct {
		flow string
		want apps
	}{
		"unanswered":                   {action("hangup", `{}`), apps{ended}},
		"inside a branch":              {action("callflow", `{"id": "end"}`, "_", say("c")), apps{ended}},
		"behind what is queued":        {action("send_dtmf", `{"digits": "1"}`, "_", action("hangup", `{}`)), apps{tones("1", 2000), ended}},
		"skipped":                      {action("hangup", `{"skip_module": "true"}`, "_", action("answer", `{}`)), apps{dialplan.Answer{}, ended}},
		"its own children don't run":   {action("hangup", `{}`, "_", say("b")), apps{ended}},
		"the cause is a normal ending": {action("hangup", `{"cause": "USER_BUSY"}`), apps{dialplan.Hangup{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{flows: flows}
			if err := s.walk(t, c.flow); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
		})
	}
}
