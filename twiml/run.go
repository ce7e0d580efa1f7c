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
	Answered() bool
	Digits() dialplan.Digits
	ForgetDigits()
	Watch(legs ...string)
	Unwatch() map[string]*dialplan.Leg
	End() dialplan.End
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
	RejectCode      int           // SIP status of Reject, 400–699; others: 603
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
// may hold a detached request, or the context's cause; it never is the document's fault. A call that somebody took away
// is Left, without an error.
func (d *Document) Run(ctx context.Context, r *Run) (Outcome, error) {
	s := &session{Run: r}
	s.Channel.ForgetDigits() // what was pressed before belongs to another document
	o, err := d.run(ctx, s)
	if errors.Is(err, dialplan.ErrGone) {
		switch s.Channel.End().How {
		case dialplan.Left:
			return Outcome{Kind: Left}, nil
		case dialplan.Lost: // the call lives on, in another process: it is not for us to tell how it went
			return Outcome{}, err
		}
	}
	return o, err
}

func (d *Document) run(ctx context.Context, s *session) (Outcome, error) {
	if d.Empty() && s.Settings.EmptyAnswers {
		s.answer()
	}
	for _, v := range d.verbs {
		if err := context.Cause(ctx); err != nil {
			return Outcome{}, err
		}
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

// over waits until what was queued before the end was heard. That the call is hung up then is what was wanted.
func (s *session) over(ctx context.Context) (Outcome, error) {
	err := s.drain(ctx)
	if how := s.Channel.End().How; errors.Is(err, dialplan.ErrGone) && how != dialplan.Left && how != dialplan.Lost {
		err = nil
	}
	return Outcome{Kind: End}, err
}

// ending gives the error that ends the document, of one that otherwise only costs a verb its media.
func ending(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, dialplan.ErrGone):
		return err
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
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
	for _, a := range apps {
		s.Channel.Queue(a)
		if s.queued++; s.queued >= ahead {
			if err := s.drain(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// drain waits until everything that was queued has ended.
func (s *session) drain(ctx context.Context) error {
	s.queued = 0
	return s.Channel.Drain(ctx)
}

// do is for an application whose result is of interest. It waits for all that was queued before, too.
func (s *session) do(ctx context.Context, a dialplan.Application) (dialplan.Completion, error) {
	s.queued = 0
	return s.Channel.Do(ctx, a)
}

func (s *session) collect(ctx context.Context, c dialplan.Collect) (dialplan.Collected, error) {
	s.queued = 0
	return s.Channel.Collect(ctx, c)
}

// play plays apps one after the other, times times, until a key of stop; times 0: until hangup or key. It waits only
// where something depends on a key or a failure: never for the last one.
func (s *session) play(ctx context.Context, apps []dialplan.Application, times int, stop dialplan.Digits) error {
	times = s.times(times)
	if len(apps) == 0 {
		return nil
	}
	if times == 1 && len(apps) == 1 || stop == "" && times > 0 && times <= ahead/2 {
		for range times {
			if err := s.queue(ctx, apps...); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.drain(ctx); err != nil {
		return err
	}
	heard := len(s.Channel.Digits())
	for turn, failures := 1, 0; ; turn++ {
		failed := false
		for i, a := range apps {
			if turn == times && i == len(apps)-1 {
				return s.queue(ctx, a) // a key ends it by itself, and there is nothing left to drop
			}
			done, err := s.do(ctx, a)
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
