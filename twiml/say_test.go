package twiml

import (
	"errors"
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

func TestSayDegradesSSML(t *testing.T) {
	t.Parallel()
	none := dialplan.Digits("")
	ms := func(n int) dialplan.Playback { return silence(time.Duration(n)*time.Millisecond, none) }
	text := func(s string) dialplan.Speak { return speak(s, none) }
	for content, want := range map[string]apps{
		`be<!-- x -->fore`:                                     {text("before")},
		`<![CDATA[<b>&amp;</b>]]> x`:                           {text("<b>&amp;</b> x")},
		`a&lt;b&gt; &#233;`:                                    {text("a<b> é")},
		`ជំរាបសួរ`:                                             {text("ជំរាបសួរ")},
		"bell\u2028line\tend":                                  {text("bell line end")},
		`a<break/>b`:                                           {text("a"), ms(400), text("b")},
		`a<break time="1.5s"/>b`:                               {text("a"), ms(1500), text("b")},
		`a<break time="250ms"/>b`:                              {text("a"), ms(250), text("b")},
		`a<break time="99s"/>b`:                                {text("a"), ms(10000), text("b")},
		`a<break time="0s"/>b`:                                 {text("a b")},
		`a<break time="x"/>b`:                                  {text("a"), ms(400), text("b")},
		`a<break time="NaNs"/>b`:                               {text("a"), ms(400), text("b")},
		`a<break strength="none"/>b`:                           {text("a b")},
		`a<break strength="x-weak"/>b`:                         {text("a"), ms(100), text("b")},
		`a<break strength="weak"/>b`:                           {text("a"), ms(200), text("b")},
		`a<break strength="Medium"/>b`:                         {text("a"), ms(400), text("b")},
		`a<break strength="strong"/>b`:                         {text("a"), ms(700), text("b")},
		`a<break strength="x-strong"/>b`:                       {text("a"), ms(1000), text("b")},
		`a<break strength="?"/>b`:                              {text("a"), ms(400), text("b")},
		`un<emphasis level="strong">believ</emphasis>able`:     {text("unbelievable")},
		`<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>`: {text("pecan")},
		`<amazon:effect name="whispered">quiet</amazon:effect><mark name="x"/>`: {text("quiet")},
		`<sub alias="World Wide Web">WWW</sub>`:                                 {text("World Wide Web")},
		`<sub>WWW</sub>`:                                                        {text("WWW")},
		`on <say-as interpret-as="date"> 3 May </say-as>now`:                    {text("on 3 May now")},
		`<say-as interpret-as="characters">a1</say-as>b`:                        {text("a 1 b")},
		`<say-as interpret-as="telephone">5 55</say-as>`:                        {text("5 5 5")},
		`<say-as interpret-as="digits">1<break time="1s"/>2</say-as>`:           {text("1"), ms(1000), text("2")},
		`a<say-as interpret-as="expletive">darn</say-as>b`:                      {text("a"), ms(400), text("b")},
		`<SayAs role="spell-out">ab</SayAs>`:                                    {text("a b")},
		`<p>a<s>b</s></p>c`:                                                     {text("a b"), ms(400), ms(700), text("c")},
		`a<Dial>5</Dial>b`:                                                      {text("ab")},
		`{}\ ${x}`:                                                              {text("$ x")},
	} {
		t.Run(content, func(t *testing.T) {
			s := &script{}
			if _, err := s.run(t, `<Say terminators="">`+content+`</Say>`); err != nil {
				t.Fatal(err)
			}
			s.expect(t, append(append(apps{dialplan.Answer{}}, want...), hangup)...)
		})
	}
}

func TestSayVoices(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Say voice="Polly.Lotte-Neural" language="pt-BR" engine="x">a<lang xml:lang="fr-FR">b</lang><Lang xmlLang="de">c</Lang>d</Say>`); err != nil {
		t.Fatal(err)
	}
	want := []string{"Polly.Lotte-Neural|pt-BR|x", "Polly.Lotte-Neural|fr-FR|x", "Polly.Lotte-Neural|de|x", "Polly.Lotte-Neural|pt-BR|x"}
	if diff := cmp.Diff(want, s.spoken); diff != "" {
		t.Errorf("speech (-want +got):\n%s", diff)
	}
}

// An engine that fails is tried again as the default one, once.
func TestSayTriesTheDefaultEngine(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Say voice="x" language="en">a</Say>`: {"x|en|", "|en|"},
		`<Say engine="y">a</Say>`:              {"||y", "||"},
		`<Say>a</Say>`:                         {"||"},
	} {
		s := &script{mute: true}
		if _, err := s.run(t, doc); err != nil {
			t.Fatal(err)
		}
		s.expect(t, dialplan.Answer{}, hangup)
		if diff := cmp.Diff(want, s.spoken); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
		if diff := cmp.Diff([]string{"13511"}, s.recorded()); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", doc, diff)
		}
	}
}

