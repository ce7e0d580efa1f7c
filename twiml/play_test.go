package twiml

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

func TestPlay(t *testing.T) {
	t.Parallel()
	straight(t, script{missing: "404"}, map[string]apps{
		`<Play>f</Play><Play>f</Play><Play>f</Play><Hangup/>`: {dialplan.Answer{}, playback("f", allKeys), playback("f", allKeys), playback("f", allKeys), hangup},
		`<Play> http://h/a b </Play>`:                         {dialplan.Answer{}, playback("http://h/a b", allKeys), hangup},
		`<Play>404</Play><Play>f</Play>`:                      {dialplan.Answer{}, playback("f", allKeys), hangup},
		`<Play loop="0">404</Play>`:                           {dialplan.Answer{}, hangup},
		`<Play loop="2" terminators="none">f</Play>`:          {dialplan.Answer{}, playback("f", ""), playback("f", ""), hangup},
		`<Play loop="-1">f</Play>`:                            {dialplan.Answer{}, playback("f", allKeys), hangup},
		`<Play/>`:                                             {dialplan.Answer{}, hangup},
		`<Play digits="ww12">f</Play>`:                        {dialplan.Answer{}, dialplan.SendDTMF{Tones: "ww12"}, hangup},
	})
}

func TestPlayProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Play/>`:                             {"12200"},
		`<Play loop="-1">f</Play>`:            {"13410"},
		`<Play digits="1x2"/>`:                {"13430"},
		`<Gather><Play digits="1"/></Gather>`: {"13430"},
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

func TestPlayForEverGivesUp(t *testing.T) {
	t.Parallel()
	s := &script{results: map[string][]result{"playback": {{response: "FILE PLAYED"}, {response: "FILE NOT FOUND"}, {response: "FILE PLAYED"}, {response: "FILE NOT FOUND"}}}}
	if _, err := s.run(t, `<Play loop="0">f</Play>`); err != nil {
		t.Fatal(err)
	}
	f := playback("f", allKeys)
	s.expect(t, dialplan.Answer{}, f, f, f, f, f, hangup)
}

func TestPlayDigitsWaits(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Play digits="ww12"/>`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{2 * time.Second}, s.waits); diff != "" {
		t.Error(diff)
	}
}

func TestLoopInTwilioEnds(t *testing.T) {
	t.Parallel()
	s := &script{settings: Settings{Dialect: Twilio}}
	if _, err := s.run(t, `<Play loop="0">f</Play>`); err != nil {
		t.Fatal(err)
	}
	if len(s.apps) != 1002 {
		t.Errorf("%d applications", len(s.apps))
	}
}
