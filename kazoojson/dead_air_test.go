package kazoojson

import (
	"testing"

	"fspivot/dialplan"
)

func TestDeadAir(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		want apps
	}{
		"silence until hangup": {want: apps{dialplan.Answer{}, dialplan.MuteWrite{On: true}, dialplan.Playback{File: dialplan.EndlessSilence()}}},
		"keys do nothing":      {script: script{answered: true, digits: "12"}, want: apps{dialplan.MuteWrite{On: true}, dialplan.Playback{File: dialplan.EndlessSilence()}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			flow := action("callflow", `{"id": "quiet"}`, "_", say("c"))
			s.flows = map[string]string{"quiet": action("dead_air", `{}`, "_", say("b"))}
			if err := s.walk(t, flow); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
			if s.ends != 1 || len(s.state.Collections) > 0 {
				t.Errorf("waited %d times for the end, collections %v", s.ends, s.state.Collections)
			}
		})
	}
}
