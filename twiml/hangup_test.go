package twiml

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

func TestHangup(t *testing.T) {
	t.Parallel()
	straight(t, script{}, map[string]apps{
		`<Hangup/>`:                              {dialplan.Answer{}, hangup},
		`<Hangup foo="1">x</Hangup>`:             {dialplan.Answer{}, hangup},
		`<Say>a</Say><Hangup/><Say>never</Say>`:  {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Hangup/><Hangup/>`:                     {dialplan.Answer{}, hangup},
		`<Gather><Hangup/></Gather><Say>a</Say>`: {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Set/>`:                                 {hangup},
		`<Set/><Hangup/>`:                        {dialplan.Answer{}, hangup},
	})
}

func TestHangupSilent(t *testing.T) {
	t.Parallel()
	straight(t, script{settings: Settings{HangupSilent: true}}, map[string]apps{
		`<Hangup/>`:             {hangup},
		`<Say>a</Say><Hangup/>`: {dialplan.Answer{}, speak("a", allKeys), hangup},
	})
}

// The caller may hang up first: the document has come to its end all the same.
func TestHangupTwice(t *testing.T) {
	t.Parallel()
	s := &script{hangupAt: "drain"}
	if o, err := s.run(t, `<Say>a</Say><Hangup/>`); err != nil || o.Kind != End {
		t.Errorf("%v, %v", o, err)
	}
}

func TestHangupProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Hangup/>`:                    nil,
		`<Hangup foo="1"/>`:            {"12200"},
		`<Hangup>x</Hangup>`:           {"12200"},
		`<Hangup> <!-- x --></Hangup>`: nil,
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}
