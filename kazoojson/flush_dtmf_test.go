package kazoojson

import (
	"testing"

	"fspivot/call"
)

func TestFlushDTMF(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]map[string]string{
		`{}`:                             {"pin": "2"},
		`{"collection_name": ""}`:        {"pin": "2"},
		`{"collection_name": "default"}`: {"pin": "2"},
		`{"collection_name": "pin"}`:     {"default": "1"},
		`{"collection_name": "absent"}`:  {"default": "1", "pin": "2"},
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			s := script{answered: true, digits: "5", state: call.State{Collections: map[string]string{"default": "1", "pin": "2"}}}
			if err := s.walk(t, action("flush_dtmf", data, "_", action("hangup", `{}`))); err != nil {
				t.Error(err)
			}
			same(t, "collections", want, s.state.Collections)
			s.expect(t, ended)
			if s.digits != "5" {
				t.Errorf("keys that no step took: %q", s.digits)
			}
		})
	}
}
