package kazoojson

import (
	"context"
	"encoding/json"
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
	digits    dialplan.Digits              // pressed, not taken yet
	typed     map[string][]dialplan.Digits // pressed during an application of that name, in turn
	collected []dialplan.Collected
	results   map[string][]result // of Do, by application, in turn; the last one stays
	hangupAt  string              // application, or "drain", "wait", "collect", "file", "speech": the caller hangs up in it
	cancelAt  string              // the same, and the process is told to stop
	missing   string              // part of references that can't be had
	mute      string              // what speech can't do: "voices", "all"
	noFile    bool                // no recording can be made
	carriers  string              // prefix of the numbers that are routed
	onDo      func(dialplan.Application)

	state     call.State
	flows     map[string]string         // stored callflows by id, "" an empty one
	documents map[string]map[string]any // by collection/id
	pivots    []Pivot                   // answers of web servers, in turn
	settings  Settings
	most      int // applications until it is called endless; 0: 5000

	apps     []dialplan.Application // everything that was asked for, in order
	collects []dialplan.Collect
	waits    []time.Duration
	drains   int
	forgot   int
	gone     bool
	ends     int // waits for the end
	asked    []PivotData
	made     []string        // recordings
	handed   []string        // recordings that were handed over
	lengths  []time.Duration // and their lengths
	spoken   []string        // voice, language and engine that were asked for
	dialled  []dialplan.Number
	records  *timeline.Timeline
	cancel   context.CancelCauseFunc
}

type result struct {
	response string
	vars     dialplan.Scripted
	dropped  bool
}

var (
	errStopped = errors.New("the service stops")
	errEndless = errors.New("script: endless")
)

// at is called in every step that takes time. It gives the error of one that the test ends.
func (s *script) at(ctx context.Context, what string) error {
	if s.hangupAt == what {
		s.gone = true
	}
	if s.cancelAt == what {
		s.cancel(errStopped)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.gone:
		return dialplan.ErrGone
	}
	return nil
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
		if respond, ok := a.(dialplan.Respond); ok && respond.Code >= 400 {
			s.gone = true
		}
		if _, ok := a.(dialplan.Hangup); ok {
			s.gone = true
		}
	}
}

func (s *script) Do(ctx context.Context, a dialplan.Application) (dialplan.Completion, error) {
	dropped := dialplan.Completion{Application: a.Name(), Dropped: true}
	if s.gone {
		return dropped, dialplan.ErrGone
	}
	s.apps = append(s.apps, a)
	most := s.most
	if most == 0 {
		most = 5000
	}
	if len(s.apps) > most {
		return dropped, errEndless
	}
	if s.onDo != nil {
		s.onDo(a)
	}
	if list := s.typed[a.Name()]; len(list) > 0 {
		s.digits += list[0]
		s.typed[a.Name()] = list[1:]
	}
	err := s.at(ctx, a.Name())
	var r result
	if list := s.results[a.Name()]; len(list) > 0 {
		if r = list[0]; len(list) > 1 {
			s.results[a.Name()] = list[1:]
		}
	}
	if r.dropped {
		return dropped, err
	}
	return dialplan.Complete(a.Name(), r.response, r.vars), err
}

func (s *script) Collect(ctx context.Context, c dialplan.Collect) (dialplan.Collected, error) {
	s.collects = append(s.collects, c)
	if err := s.at(ctx, "collect"); err != nil {
		return dialplan.Collected{}, err
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
	return s.at(ctx, "drain")
}

func (s *script) Wait(ctx context.Context, d time.Duration) error {
	s.waits = append(s.waits, d)
	if list := s.typed["wait"]; len(list) > 0 {
		s.digits += list[0]
		s.typed["wait"] = list[1:]
	}
	return s.at(ctx, "wait")
}

func (s *script) WaitForEnd(ctx context.Context) error {
	s.ends++
	if s.cancelAt == "end" {
		s.cancel(errStopped)
		return context.Cause(ctx)
	}
	s.gone = true
	return nil
}

func (s *script) Gone() bool     { return s.gone }
func (s *script) Answered() bool { return s.answered }
func (s *script) ForgetDigits()  { s.digits = ""; s.forgot++ }
func (s *script) TakeDigits() dialplan.Digits {
	d := s.digits
	s.digits = ""
	return d
}

func (s *script) File(ctx context.Context, ref string) (dialplan.File, error) {
	if err := s.at(ctx, "file"); err != nil {
		return dialplan.File{}, err
	}
	if s.missing != "" && strings.Contains(ref, s.missing) {
		return dialplan.File{}, errors.New("no such file")
	}
	return reference(ref)
}

// reference is where the script has a reference: streams as they are, all else in a file that is named for its letters.
func reference(ref string) (dialplan.File, error) {
	switch scheme, rest, _ := strings.Cut(ref, "://"); scheme {
	case "tone_stream":
		return dialplan.Tone(rest)
	case "local_stream":
		return dialplan.LocalStream(rest)
	}
	return dialplan.LocalFile(fmt.Sprintf("/cache/%x", ref))
}

func playback(ref string, stop dialplan.Digits) dialplan.Playback {
	f, err := reference(ref)
	if err != nil {
		panic(err)
	}
	return dialplan.Playback{File: f, Stop: stop}
}

func (s *script) Speech(ctx context.Context, text dialplan.Text, voice, language, engine string, stop dialplan.Digits) (dialplan.Application, error) {
	if err := s.at(ctx, "speech"); err != nil {
		return nil, err
	}
	s.spoken = append(s.spoken, voice+"/"+language+"/"+engine)
	if s.mute == "all" || s.mute == "voices" && voice+engine != "" {
		return nil, errors.New("no such voice")
	}
	return dialplan.Speak{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}, Text: text, Stop: stop}, nil
}

