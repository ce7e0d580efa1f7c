package twiml

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// whole compares dialplan values with all their fields, but for the ids of legs, which are random.
var whole = cmp.Options{cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.IgnoreFields(dialplan.Endpoint{}, "UUID")}

// script is a call that goes as a test wants it. It implements Channel, Media and Routes.
type script struct {
	answered  bool
	digits    dialplan.Digits // pressed, not taken yet
	collected []keyed         // what each Collect gets, in turn
	timed     bool            // Collects take their time
	results   map[string][]result
	hangupAt  string // application, or "collect" or "drain", during which the caller goes
	hangupNth int    // of those; 0: the first
	how       string // how the caller goes; "": hangs up
	legs      func(ids []string) []dialplan.Leg
	onDo      func(dialplan.Application)
	settings  Settings
	missing   string // part of references that can't be had
	fileError error  // of every reference
	mute      bool   // no speech engine
	noTape    bool   // no recording can be made
	folder    string // of recordings; "": /recordings
	endpoint  func(dialplan.Number) (dialplan.Endpoint, error)

	apps     []dialplan.Application // everything that was asked for, in order
	collects []dialplan.Collect
	watched  []string
	spoken   []string // voice|language|engine of each Speech
	drains   int
	most     int  // applications between two waits
	run1     int  // since the last wait
	hung     bool // the caller has gone, and nobody has noticed yet
	gone     bool
	ids      int
	finished []time.Duration
	handed   []Recording
	records  *timeline.Timeline
	vars     map[string]string
	forgot   int
}

// keyed is what a Collect gets, and when: later than it waits for is not at all.
type keyed struct {
	dialplan.Collected
	after time.Duration
}

// keys are what Collects get at once.
func keys(list ...dialplan.Collected) []keyed {
	var out []keyed
	for _, c := range list {
		out = append(out, keyed{Collected: c})
	}
	return out
}

// result is what an application came to.
type result struct {
	response string
	vars     dialplan.Scripted
	err      error
}

// goes tells whether the caller goes during that.
func (s *script) goes(during string) bool {
	if s.hangupAt != during {
		return false
	}
	s.hangupNth--
	return s.hangupNth <= 0
}

func (s *script) Queue(apps ...dialplan.Application) {
	for _, a := range apps {
		if s.gone {
			return
		}
		if _, ok := a.(dialplan.Answer); ok {
			if s.answered {
				continue
			}
			s.answered = true
		}
		s.apps = append(s.apps, a)
		s.run1++
		s.most = max(s.most, s.run1)
		switch a.(type) {
		case dialplan.Hangup, dialplan.Respond:
			s.hung = true
		default:
			s.hung = s.hung || s.goes(a.Name())
		}
	}
}

// wait is where the script's owner waits: it tells whether the caller is gone.
func (s *script) wait() bool {
	s.run1 = 0
	s.gone = s.gone || s.hung
	return s.gone
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
	if s.wait() {
		return dropped, dialplan.ErrGone
	}
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
	if s.goes(a.Name()) {
		s.gone, r.err = true, dialplan.ErrGone
	}
	return dialplan.Complete(a.Name(), r.response, r.vars), r.err
}

// Collect waits as long as it was asked to.
func (s *script) Collect(ctx context.Context, c dialplan.Collect) (dialplan.Collected, error) {
	s.collects = append(s.collects, c)
	if s.goes("collect") {
		s.hung = true
	}
	if s.wait() {
		return dialplan.Collected{}, dialplan.ErrGone
	}
	if err := context.Cause(ctx); err != nil {
		return dialplan.Collected{}, err
	}
	pass := func(d time.Duration) {
		if s.timed {
			<-time.After(d)
		}
	}
	if len(s.collected) == 0 {
		pass(c.First)
		return dialplan.Collected{}, nil
	}
	got := &s.collected[0]
	if got.after > c.First {
		got.after -= c.First
		pass(c.First)
		return dialplan.Collected{}, nil
	}
	pass(got.after)
	s.collected = s.collected[1:]
	return got.Collected, nil
}

