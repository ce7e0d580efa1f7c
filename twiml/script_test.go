package twiml

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// whole compares dialplan values with all their fields.
var whole = cmp.Exporter(func(reflect.Type) bool { return true })

// script is a call that goes as a test wants it. It implements Channel, Media and Routes.
type script struct {
	answered  bool
	digits    dialplan.Digits // pressed, not taken yet
	collected []dialplan.Collected
	results   map[string][]result // of Do, by application, in turn; the last one stays
	hangupAt  string              // application during which the caller hangs up
	legs      map[string]*dialplan.Leg
	onDo      func(dialplan.Application)
	settings  Settings
	missing   string // part of references that can't be had
	mute      bool   // no speech engine

	apps     []dialplan.Application // everything that was asked for, in order
	collects []dialplan.Collect
	waits    []time.Duration
	drains   int
	gone     bool
	ids      int
	finished []time.Duration
	handed   []Recording
	records  *timeline.Timeline
	vars     map[string]string
	forgot   int
}

type result struct {
	response string
	vars     dialplan.Scripted
	err      error
}

func (s *script) Queue(apps ...dialplan.Application) {
	for _, a := range apps {
		if s.gone {
			return
		}
		switch a := a.(type) {
		case dialplan.Answer:
			if s.answered {
				continue
			}
			s.answered = true
		case dialplan.Hangup:
			defer func() { s.gone = true }()
		case dialplan.Respond:
			_ = a
			defer func() { s.gone = true }()
		}
		s.apps = append(s.apps, a)
	}
}

func (s *script) Do(ctx context.Context, a dialplan.Application) (dialplan.Completion, error) {
	dropped := dialplan.Completion{Application: a.Name(), Dropped: true}
	if err := ctx.Err(); err != nil {
		return dropped, context.Cause(ctx)
	}
	if s.gone {
		return dropped, dialplan.ErrGone
	}
	s.apps = append(s.apps, a)
	if len(s.apps) > 5000 {
		return dropped, errors.New("script: endless")
	}
	if s.onDo != nil {
		s.onDo(a)
	}
	var r result
	if list := s.results[a.Name()]; len(list) > 0 {
		if r = list[0]; len(list) > 1 {
			s.results[a.Name()] = list[1:]
		}
	}
	if s.hangupAt == a.Name() {
		s.gone, r.err = true, dialplan.ErrGone
	}
	return dialplan.Complete(a.Name(), r.response, r.vars), r.err
}

func (s *script) Collect(_ context.Context, c dialplan.Collect) (dialplan.Collected, error) {
	s.collects = append(s.collects, c)
	if s.hangupAt == "collect" {
		s.gone = true
	}
	if s.gone {
		return dialplan.Collected{}, dialplan.ErrGone
	}
	if len(s.collected) == 0 {
		return dialplan.Collected{}, nil
	}
	got := s.collected[0]
	s.collected = s.collected[1:]
	return got, nil
}

func (s *script) Drain(ctx context.Context) error {
	s.drains++
	if s.hangupAt == "drain" {
		s.gone = true
	}
	if s.gone {
		return dialplan.ErrGone
	}
	return context.Cause(ctx)
}

func (s *script) Wait(_ context.Context, d time.Duration) error {
	s.waits = append(s.waits, d)
	if s.gone {
		return dialplan.ErrGone
	}
	return nil
}

func (s *script) Break()                            {}
func (s *script) Answered() bool                    { return s.answered }
func (s *script) Digits() dialplan.Digits           { return s.digits }
func (s *script) ForgetDigits()                     { s.digits = ""; s.forgot++ }
func (s *script) Kill(string, dialplan.Cause)       {}
func (s *script) SetVariable(dialplan.Variable)     {}
func (s *script) Unwatch() map[string]*dialplan.Leg { return s.legs }
func (s *script) Watch(legs ...string) {
	if s.legs == nil {
		s.legs = map[string]*dialplan.Leg{}
		for _, id := range legs {
			s.legs[id] = &dialplan.Leg{UUID: id}
		}
	}
}