func speak(text string, stop dialplan.Digits) dialplan.Speak {
	return dialplan.Speak{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}, Text: dialplan.Spoken(text), Stop: stop}
}

func (s *script) Recording(uploadURL, method, format string) (Recording, error) {
	if s.noFile {
		return Recording{}, errors.New("no space")
	}
	s.made = append(s.made, uploadURL+" "+method+" "+format)
	f, err := dialplan.LocalFile(fmt.Sprintf("/recordings/r%d.wav", len(s.made)))
	return Recording{ID: fmt.Sprintf("r%d", len(s.made)), File: f}, err
}

func (s *script) Finished(r Recording, length time.Duration) {
	s.handed = append(s.handed, r.ID)
	s.lengths = append(s.lengths, length)
}

var carrier, _ = dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number")

func (s *script) Number(n dialplan.Number) (dialplan.Endpoint, error) {
	s.dialled = append(s.dialled, n)
	if !strings.HasPrefix(string(n), s.carriers) {
		return dialplan.Endpoint{}, errors.New("no resource matches")
	}
	return carrier.Number(n), nil
}

// walk runs a flow, as a web server returned it or, where it is not one, as a stored one.
func (s *script) walk(t *testing.T, flow string) error {
	t.Helper()
	node, err := Parse([]byte(flow), true)
	if err != nil {
		node, err = Parse([]byte(flow), false)
	}
	if err != nil {
		t.Fatalf("%s: %v", flow, err)
	}
	return s.run(t, node)
}

func (s *script) run(t *testing.T, node *Node) error {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s.cancel, s.records = cancel, timeline.New()
	return Walk(ctx, &Run{
		Channel: s, Call: &s.state, Media: s, Routes: s, Timeline: s.records, Settings: s.settings,
		Flows: func(id string) (*Node, bool) {
			body, ok := s.flows[id]
			if !ok || body == "" {
				return nil, ok
			}
			return parsed(t, body), true
		},
		Documents: func(collection, id string) (map[string]any, bool) {
			doc, ok := s.documents[collection+"/"+id]
			return doc, ok
		},
		Pivot: func(_ context.Context, data PivotData) (Pivot, error) {
			s.asked = append(s.asked, data)
			if len(s.pivots) == 0 {
				s.Queue(dialplan.Hangup{})
				return Pivot{}, nil
			}
			answer := s.pivots[0]
			s.pivots = s.pivots[1:]
			return answer, s.at(ctx, "pivot")
		},
	}, node)
}

// parsed is a stored flow.
func parsed(t *testing.T, flow string) *Node {
	t.Helper()
	node, err := Parse([]byte(flow), false)
	if err != nil {
		t.Fatalf("%s: %v", flow, err)
	}
	return node
}

// document is an account document as the store reads it.
func document(t *testing.T, body string) map[string]any {
	t.Helper()
	value, err := decode([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return value.(map[string]any)
}

// expect compares what was asked of the channel with want.
func (s *script) expect(t *testing.T, want ...dialplan.Application) {
	t.Helper()
	if diff := cmp.Diff(want, s.apps, whole); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
}

// told gives the texts of the records of a kind.
func (s *script) told(kind timeline.Kind) []string {
	var list []string
	for _, r := range s.records.Records() {
		if r.Kind == kind {
			list = append(list, r.Text)
		}
	}
	return list
}

// problems are the warnings and errors.
func (s *script) problems() []string {
	return append(s.told(timeline.KindWarning), s.told(timeline.KindError)...)
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, whole); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

type apps = []dialplan.Application

// ended is the hangup at a flow's end.
var ended = dialplan.Hangup{}

// action is a node as JSON, with children by key.
func action(module, data string, children ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"module": %q, "data": %s, "children": {`, module, data)
	for i := 0; i < len(children); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(children[i])
		fmt.Fprintf(&b, "%s: %s", key, children[i+1])
	}
	return b.String() + "}}"
}

// say is a node that shows that it was reached.
func say(text string, children ...string) string {
	quoted, _ := json.Marshal(text)
	return action("tts", `{"text": `+string(quoted)+`, "terminators": []}`, children...)
}

// said is what say does on an answered call.
func said(text string) dialplan.Application { return speak(text, "") }

// faults parses a flow and gives the paths of its faults.
func faults(t *testing.T, flow string, strict bool) []string {
	t.Helper()
	_, err := Parse([]byte(flow), strict)
	return paths(t, err)
}

func paths(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var list []string
	for _, e := range flattened(err) {
		fault, ok := errors.AsType[*DocumentError](e)
		if !ok {
			list = append(list, e.Error())
			continue
		}
		list = append(list, fault.Path)
	}
	return list
}

func flattened(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// moduleOf parses the data of a stored node, or of a returned one.
func moduleOf(t *testing.T, name, data string, strict bool) (module, []string) {
	t.Helper()
	p := parser{strict: strict}
	n := p.node(document(t, fmt.Sprintf(`{"module": %q, "data": %s}`, name, data)), &place{key: "flow"}, 1)
	if err := p.err([]byte(data), map[string]string{"flow": ""}); err != nil {
		t.Fatalf("%s %s: %v", name, data, err)
	}
	return n.module, n.warnings
}