func TestSayLimitBySetting(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]apps{
		"12345 789 1":          {speak("12345 789", "")}, // the blank is the tenth
		"12345 7890":           {speak("12345 7890", "")},
		"12345 78901":          {speak("12345", "")},
		"12345678901":          {speak("1234567890", "")},
		"éééééééééé":           {speak("éééééééééé", "")},
		"12345<break/>67890":   {speak("12345", ""), silence(400*time.Millisecond, ""), speak("67890", "")},
		"12345<break/>678901":  {speak("12345", ""), silence(400*time.Millisecond, ""), speak("67890", "")},
		"1234567890<break/>x":  {speak("1234567890", ""), silence(400*time.Millisecond, "")},
		"12345<break/>6 78901": {speak("12345", ""), silence(400*time.Millisecond, ""), speak("6", "")},
	} {
		s := &script{settings: Settings{SayLimit: 10}}
		if _, err := s.run(t, `<Say terminators="">`+content+`</Say>`); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(append(apps{dialplan.Answer{}}, want...), hangup), s.apps, whole); diff != "" {
			t.Errorf("%s (-want +got):\n%s", content, diff)
		}
	}
	s := &script{settings: Settings{SayLimit: 3}}
	if _, err := s.run(t, `<Say>abcd</Say><Say>abc</Say>`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"13521"}, s.recorded()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// Nothing is waited for that decides nothing: verbs without loops are queued at once, and so is the last repetition.
func TestSayWaitsForNothing(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]int{ // how often anything waits, the end's wait included
		`<Say>a</Say><Say>b</Say><Play>f</Play><Pause/>`:                    1,
		`<Say terminators="">a<break/>b</Say><Say>c</Say>`:                  1,
		`<Say terminators="" loop="32">a</Say><Say>c</Say>`:                 1,
		`<Say terminators="">` + strings.Repeat("a<break/>", 20) + `</Say>`: 1,
		`<Say loop="2">a</Say><Say>c</Say>`:                                 3, // before it, for the first repetition, at the end
		`<Say>a<break/>b</Say>`:                                             4,
	} {
		s := &script{}
		dos := 0
		s.onDo = func(dialplan.Application) { dos++ }
		if _, err := s.run(t, doc); err != nil {
			t.Fatal(err)
		}
		if got := s.drains + dos; got != want {
			t.Errorf("%s: waited %d times, want %d", doc, got, want)
		}
	}
}

// A key that no terminator is goes on to the next childless Gather, and so does the one that stopped it.
func TestSayKeepsKeys(t *testing.T) {
	t.Parallel()
	s := &script{}
	said := 0
	s.onDo = func(dialplan.Application) {
		said++
		s.digits += dialplan.Digits("x1#"[said])
	}
	if _, err := s.run(t, `<Say loop="5" terminators="#">a</Say><Gather/>`); err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{}, speak("a", "#"), speak("a", "#"), hangup)
	if s.digits != "1#" || !s.collects[0].TypeAhead {
		t.Errorf("digits %q, collect %+v", s.digits, s.collects[0])
	}
}

func TestSayHangup(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`<Say>a</Say><Redirect>x</Redirect>`,
		`<Say>a</Say><Gather action="x" actionOnEmptyResult="true"/>`,
		`<Say>a<break/>b</Say><Redirect>x</Redirect>`,
		`<Say>a</Say><Record action="x"/>`,
		`<Say>a</Say><Dial action="x">15</Dial>`,
		`<Say>a</Say><Dial action="x"/>`,
		`<Say>a</Say><Play loop="0">f</Play>`,
	} {
		s := &script{hangupAt: "speak"}
		if o, err := s.run(t, doc); !errors.Is(err, dialplan.ErrGone) || o.Request != nil {
			t.Errorf("%s: %+v, %v", doc, o, err)
		}
	}
}
