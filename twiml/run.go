package twiml

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/timeline"
)

// Channel is all that verbs ask of a live call: *dialplan.Channel provides it, and a script in a unit test.
type Channel interface {
	Queue(...dialplan.Application)
	Do(context.Context, dialplan.Application) (dialplan.Completion, error)
	Collect(context.Context, dialplan.Collect) (dialplan.Collected, error)
	Drain(context.Context) error
	Break()
	Wait(context.Context, time.Duration) error
	Answered() bool
	Digits() dialplan.Digits
	ForgetDigits()
	Watch(legs ...string)
	Unwatch() map[string]*dialplan.Leg
	Kill(leg string, cause dialplan.Cause)
	SetVariable(dialplan.Variable)
}

// Media turns what a document names into what the switch can play, and speaks.
type Media interface {
	// File resolves the content of a Play: a URL, absolute or relative to the document, a media id or a name. The error
	// was recorded where it arose: the caller only leaves the file out.
	File(ctx context.Context, ref string) (dialplan.File, error)
	// Speech gives the application that says text, until a key of stop. voice, language and engine are as the document
	// wrote them, or "".
	Speech(ctx context.Context, text dialplan.Text, voice, language, engine string, stop dialplan.Digits) (dialplan.Application, error)
	// Recording makes a new recording. uploadURL and method are as the document wrote them, or "".
	Recording(uploadURL, method string) (Recording, error)
	// Finished hands a recording over, to be uploaded and told of in the background. Length 0: nothing was recorded.
	Finished(r Recording, length time.Duration)
}

// Recording is one recording and what becomes of it.
type Recording struct {
	ID   string
	URL  string // where it will be found; "": nowhere
	File dialplan.File

	Callback, CallbackMethod string // as the document wrote them; "": none, POST
	CallbackEvents           []string
	UploadURL, UploadMethod  string
}

// Routes says how targets are dialled. An error tells that a target can't be.
type Routes interface {
	Number(n dialplan.Number) (dialplan.Endpoint, error)
	SIP(u dialplan.SIPURI) (dialplan.Endpoint, error)
	User(id string) ([]dialplan.Endpoint, error) // a User, Device or Client
}

// Dialects. They differ in the rows that twiml.md marks with [D].
const (
	Pivot  = "pivot"
	Twilio = "twilio"
)

// Values of Settings.UnknownVerb.
const (
	Skip       = "skip"
	HangUpOnIt = "hangup"
)

// Settings are what an operator or a pivot node may choose. The zero value is the documented default.
type Settings struct {
	Dialect         string        // Pivot or Twilio; "": Pivot
	HangupSilent    bool          // Hangup does not answer an unanswered call first; false: it does
	EmptyAnswers    bool          // a document without verbs answers before it ends the call
	DialSilent      bool          // Dial leaves the answer to the bridge; false: it answers unless answerOnBridge
	UnknownVerb     string        // Skip or HangUpOnIt; "": Skip
	SayLimit        int           // characters of a Say; 0: 4096
	RecordMax       time.Duration // longest Record; 0: 3600 s
	RejectCode      int           // SIP status of Reject, 300–699; 0: 603
	GatherTotal     bool          // Gather's timeout is for all keys together, not for each
	RecordThreshold int           // energy under which a Record hears silence; 0: 200
}

// Run is what a document runs with. Everything in Call and Vars survives the document.
type Run struct {
	Channel  Channel
	Call     *call.State
	Media    Media
	Routes   Routes
	Timeline *timeline.Timeline
	Vars     map[string]string // user variables of Set; the document adds to it. nil: made when the first is set
	Settings Settings
}

// OutcomeKind is how a document ended.
type OutcomeKind int

// How a document ends.
const (
	End         OutcomeKind = iota // the call is over, or to be hung up
	RequestNext                    // another document is wanted
	Left                           // the call went elsewhere
)

func (k OutcomeKind) String() string {
	switch k {
	case End:
		return "end"
	case RequestNext:
		return "request"
	case Left:
		return "left"
	}
	return "outcome " + strconv.Itoa(int(k))
}

// Outcome is what became of a document.
type Outcome struct {
	Kind    OutcomeKind
	Request *Request // of RequestNext
}

// Request is a document that is wanted.
type Request struct {
	URL      string            // as written, relative or absolute; "": the current document
	Method   string            // "GET" or "POST"
	Params   map[string]string // the result of the verb that asks: Digits, RecordingUrl, DialCallStatus, …
	Detached bool              // the caller has hung up: best effort, the answer is ignored
	Invalid  error             // the URL can't be asked for: a failed request, code 11100
}

