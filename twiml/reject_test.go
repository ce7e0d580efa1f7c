package twiml

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

var (
	declined = apps{dialplan.Respond{Code: 603, Phrase: "Decline"}, dialplan.Hangup{Cause: dialplan.CallRejected}}
	busy     = apps{dialplan.Respond{Code: 486, Phrase: "Busy Here"}, dialplan.Hangup{Cause: dialplan.UserBusy}}
)

func TestReject(t *testing.T) {
	t.Parallel()
	straight(t, script{missing: "404"}, map[string]apps{
		`<Reject/>`:                      declined,
		`<Reject reason=""/>`:            declined,
		`<Reject reason="Rejected"/>`:    declined,
		`<Reject reason="bored"/>`:       declined,
		`<Reject reason="BUSY"/>`:        busy,
		`<Reject>x<Parameter/></Reject>`: declined,
		`<Set><Variable key="a"/></Set><Reject/><Say>never</Say>`: declined,
		`<Reject prompt="closed"/>`:                               append(apps{dialplan.PreAnswer{}, playback("closed", "")}, declined...),
		`<Reject reason="busy" prompt="closed"/>`:                 append(apps{dialplan.PreAnswer{}, playback("closed", "")}, busy...),
		`<Reject prompt="404"/>`:                                  declined,
		`<Say>a</Say><Reject/>`:                                   {dialplan.Answer{}, speak("a", allKeys), dialplan.Hangup{Cause: dialplan.CallRejected}},
		`<Say>a</Say><Reject reason="busy" prompt="closed"/>`:     {dialplan.Answer{}, speak("a", allKeys), dialplan.Hangup{Cause: dialplan.UserBusy}},
	})
}

func TestRejectCode(t *testing.T) {
	t.Parallel()
	rejected := dialplan.Hangup{Cause: dialplan.CallRejected}
	for code, want := range map[int]apps{
		503: {dialplan.Respond{Code: 503}, rejected},
		400: {dialplan.Respond{Code: 400}, rejected},
		699: {dialplan.Respond{Code: 699}, rejected},
		603: declined, 0: declined, 302: declined, 200: declined, 700: declined, -1: declined,
	} {
		s := &script{settings: Settings{RejectCode: code}}
		if _, err := s.run(t, `<Reject/>`); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.apps, whole); diff != "" {
			t.Errorf("%d (-want +got):\n%s", code, diff)
		}
	}
	straight(t, script{settings: Settings{RejectCode: 503}}, map[string]apps{`<Reject reason="busy"/>`: busy})
}

func TestRejectHangup(t *testing.T) {
	t.Parallel()
	s := &script{fileError: dialplan.ErrGone}
	if o, err := s.run(t, `<Reject prompt="closed"/>`); !errors.Is(err, dialplan.ErrGone) || len(s.apps) > 0 {
		t.Errorf("%+v, %v, %v", o, err, s.apps)
	}
}

func TestRejectProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Reject reason="busy"><Parameter name="a" value="b"/></Reject>`: nil,
		`<Reject reason="bored"/>`:                                       {"13810"},
		`<Reject>x</Reject>`:                                             {"12200"},
		`<Reject><Say>a</Say></Reject>`:                                  {"12200"},
		`<Reject code="1"/>`:                                             {"12200"},
		`<Reject/><Reject/>`:                                             {"12200"},
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}
