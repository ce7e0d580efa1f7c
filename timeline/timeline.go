// Package timeline is what is seen of a call: one stream of records, from which the log, the debug API, `fspivot demo`
// and `fspivot call` all print. It knows nothing of what the records mean, has no goroutine, and calls its sinks on the
// goroutine that adds a record.
package timeline

import (
	"strings"
	"sync"
	"time"
)

// A Party is one end of what a record tells.
type Party string

// Who takes part in a call.
const (
	Caller  Party = "caller"
	Switch  Party = "switch"
	FSPivot Party = "fspivot"
	Web     Party = "web"
	Far     Party = "far end"
)

// A Kind groups records: what happened.
type Kind string

// The kinds of records.
const (
	KindCall    Kind = "call"    // the call came, was answered, ended
	KindStep    Kind = "step"    // a module or a verb started
	KindCommand Kind = "command" // an application or API command was sent
	KindResult  Kind = "result"  // what became of it
	KindDigits  Kind = "digits"  // a key was pressed, or digits were collected
	KindRequest Kind = "request" // we asked the web server
	KindAnswer  Kind = "answer"  // it answered
	KindWarning Kind = "warning" // we coped
	KindError   Kind = "error"   // something failed
)

// A Record is one thing that happened in a call.
type Record struct {
	At     time.Time         `json:"at"`
	Since  time.Duration     `json:"since_ns"` // the call's start
	Kind   Kind              `json:"kind"`
	From   Party             `json:"from"`
	To     Party             `json:"to,omitempty"` // empty: it concerns From alone
	Text   string            `json:"text"`         // one line for people
	Took   time.Duration     `json:"took_ns,omitempty"`
	Fields map[string]string `json:"fields,omitempty"` // for machines; the vocabulary of the log
}

// Limits of a timeline.
const (
	keep      = 10000    // records that it remembers; later ones still reach the sinks
	textBytes = 16 << 10 // of a record's text, which may tell of a whole request
)

// A Timeline collects the records of one call. Its methods may be called from any goroutine; a nil *Timeline drops all.
type Timeline struct {
	start time.Time
	sinks []func(Record)

	mu   sync.Mutex
	kept []kept
}

// kept is a record as it is remembered, for as long as the call lives: a map of two fields would take five times their
// bytes.
type kept struct {
	since, took time.Duration
	kind        Kind
	from, to    Party
	text        string
	fields      []string // names, each followed by its value
}

// remember completes a record and keeps it. Apart from Add, below which sinks need the deepest stack that a call has.
func (t *Timeline) remember(r *Record) {
	if len(r.Text) > textBytes {
		r.Text = strings.ToValidUTF8(r.Text[:textBytes], "") + "…"
	}
	r.At = time.Now()
	r.Since = r.At.Sub(t.start)
	if len(t.kept) >= keep {
		return
	}
	k := kept{since: r.Since, took: r.Took, kind: r.Kind, from: r.From, to: r.To, text: r.Text}
	if len(r.Fields) > 0 {
		k.fields = make([]string, 0, 2*len(r.Fields))
		for name, value := range r.Fields {
			k.fields = append(k.fields, name, value)
		}
	}
	t.kept = append(t.kept, k)
}

func (k kept) record(start time.Time) Record {
	r := Record{At: start.Add(k.since), Since: k.since, Kind: k.kind, From: k.from, To: k.to, Text: k.text, Took: k.took}
	if k.fields != nil {
		r.Fields = make(map[string]string, len(k.fields)/2)
		for i := 0; i < len(k.fields); i += 2 {
			r.Fields[k.fields[i]] = k.fields[i+1]
		}
	}
	return r
}

// New starts a timeline. Every record goes to each sink at once and in order; sinks must not block, nor add records.
func New(sinks ...func(Record)) *Timeline {
	return &Timeline{start: time.Now(), sinks: sinks}
}

// Add completes a record with its time and keeps it. Its Fields must not be changed afterwards.
func (t *Timeline) Add(r Record) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remember(&r)
	for _, sink := range t.sinks {
		sink(r)
	}
}

// Warn adds a record of something that we coped with: code is one of twiml.md's appendix C, or "" where it has none.
func (t *Timeline) Warn(code, text string) {
	t.Add(Record{Kind: KindWarning, From: FSPivot, Text: text, Fields: codeField(code)})
}

// Error adds a record of something that failed.
func (t *Timeline) Error(code, text string) {
	t.Add(Record{Kind: KindError, From: FSPivot, Text: text, Fields: codeField(code)})
}

func codeField(code string) map[string]string {
	if code == "" {
		return nil
	}
	return map[string]string{"code": code}
}

// Records gives what was kept. Empty Fields come back as nil.
func (t *Timeline) Records() []Record {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	records := make([]Record, len(t.kept))
	for i, k := range t.kept {
		records[i] = k.record(t.start)
	}
	return records
}
