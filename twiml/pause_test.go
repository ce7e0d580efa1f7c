package twiml

import (
	"slices"
	"testing"
	"time"

	"fspivot/dialplan"
)

func TestPause(t *testing.T) {
	t.Parallel()
	straight(t, script{}, map[string]apps{
		`<Pause/>`:                               {dialplan.Answer{}, silence(time.Second, ""), hangup},
		`<Pause length="3">x</Pause>`:            {dialplan.Answer{}, silence(3*time.Second, ""), hangup},
		`<Pause length="0"/>`:                    {dialplan.Answer{}, hangup},
		`<Pause length="-1"/>`:                   {dialplan.Answer{}, silence(time.Second, ""), hangup},
		`<Pause length="99999"/>`:                {dialplan.Answer{}, silence(time.Hour, ""), hangup},
		`<Pause length="99999999999999999999"/>`: {dialplan.Answer{}, silence(time.Hour, ""), hangup},
	})
}

func TestPauseTwilio(t *testing.T) {
	t.Parallel()
	straight(t, script{settings: Settings{Dialect: Twilio}}, map[string]apps{
		`<Pause length="2"/><Say>a</Say><Pause/>`: {dialplan.Sleep{For: 2 * time.Second}, dialplan.Answer{}, speak("a", ""), silence(time.Second, ""), hangup},
		`<Pause/><Reject/>`:                       {dialplan.Sleep{For: time.Second}, dialplan.Respond{Code: 603, Phrase: "Decline"}, dialplan.Hangup{Cause: dialplan.CallRejected}},
	})
}

func TestPauseProblems(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{`<Pause length="0"/>`, `<Pause length="99999"/>`, `<Pause length="3.5"/>`} {
		if got := codes(t, doc); !slices.Equal(got, []string{"13910"}) {
			t.Errorf("%s: %v", doc, got)
		}
	}
	if got := codes(t, `<Pause>x</Pause>`); !slices.Equal(got, []string{"12200"}) {
		t.Errorf("content: %v", got)
	}
}
