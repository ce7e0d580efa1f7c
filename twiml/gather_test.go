package twiml

import (
	"slices"
	"strings"
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
		{`<Gather action=" a b " method="post"/>`, dialplan.Collected{Digits: "A"}, "", &Request{URL: "a b", Method: "POST", Params: map[string]string{"Digits": "A", "FinishedOnKey": ""}}},
		{`<Gather action="?y=2&amp;z"/>`, dialplan.Collected{Digits: "1"}, Twilio, &Request{URL: "?y=2&z", Method: "POST", Params: map[string]string{"Digits": "1", "FinishedOnKey": ""}}},
		{`<Gather/>`, dialplan.Collected{Terminator: "#"}, "", nil},
		{`<Gather method="PUT" actionOnEmptyResult="TRUE"/>`, dialplan.Collected{Terminator: "#"}, "", &Request{Method: "GET", Params: map[string]string{"Digits": "", "FinishedOnKey": "#"}}},
	} {
		s := &script{collected: keys(tt.got), settings: Settings{Dialect: tt.dialect}}
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
		s := &script{collected: keys(dialplan.Collected{Digits: "1"})}
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
	s := &script{digits: "1"}
	if _, err := s.run(t, `<Gather input="speech" timeout="3"><Say>a</Say></Gather>`); err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{}, speak("a", ""), silence(3*time.Second, ""), hangup)
	if len(s.collects) != 0 || s.digits != "" {
		t.Errorf("collects %v, digits %q", s.collects, s.digits)
	}
}

// One time for all keys runs from the end of the prompts, or from the key that stops them.
func TestGatherTotal(t *testing.T) {
	t.Parallel()
	key := func(k dialplan.Digits, after time.Duration) keyed {
		return keyed{Collected: dialplan.Collected{Digits: k}, after: after}
	}
	const four = 4 * time.Second
	for name, tt := range map[string]struct {
		doc  string
		keys []keyed
		want dialplan.Digits
		took time.Duration
	}{
		"the third key is late":     {`<Gather/>`, []keyed{key("1", 0), key("2", four), key("3", four)}, "12", five},
		"first key after a while":   {`<Gather/>`, []keyed{key("1", four), key("2", time.Second/2), key("3", four)}, "12", five},
		"a key stops the prompt":    {`<Gather><Say>a</Say></Gather>`, []keyed{key("1", 0), key("2", four), key("3", four)}, "12", five},
		"type-ahead, no time":       {`<Gather timeout="0"/>`, []keyed{key("1", 0), key("2", 0)}, "12", 0},
		"enough digits":             {`<Gather numDigits="2"/>`, []keyed{key("1", 0), key("2", four), key("3", 0)}, "12", four},
		"prompts that do not stop":  {`<Gather bargeIn="false"><Say>a</Say></Gather>`, []keyed{key("12", 0), key("3", four)}, "123", five},
		"a terminator ends at once": {`<Gather/>`, []keyed{key("1", time.Second), {Collected: dialplan.Collected{Terminator: "#"}, after: time.Second}}, "1", 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{settings: Settings{GatherTotal: true}, collected: tt.keys, timed: true}
				began := time.Now()
				o, err := s.run(t, tt.doc)
				if err != nil || o.Request == nil {
					t.Fatalf("%+v, %v", o, err)
				}
				if got := o.Request.Params["Digits"]; got != string(tt.want) || time.Since(began) != tt.took {
					t.Errorf("%s after %v, want %s after %v", got, time.Since(began), tt.want, tt.took)
				}
				for _, c := range s.collects[1:] {
					if c.Prompts != nil || c.Max != 1 || !c.TypeAhead || c.Patient {
						t.Errorf("collect %+v", c)
					}
				}
			})
		})
	}
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
	s := &script{collected: keys(dialplan.Collected{Digits: "1"})}
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

// A document can't make more prompts than a call should hold.
func TestGatherPromptsBounded(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Gather>`+strings.Repeat(`<Say loop="0">a<break/></Say>`, 60)+`</Gather>`); err != nil {
		t.Fatal(err)
	}
	if n := len(s.collects[0].Prompts); n != manyPrompts {
		t.Errorf("%d prompts, want %d", n, manyPrompts)
	}
	if got := s.recorded(); !slices.Equal(got, []string{"14106"}) {
		t.Errorf("records %v", got)
	}
}
