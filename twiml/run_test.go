package twiml

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
	"fspivot/timeline"
)

// *dialplan.Channel is what verbs run on.
var _ Channel = (*dialplan.Channel)(nil)

func TestRunInOrder(t *testing.T) {
	t.Parallel()
	s := &script{}
	o, err := s.run(t, `<!-- a --><Say>1</Say><Foo/><Play>2</Play>
		<Gather><Say>x</Say></Gather><Pause length="3"/><Set><Variable key="a" value="1"/></Set>
		<Record playBeep="false"/><Echo/><Dial>15</Dial><Say>4</Say><Hangup/><Say>never</Say>`)
	if err != nil || o.Kind != End || o.Request != nil {
		t.Errorf("%+v, %v", o, err)
	}
	s.expect(t, dialplan.Answer{}, speak("1", allKeys), playback("2", allKeys), silence(3*time.Second, ""), taped("1", nil), bridged(nil, leg("15")), speak("4", allKeys), hangup)
	type step struct{ verb, line string }
	var steps []step
	for _, r := range s.records.Records() {
		if r.Kind == timeline.KindStep {
			steps = append(steps, step{r.Text, r.Fields["line"]})
		}
	}
	want := []step{{"Say", "1"}, {"Foo", "1"}, {"Play", "1"}, {"Gather", "2"}, {"Pause", "2"}, {"Set", "2"}, {"Record", "3"}, {"Echo", "3"}, {"Dial", "3"}, {"Say", "3"}, {"Hangup", "3"}}
	if diff := cmp.Diff(want, steps, cmp.AllowUnexported(step{})); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// A document that does nothing ends the call, answered only where that is wanted.
func TestRunEmpty(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "<!-- x -->", "<Foo/>", "<Conference/><Number>1</Number>", "text", "<Echo/><Connect/>"} {
		for _, answers := range []bool{false, true} {
			s := &script{settings: Settings{EmptyAnswers: answers}}
			o, err := s.run(t, doc)
			if err != nil || o.Kind != End {
				t.Errorf("%q: %v, %v", doc, o, err)
			}
			want := apps{hangup}
			if answers {
				want = apps{dialplan.Answer{}, hangup}
			}
			if diff := cmp.Diff(want, s.apps, whole); diff != "" {
				t.Errorf("%q (-want +got):\n%s", doc, diff)
			}
		}
	}
	s := &script{settings: Settings{EmptyAnswers: true}}
	if _, err := s.run(t, `<Set/>`); err != nil {
		t.Fatal(err)
	}
	s.expect(t, hangup)
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for verbs, want := range map[string]bool{"": true, "<Foo/>": true, "<Echo/>": true, "<Set/>": false, "<Foo/><Say/>": false} {
		doc, _, err := Parse([]byte("<Response>"+verbs+"</Response>"), "")
		if err != nil || doc.Empty() != want {
			t.Errorf("%q: %v, %v", verbs, doc.Empty(), err)
		}
	}
}

