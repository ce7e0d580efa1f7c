package bench

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"fspivot/simswitch"
	"fspivot/timeline"
)

// manyReasons is how many ways of ending otherwise are told apart.
const manyReasons = 20

// A watch measures calls from outside: by the records of the service and by what the switch does. Each of its methods may
// be called from any goroutine.
type watch struct {
	calls sync.Map // UUID to *call, of those that live

	toRequest, web, toCommand, between, whole histogram

	placed, live, over, peak atomic.Int64

	mu         sync.Mutex
	unexpected map[string]int
}

// call is what is known of one call. The switch and the service tell of it on goroutines of their own.
type call struct {
	placed time.Time

	mu        sync.Mutex
	asked     bool      // the web server was
	answered  time.Time // the web server did, and no command came since; zero: nothing is awaited
	completed time.Time // an application ended and nothing began since; zero: something runs, or the web server is asked
	cause     string    // hangup cause
	fault     string    // the first error of the timeline
}

func newWatch() *watch { return &watch{unexpected: map[string]int{}} }

func (w *watch) begin(id string) *call {
	c := &call{placed: time.Now()}
	w.calls.Store(id, c)
	w.placed.Add(1)
	live := w.live.Add(1)
	for have := w.peak.Load(); live > have && !w.peak.CompareAndSwap(have, live); have = w.peak.Load() {
	}
	return c
}

// end forgets a call. Reason is why it ended otherwise than it should; "": it did not.
func (w *watch) end(id, reason string) {
	w.calls.Delete(id)
	w.live.Add(-1)
	w.over.Add(1)
	if reason == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.unexpected[reason]; !known && len(w.unexpected) >= manyReasons {
		reason = "for other reasons"
	}
	w.unexpected[reason]++
}

// verdict tells what was wrong with a call that is over; "": nothing.
func (c *call) verdict(cause string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fault != "":
		return "error: " + c.fault
	case !c.asked:
		return "the web server was not asked"
	case c.cause != cause:
		return "hangup cause " + c.cause
	}
	return ""
}

// hear is the switch's Trace: its lock is held, so nothing here may wait.
func (w *watch) hear(t simswitch.Trace) {
	switch t.Kind {
	case simswitch.KindFrameIn, simswitch.KindExecute, simswitch.KindComplete, simswitch.KindHangup:
	default:
		return
	}
	found, ok := w.calls.Load(t.Call)
	if !ok {
		return // a dialled leg
	}
	c := found.(*call)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch t.Kind {
	case simswitch.KindFrameIn:
		if !c.answered.IsZero() {
			w.toCommand.add(t.Time.Sub(c.answered))
			c.answered = time.Time{}
		}
	case simswitch.KindComplete:
		c.completed = t.Time
	case simswitch.KindExecute:
		if !c.completed.IsZero() {
			w.between.add(t.Time.Sub(c.completed))
			c.completed = time.Time{}
		}
	case simswitch.KindHangup:
		c.cause = t.Result
		w.whole.add(t.Time.Sub(c.placed))
	}
}

// observe is the service's observer, on the goroutine that owns the call.
func (w *watch) observe(id string, r timeline.Record) {
	switch r.Kind {
	case timeline.KindRequest, timeline.KindAnswer, timeline.KindError:
	default:
		return
	}
	found, ok := w.calls.Load(id)
	if !ok {
		return
	}
	c := found.(*call)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.Kind {
	case timeline.KindRequest:
		if !c.asked {
			w.toRequest.add(r.At.Sub(c.placed))
		}
		c.asked, c.completed = true, time.Time{}
	case timeline.KindAnswer:
		w.web.add(r.Took)
		c.answered, c.completed = r.At, time.Time{} // what ended meanwhile waited for the web server
	case timeline.KindError:
		if c.fault == "" {
			c.fault = r.Text
		}
	}
}

// sample looks at the goroutines, and writes a line to a terminal that may be nil, until its result is called, which
// gives the most goroutines that there were.
func (w *watch) sample(terminal io.Writer) func() int {
	const every = 250 * time.Millisecond
	peak, stop := runtime.NumGoroutine(), make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		last := int64(0)
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			peak = max(peak, runtime.NumGoroutine())
			if terminal != nil {
				over := w.over.Load()
				fmt.Fprintf(terminal, "\r%d calls, %d live, %d/s\x1b[K", over, w.live.Load(), (over-last)*int64(time.Second/every))
				last = over
			}
		}
	})
	return func() int {
		close(stop)
		sampling.Wait()
		if terminal != nil {
			fmt.Fprint(terminal, "\r\x1b[K")
		}
		return peak
	}
}

func (w *watch) fill(r *Result, took time.Duration) {
	r.Calls, r.Took = w.over.Load(), took
	r.PerSecond = float64(r.Calls) / took.Seconds()
	r.PeakLive = w.peak.Load()
	r.ToRequest, r.Web, r.ToCommand = w.toRequest.spread(), w.web.spread(), w.toCommand.spread()
	r.Between, r.Whole = w.between.spread(), w.whole.spread()
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Unexpected = w.unexpected
}