func (s *script) Drain(ctx context.Context) error {
	s.drains++
	if s.goes("drain") {
		s.hung = true
	}
	if s.wait() {
		return dialplan.ErrGone
	}
	return context.Cause(ctx)
}

func (s *script) Answered() bool          { return s.answered }
func (s *script) Digits() dialplan.Digits { return s.digits }
func (s *script) ForgetDigits()           { s.digits = ""; s.forgot++ }
func (s *script) Watch(legs ...string)    { s.watched = append([]string(nil), legs...) }

func (s *script) Unwatch() map[string]*dialplan.Leg {
	legs := map[string]*dialplan.Leg{}
	for _, id := range s.watched {
		legs[id] = &dialplan.Leg{UUID: id}
	}
	if s.legs != nil {
		for i, leg := range s.legs(s.watched) {
			leg.UUID = s.watched[i]
			legs[leg.UUID] = &leg
		}
	}
	return legs
}

func (s *script) End() dialplan.End {
	switch {
	case !s.gone:
		return dialplan.End{}
	case s.how == "":
		return dialplan.End{How: dialplan.HungUp}
	}
	return dialplan.End{How: s.how}
}

func (s *script) File(_ context.Context, ref string) (dialplan.File, error) {
	if s.fileError != nil {
		s.gone = s.gone || errors.Is(s.fileError, dialplan.ErrGone)
		return dialplan.File{}, s.fileError
	}
	if s.missing != "" && strings.Contains(ref, s.missing) {
		return dialplan.File{}, errors.New("no such file")
	}
	return file(ref), nil
}

var seed = maphash.MakeSeed()

// file is where the script keeps a reference: nothing of its text is in the name.
func file(ref string) dialplan.File {
	if len(ref) > 200 {
		ref = fmt.Sprint(maphash.String(seed, ref))
	}
	f, err := dialplan.LocalFile(fmt.Sprintf("/cache/%x", ref))
	if err != nil {
		panic(err)
	}
	return f
}

func (s *script) Speech(_ context.Context, text dialplan.Text, voice, language, engine string, stop dialplan.Digits) (dialplan.Application, error) {
	s.spoken = append(s.spoken, voice+"|"+language+"|"+engine)
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
	if s.noTape {
		return Recording{}, errors.New("no folder")
	}
	s.ids++
	folder := s.folder
	if folder == "" {
		folder = "/recordings"
	}
	f, err := dialplan.LocalFile(fmt.Sprintf("%s/r%d.wav", folder, s.ids))
	return Recording{ID: fmt.Sprintf("r%d", s.ids), URL: fmt.Sprintf("http://rec/r%d", s.ids), File: f}, err
}

func (s *script) Finished(r Recording, length time.Duration) {
	s.handed = append(s.handed, r)
	s.finished = append(s.finished, length)
}

var carrier, _ = dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number")
var external, _ = dialplan.ParseTemplate("sofia/external/{uri}", "uri")

func (s *script) Number(n dialplan.Number) (dialplan.Endpoint, error) {
	if s.endpoint != nil {
		return s.endpoint(n)
	}
	return carrier.Number(n), nil
}

func (s *script) SIP(u dialplan.SIPURI) (dialplan.Endpoint, error) { return external.URI(u), nil }
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
	r := &Run{Channel: s, Call: s.call(), Media: s, Routes: s, Timeline: s.records, Settings: s.settings}
	o, err := doc.Run(ctx, r)
	s.vars = r.Vars
	return o, err
}

func (s *script) call() *call.State {
	return &call.State{ID: "a", CallerName: "Ann", CallerNumber: "100"}
}

// recorded gives the codes of warnings and errors, in order.
func (s *script) recorded() []string {
	var list []string
	for _, r := range s.records.Records() {
		if r.Kind == timeline.KindWarning || r.Kind == timeline.KindError {
			list = append(list, r.Fields["code"])
		}
	}
	return list
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
