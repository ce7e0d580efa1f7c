package twiml

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

func silence(d time.Duration, stop dialplan.Digits) dialplan.Playback {
	return dialplan.Playback{File: dialplan.Silence(d), Stop: stop}
}

func TestSay(t *testing.T) {
	t.Parallel()
	straight(t, script{}, map[string]apps{
		`<Say> two
		words </Say>`: {dialplan.Answer{}, speak("two words", allKeys), hangup},
		`<Say terminators="">a</Say>`:          {dialplan.Answer{}, speak("a", ""), hangup},
		`<Say terminators="none">a</Say>`:      {dialplan.Answer{}, speak("a", ""), hangup},
		`<Say terminators="#">a</Say>`:         {dialplan.Answer{}, speak("a", "#"), hangup},
		`<Say terminators="x">a</Say>`:         {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Say><![CDATA[<b> & c]]> d</Say>`:     {dialplan.Answer{}, speak("<b> & c d", allKeys), hangup},
		`<Say>be<!-- x -->fore</Say>`:          {dialplan.Answer{}, speak("before", allKeys), hangup},
		`<Say>fish &amp; chips</Say>`:          {dialplan.Answer{}, speak("fish & chips", allKeys), hangup},
		`<Say loop="2" terminators="">a</Say>`: {dialplan.Answer{}, speak("a", ""), speak("a", ""), hangup},
		`<Say loop="-1">a</Say>`:               {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Say> </Say>`:                         {dialplan.Answer{}, hangup},
		`<Say>a<break time="2s"/>b</Say>`:      {dialplan.Answer{}, speak("a", allKeys), silence(2*time.Second, allKeys), speak("b", allKeys), hangup},
		`<Say terminators="">a<Break strength="weak"/><SayAs interpretAs="digits">12</SayAs></Say>`: {
			dialplan.Answer{}, speak("a", ""), silence(200*time.Millisecond, ""), speak("1 2", ""), hangup},
		`<Say terminators="">a<break strength="weak"/><say-as interpret-as="digits">12</say-as></Say>`: {
			dialplan.Answer{}, speak("a", ""), silence(200*time.Millisecond, ""), speak("1 2", ""), hangup},
		`<Say terminators=""><p>a</p><s>b</s></Say>`: {
			dialplan.Answer{}, speak("a", ""), silence(700*time.Millisecond, ""), speak("b", ""), silence(400*time.Millisecond, ""), hangup},
		`<Say><sub alias="Saint">St</sub> <prosody rate="slow">John</prosody> <w>x</w></Say>`: {
			dialplan.Answer{}, speak("Saint John x", allKeys), hangup},
		`<Say>${system(id)}</Say>`:             {dialplan.Answer{}, speak("$ system(id)", allKeys), hangup},
		`<say>hi</say><Say>ok</Say>`:           {dialplan.Answer{}, speak("ok", allKeys), hangup},
		`<Say>a</Say><Say>b</Say><Hangup/>`:    {dialplan.Answer{}, speak("a", allKeys), speak("b", allKeys), hangup},
		`<Say terminators="">a<break/>a</Say>`: {dialplan.Answer{}, speak("a", ""), silence(400*time.Millisecond, ""), speak("a", ""), hangup},
	})
}

func TestSayTwilio(t *testing.T) {
	t.Parallel()
	straight(t, script{settings: Settings{Dialect: Twilio}}, map[string]apps{
		`<Say>a</Say>`: {dialplan.Answer{}, speak("a", ""), hangup},
	})
}

func TestSayProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Say/>`:                  {"13520"},
		`<Say><break/></Say>`:     {"13520"},
		`<Say loop="-1">a</Say>`:  {"13510"},
		`<Say loop="3.5">a</Say>`: {"13510"},
		`<Say x="1">a</Say>`:      {"12200"},
		`<Say>a<Dial/></Say>`:     {"12200"},
		`<Say>` + strings.Repeat("ab ", 1700) + `</Say>`: {"13521"},
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%.60s (-want +got):\n%s", doc, diff)
		}
	}
}

func TestSayIsCutAtABlank(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Say>`+strings.Repeat("abcdefghi ", 500)+`</Say>`); err != nil {
		t.Fatal(err)
	}
	text := s.apps[1].(dialplan.Speak).Text.String()
	if len(text) > 4096 || len(text) < 4080 || !strings.HasSuffix(text, " abcdefghi") {
		t.Errorf("cut to %d: …%q", len(text), text[len(text)-20:])
	}
}

func TestSayLoopEndsAtAKey(t *testing.T) {
	t.Parallel()
	s := &script{}
	said := 0
	s.onDo = func(dialplan.Application) {
		if said++; said == 2 {
			s.digits = "5"
		}
	}
	if _, err := s.run(t, `<Say loop="3">a</Say><Say>b</Say>`); err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{}, speak("a", allKeys), speak("a", allKeys), speak("b", allKeys), hangup)
}

func TestSayWithoutEngineIsSkipped(t *testing.T) {
	t.Parallel()
	s := &script{mute: true}
	if _, err := s.run(t, `<Say voice="x">a</Say><Play>f</Play>`); err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{}, playback("f", allKeys), hangup)
}

func TestHangupInALoop(t *testing.T) {
	t.Parallel()
	s := &script{hangupAt: "speak"}
	if o, err := s.run(t, `<Say loop="0">a</Say><Redirect>x</Redirect>`); err != dialplan.ErrGone || o.Request != nil {
		t.Errorf("%v, %v", o, err)
	}
}