func TestUnknownVerb(t *testing.T) {
	t.Parallel()
	straight(t, script{settings: Settings{UnknownVerb: HangUpOnIt}}, map[string]apps{
		`<Say>a</Say><Foo/><Say>b</Say>`:                 {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Say>a</Say><say>x</say><Redirect>n</Redirect>`: {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Say foo="1">a</Say>`:                           {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Gather><Foo/></Gather><Say>b</Say>`:            {dialplan.Answer{}, speak("b", allKeys), hangup},
	})
	straight(t, script{settings: Settings{UnknownVerb: Skip}}, map[string]apps{
		`<Say>a</Say><Foo/><Say>b</Say>`: {dialplan.Answer{}, speak("a", allKeys), speak("b", allKeys), hangup},
	})
}

// A long document is neither queued nor fetched at once.
func TestRunIsBounded(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"verbs":       strings.Repeat(`<Play>f</Play>`, 1000),
		"repetitions": strings.Repeat(`<Say terminators="" loop="32">a</Say>`, 50),
		"pieces":      `<Say terminators="">` + strings.Repeat(`a<break/>`, 1000) + `</Say>`,
		"tones":       `<Play digits="` + strings.Repeat("1", 9000) + `"/>`,
	} {
		s := &script{}
		if _, err := s.run(t, doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.most > ahead+1 { // the answer, or the hangup
			t.Errorf("%s: %d applications were queued at once", name, s.most)
		}
	}
	s := &script{hangupAt: "playback"}
	if _, err := s.run(t, strings.Repeat(`<Play>f</Play>`, 1000)); !errors.Is(err, dialplan.ErrGone) || len(s.apps) > ahead+1 {
		t.Errorf("%d applications after a hangup, %v", len(s.apps), err)
	}
}

// What was waited for makes room: a wait elsewhere is not followed by another.
func TestRunCountsFromTheLastWait(t *testing.T) {
	t.Parallel()
	fifty := strings.Repeat(`<Play>f</Play>`, 50)
	s := &script{}
	if _, err := s.run(t, fifty+`<Gather/>`+fifty+`<Dial>15</Dial>`+fifty); err != nil {
		t.Fatal(err)
	}
	if s.drains != 1 { // at the end
		t.Errorf("%d drains", s.drains)
	}
}

func TestRunStops(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	cancelled := func() context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stopped)
		return ctx
	}
	for _, verbs := range []string{`<Say>a</Say>`, `<Gather/>`, `<Record/>`, `<Dial action="a">15</Dial>`, `<Redirect>x</Redirect>`, `<Hangup/>`, `<Foo/>`} {
		doc, _, err := Parse([]byte("<Response>"+verbs+"</Response>"), "")
		if err != nil {
			t.Fatal(err)
		}
		s := &script{}
		if o, err := s.document(cancelled(), doc); !errors.Is(err, stopped) || o.Request != nil {
			t.Errorf("%s: %+v, %v", verbs, o, err)
		}
		if len(s.apps) > 0 {
			t.Errorf("%s: ran %v", verbs, s.apps)
		}
	}
	// In the middle of a verb.
	for _, verbs := range []string{`<Say loop="0">a</Say>`, `<Dial action="a">15</Dial>`, `<Record action="a"/>`} {
		doc, _, err := Parse([]byte("<Response>"+verbs+"<Redirect>x</Redirect></Response>"), "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		s := &script{results: map[string][]result{"speak": {{}, {err: stopped}}, "bridge": {{err: stopped}}, "record": {{err: stopped}}}}
		s.onDo = func(dialplan.Application) { cancel(stopped) }
		if o, err := s.document(ctx, doc); !errors.Is(err, stopped) || o.Request != nil {
			t.Errorf("%s: %+v, %v", verbs, o, err)
		}
		cancel(nil)
	}
}

// How the call went decides what Run says of it.
func TestRunGone(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]struct {
		kind OutcomeKind
		err  error
	}{
		dialplan.HungUp: {End, nil},
		dialplan.Left:   {Left, nil},
		dialplan.Lost:   {End, dialplan.ErrGone},
	} {
		s := &script{hangupAt: "speak", how: how}
		if o, err := s.run(t, `<Say>a</Say>`); o.Kind != want.kind || !errors.Is(err, want.err) {
			t.Errorf("%s at the end: %v, %v", how, o, err)
		}
		s = &script{hangupAt: "speak", how: how}
		if want.kind == End {
			want.err = dialplan.ErrGone
		}
		if o, err := s.run(t, `<Say>a</Say><Redirect>x</Redirect>`); o.Kind != want.kind || !errors.Is(err, want.err) || o.Request != nil {
			t.Errorf("%s in the middle: %+v, %v", how, o, err)
		}
	}
}

// Keys of an earlier document are forgotten, whatever the new one does.
func TestRunForgetsKeys(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", `<Set/>`, `<Gather/>`} {
		s := &script{digits: "12"}
		if _, err := s.run(t, doc); err != nil || s.forgot != 1 || s.digits != "" {
			t.Errorf("%q: forgot %d times, %q left, %v", doc, s.forgot, s.digits, err)
		}
	}
}

// A document is not changed by being run.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	doc, _, err := Parse([]byte(`<Response><Say>a<break/>b</Say><Gather numDigits="2"><Play>f</Play></Gather><Record/><Dial><User>u</User><Sip>a@h</Sip></Dial></Response>`), "")
	if err != nil {
		t.Fatal(err)
	}
	var first, second script
	for _, s := range []*script{&first, &second} {
		if _, err := s.document(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(first.apps, second.apps, whole); diff != "" {
		t.Errorf("applications (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(first.collects, second.collects, whole); diff != "" {
		t.Errorf("collects (-first +second):\n%s", diff)
	}
}

// Answer is asked for once, by the first verb that answers.
func TestRunAnswers(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]bool{
		`<Say>a</Say>`: true, `<Play>f</Play>`: true, `<Pause/>`: true, `<Gather/>`: true, `<Record/>`: true, `<Dial>15</Dial>`: true, `<Hangup/>`: true,
		`<Say/>`: true, `<Dial/>`: true, `<Set/>`: false, `<Redirect>x</Redirect>`: false, `<Reject/>`: false, `<Dial answerOnBridge="true">15</Dial>`: false,
		`<Echo/>`: false, `<Connect/>`: false, `<Foo/>`: false,
	} {
		s := &script{}
		if _, err := s.run(t, doc+doc); err != nil {
			t.Fatal(err)
		}
		answers := 0
		for _, a := range s.apps {
			if a == (dialplan.Answer{}) {
				answers++
			}
		}
		if (answers == 1) != want || answers > 1 {
			t.Errorf("%s: answered %d times", doc, answers)
		}
	}
}

func TestOutcomeKindText(t *testing.T) {
	t.Parallel()
	got := []string{End.String(), RequestNext.String(), Left.String(), OutcomeKind(7).String()}
	if want := []string{"end", "request", "left", "outcome 7"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWholeSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0", 0: "0", 1: "1", 20 * time.Millisecond: "1", 1499 * time.Millisecond: "1", 1500 * time.Millisecond: "2", time.Hour: "3600",
	} {
		if got := wholeSeconds(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