// outcome is how a verb ended. The zero value: the next verb's turn.
type outcome struct {
	stop bool
	Outcome
}

var (
	next = outcome{}
	end  = outcome{stop: true, Outcome: Outcome{Kind: End}}
	left = outcome{stop: true, Outcome: Outcome{Kind: Left}}
)

func request(r *Request) outcome {
	return outcome{stop: true, Outcome: Outcome{Kind: RequestNext, Request: r}}
}

// session is one document at work on a call.
type session struct {
	*Run
	queued int // applications since the last wait
}

// Run carries the document out. The error is dialplan.ErrGone when the caller hung up in the middle, the outcome then
// may hold a detached request, or the context's cause; it never is the document's fault.
func (d *Document) Run(ctx context.Context, r *Run) (Outcome, error) {
	s := &session{Run: r}
	s.Channel.ForgetDigits() // what was pressed before belongs to another document
	if d.Empty() && s.Settings.EmptyAnswers {
		s.answer()
	}
	for _, v := range d.verbs {
		s.Timeline.Add(timeline.Record{Kind: timeline.KindStep, From: timeline.FSPivot, Text: v.name,
			Fields: map[string]string{"verb": v.name, "line": strconv.Itoa(v.line)}})
		o, err := v.verb.run(ctx, s)
		if err != nil {
			return o.Outcome, err
		}
		if !o.stop {
			continue
		}
		if o.Kind == End {
			return s.over(ctx)
		}
		return o.Outcome, nil
	}
	s.Channel.Queue(dialplan.Hangup{})
	return s.over(ctx)
}

// over waits until what was queued before the end was heard. That the call is gone then is what was wanted.
func (s *session) over(ctx context.Context) (Outcome, error) {
	if err := s.Channel.Drain(ctx); err != nil && !errors.Is(err, dialplan.ErrGone) {
		return Outcome{}, err
	}
	return Outcome{Kind: End}, nil
}

func (s *session) twilio() bool { return s.Settings.Dialect == Twilio }

// method is the one that a document wrote, or the dialect's default for actions.
func (s *session) method(written string) string {
	switch {
	case written != "":
		return written
	case s.twilio():
		return "POST"
	}
	return "GET"
}

// action is the request of a verb that has a result.
func (s *session) action(r reference, method string, params map[string]string) *Request {
	return &Request{URL: r.url, Method: s.method(method), Params: params, Invalid: r.invalid}
}

func (s *session) answer() {
	if !s.Channel.Answered() {
		s.Channel.Queue(dialplan.Answer{})
	}
}

// ahead is how many applications are queued before the document waits for them: a document of thousands of verbs
// should neither fetch all their media at once nor go on long after a hangup.
const ahead = 64

// queue is for straight-line verbs. It seldom waits.
func (s *session) queue(ctx context.Context, apps ...dialplan.Application) error {
	s.Channel.Queue(apps...)
	if s.queued += len(apps); s.queued < ahead {
		return nil
	}
	s.queued = 0
	return s.Channel.Drain(ctx)
}

// play plays apps one after the other, times times, until a key of stop; times 0: until hangup or key. It only queues
// them where nothing depends on their end.
func (s *session) play(ctx context.Context, apps []dialplan.Application, times int, stop dialplan.Digits) error {
	if len(apps) == 0 {
		return nil
	}
	single := times == 1 && len(apps) == 1
	if times > 0 && (single || stop == "" && times*len(apps) <= ahead/2) {
		for range times {
			if err := s.queue(ctx, apps...); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.Channel.Drain(ctx); err != nil {
		return err
	}
	times = s.times(times)
	heard := len(s.Channel.Digits())
	for turn, failures := 0, 0; times == 0 || turn < times; turn++ {
		failed := false
		for _, a := range apps {
			done, err := s.Channel.Do(ctx, a)
			if err != nil {
				return err
			}
			for _, key := range string(s.Channel.Digits()[heard:]) {
				if stop.Has(key) {
					return nil
				}
			}
			played := done.Played()
			failed = failed || played.Missing || played.Failed || done.Dropped
		}
		if !failed {
			failures = 0
		} else if failures++; failures >= 2 {
			s.Timeline.Error("", "two repetitions in a row could not be played: going on")
			return nil
		}
	}
	return nil
}

// times is how often something is repeated in this dialect. Source: twiml.md 2.6.
func (s *session) times(loop int) int {
	if loop == 0 && s.twilio() {
		return 1000
	}
	return loop
}

// wholeSeconds rounds half up; anything at all is at least one second.
func wholeSeconds(d time.Duration) string {
	if d <= 0 {
		return "0"
	}
	return fmt.Sprint(max(1, int64((d+time.Second/2)/time.Second)))
}
