package twiml

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

const five = 5 * time.Second

func TestGatherCollect(t *testing.T) {
	t.Parallel()
	once := func(a dialplan.Application) dialplan.Prompt { return dialplan.Prompt{Play: a, Times: 1} }
	for doc, want := range map[string]dialplan.Collect{
		`<Gather/>`:                              {First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather numDigits="1"/>`:                {Max: 1, First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather maxDigits="3"/>`:                {Max: 3, First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather timeout="0" finishOnKey=""/>`:   {TypeAhead: true},
		`<Gather timeout="auto"/>`:               {First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather timeout="x"/>`:                  {First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather Timeout="9"/>`:                  {First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather finishOnKey="*5"/>`:             {First: five, Between: five, Terminators: "*5", TypeAhead: true},
		`<Gather finishOnKey="ab"/>`:             {First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather validDigits="12"/>`:             {First: five, Between: five, Terminators: "#", Valid: "12", TypeAhead: true},
		`<Gather input="dtmf speech"/>`:          {First: five, Between: five, Terminators: "#", TypeAhead: true},
		`<Gather numDigits="999" bargeIn="no"/>`: {Max: 128, First: five, Between: five, Terminators: "#", TypeAhead: true, Patient: true},
		`<Gather timeout="2"><Say terminators="1">a</Say><Dial>5</Dial><Play loop="0">f</Play><Pause/><Play>404</Play></Gather>`: {
			Prompts: []dialplan.Prompt{once(speak("a", "")), {Play: playback("f", ""), Times: 0}, once(silence(time.Second, ""))},
			First:   2 * time.Second, Between: 2 * time.Second, Terminators: "#"},
		`<Gather><Say loop="2">a<break/>b</Say></Gather>`: {
			Prompts: []dialplan.Prompt{once(speak("a", "")), once(silence(400*time.Millisecond, "")), once(speak("b", "")),
				once(speak("a", "")), once(silence(400*time.Millisecond, "")), once(speak("b", ""))},
			First: five, Between: five, Terminators: "#"},
	} {
		t.Run(doc, func(t *testing.T) {
			s := &script{missing: "404"}
			if o, err := s.run(t, doc); err != nil || o.Kind != End {
				t.Errorf("%v, %v", o, err)
			}
			s.expect(t, dialplan.Answer{}, hangup)
			if diff := cmp.Diff([]dialplan.Collect{want}, s.collects, whole); diff != "" {
				t.Errorf("collect (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGatherRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		doc     string
		got     dialplan.Collected
		dialect string
		want    *Request
	}{
		{`<Gather/>`, dialplan.Collected{Digits: "12", Terminator: "#"}, "", &Request{Method: "GET", Params: map[string]string{"Digits": "12", "FinishedOnKey": "#"}}},
		{`<Gather action=" a b " method="post"/>`, dialplan.Collected{Digits: "A"}, "", &Request{URL: "a%20b", Method: "POST", Params: map[string]string{"Digits": "A", "FinishedOnKey": ""}}},
		{`<Gather action="?y=2&amp;z"/>`, dialplan.Collected{Digits: "1"}, Twilio, &Request{URL: "?y=2&z", Method: "POST", Params: map[string]string{"Digits": "1", "FinishedOnKey": ""}}},
		{`<Gather/>`, dialplan.Collected{Terminator: "#"}, "", nil},
		{`<Gather method="PUT" actionOnEmptyResult="TRUE"/>`, dialplan.Collected{Terminator: "#"}, "", &Request{Method: "GET", Params: map[string]string{"Digits": "", "FinishedOnKey": "#"}}},
	} {
		s := &script{collected: []dialplan.Collected{tt.got}, settings: Settings{Dialect: tt.dialect}}
		o, err := s.run(t, tt.doc)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, o.Request); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.doc, diff)
		}
	}
}

func TestGatherRefusesURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"mailto:x", "tel:1", "file:///etc/passwd", "ftp://h/", "data:,x", "http:", "http://[", "%zz"} {
		s := &script{collected: []dialplan.Collected{{Digits: "1"}}}
		o, err := s.run(t, `<Gather action="`+url+`"/>`)
		if err != nil || o.Request == nil || o.Request.Invalid == nil {
			t.Errorf("%s: %+v, %v", url, o.Request, err)
		}
	}
}

func TestGatherHangup(t *testing.T) {
	t.Parallel()
	s := &script{hangupAt: "collect"}
	if o, err := s.run(t, `<Gather action="x" actionOnEmptyResult="true"/>`); err != dialplan.ErrGone || o.Request != nil {
		t.Errorf("%v, %v", o, err)
	}
}

// Keys of an earlier document are forgotten at the start, those of earlier verbs only by what follows.
func TestGatherTypeAhead(t *testing.T) {
	t.Parallel()
	s := &script{digits: "9"}
	if _, err := s.run(t, `<Say>a</Say><Gather/><Gather><Say>b</Say></Gather>`); err != nil {
		t.Fatal(err)
	}
	if s.forgot != 1 || s.digits != "" || !s.collects[0].TypeAhead || s.collects[1].TypeAhead {
		t.Errorf("forgot %d times, collects %+v", s.forgot, s.collects)
	}
	s = &script{settings: Settings{Dialect: Twilio}}
	if _, err := s.run(t, `<Say>a</Say><Gather/>`); err != nil || s.collects[0].TypeAhead {
		t.Errorf("twilio: %+v, %v", s.collects, err)
	}
}

func TestGatherSpeechOnly(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Gather input="speech" timeout="3"><Say>a</Say></Gather>`); err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{}, speak("a", ""), hangup)
	if !slices.Equal(s.waits, []time.Duration{3 * time.Second}) || len(s.collects) != 0 {
		t.Errorf("waits %v, collects %v", s.waits, s.collects)
	}
}

func TestGatherTotal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{settings: Settings{GatherTotal: true}, collected: []dialplan.Collected{{Digits: "1"}, {Digits: "2"}, {}}}
		o, err := s.run(t, `<Gather/>`)
		if err != nil || o.Request.Params["Digits"] != "12" || len(s.collects) != 3 || s.collects[2].Max != 1 {
			t.Errorf("%+v, %v, %+v", o.Request, err, s.collects)
		}
	})
}

func TestGatherProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Gather Timeout="x"/>`:           {"12200"},
		`<Gather timeout="x"/>`:           {"13313"},
		`<Gather finishOnKey="ab"/>`:      {"13310"},
		`<Gather method="PUT"/>`:          {"13312"},
		`<Gather numDigits="0"/>`:         {"13314"},
		`<Gather input="speech"/>`:        {"13343"},
		`<Gather><Dial>1</Dial></Gather>`: {"12200"},
		`<Gather action="tel:1"/>`:        {"11100"},
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

// Document A of twiml.md, appendix D.
func TestAppendixA(t *testing.T) {
	t.Parallel()
	const doc = `<Gather numDigits="1" action="pick"><Say>Press one</Say></Gather><Hangup/>`
	s := &script{collected: []dialplan.Collected{{Digits: "1"}}}
	o, err := s.run(t, doc)
	if err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{})
	if diff := cmp.Diff(&Request{URL: "pick", Method: "GET", Params: map[string]string{"Digits": "1", "FinishedOnKey": ""}}, o.Request); diff != "" {
		t.Error(diff)
	}
	s = &script{}
	if o, err := s.run(t, doc); err != nil || o.Kind != End {
		t.Errorf("%v, %v", o, err)
	}
	s.expect(t, dialplan.Answer{}, hangup)
}