func (s *script) File(_ context.Context, ref string) (dialplan.File, error) {
	if s.missing != "" && strings.Contains(ref, s.missing) {
		return dialplan.File{}, errors.New("no such file")
	}
	return file(ref), nil
}

// file is where the script keeps a reference: nothing of its text is in the name.
func file(ref string) dialplan.File {
	f, err := dialplan.LocalFile(fmt.Sprintf("/cache/%x", ref))
	if err != nil {
		panic(err)
	}
	return f
}

func (s *script) Speech(_ context.Context, text dialplan.Text, voice, language, engine string, stop dialplan.Digits) (dialplan.Application, error) {
	if s.mute {
		return nil, errors.New("no engine")
	}
	return dialplan.Speak{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}, Text: text, Stop: stop}, nil
}

func speak(text string, stop dialplan.Digits) dialplan.Speak {
	return dialplan.Speak{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}, Text: dialplan.Spoken(text), Stop: stop}
}

func playback(ref string, stop dialplan.Digits) dialplan.Playback {
	return dialplan.Playback{File: file(ref), Stop: stop}
}

func (s *script) Recording(uploadURL, method string) (Recording, error) {
	s.ids++
	f, err := dialplan.LocalFile(fmt.Sprintf("/recordings/r%d.wav", s.ids))
	return Recording{ID: fmt.Sprintf("r%d", s.ids), URL: fmt.Sprintf("http://rec/r%d", s.ids), File: f}, err
}

func (s *script) Finished(r Recording, length time.Duration) {
	s.handed = append(s.handed, r)
	s.finished = append(s.finished, length)
}

var carrier, _ = dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number")
var external, _ = dialplan.ParseTemplate("sofia/external/{uri}", "uri")

func (s *script) Number(n dialplan.Number) (dialplan.Endpoint, error) { return carrier.Number(n), nil }
func (s *script) SIP(u dialplan.SIPURI) (dialplan.Endpoint, error)    { return external.URI(u), nil }
func (s *script) User(id string) ([]dialplan.Endpoint, error) {
	if id == "unknown" {
		return nil, errors.New("there is no such user")
	}
	return []dialplan.Endpoint{carrier.Number("201"), carrier.Number("202")}, nil
}

// run runs verbs on the script.
func (s *script) run(t *testing.T, verbs string) (Outcome, error) {
	t.Helper()
	doc, _, err := Parse([]byte("<Response>"+verbs+"</Response>"), "")
	if err != nil {
		t.Fatalf("%s: %v", verbs, err)
	}
	return s.document(t.Context(), doc)
}

func (s *script) document(ctx context.Context, doc *Document) (Outcome, error) {
	s.records = timeline.New()
	r := &Run{Channel: s, Call: &call.State{ID: "a", CallerName: "Ann", CallerNumber: "100"}, Media: s, Routes: s, Timeline: s.records, Settings: s.settings}
	o, err := doc.Run(ctx, r)
	s.vars = r.Vars
	return o, err
}

// expect compares what was asked of the channel with want.
func (s *script) expect(t *testing.T, want ...dialplan.Application) {
	t.Helper()
	if diff := cmp.Diff(want, s.apps, whole); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
}

// codes parses verbs and gives the codes of its problems.
func codes(t *testing.T, verbs string) []string {
	t.Helper()
	_, problems, err := Parse([]byte("<Response>"+verbs+"</Response>"), "")
	if err != nil {
		t.Fatalf("%s: %v", verbs, err)
	}
	var list []string
	for _, p := range problems {
		list = append(list, p.Code)
	}
	return list
}

type apps = []dialplan.Application

var hangup = dialplan.Hangup{}

// straight runs each document to its end and compares what was queued.
func straight(t *testing.T, s script, docs map[string]apps) {
	t.Helper()
	for doc, want := range docs {
		t.Run(doc, func(t *testing.T) {
			s := s
			o, err := s.run(t, doc)
			if err != nil || o.Kind != End {
				t.Errorf("%v, %v", o, err)
			}
			s.expect(t, want...)
		})
	}
}
