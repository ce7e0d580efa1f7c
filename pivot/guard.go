package pivot

import (
	"fmt"
	"time"
)

// idleDocuments is how many documents in a row may do nothing that takes time, and idleTime how long that is.
const (
	idleDocuments = 50
	idleTime      = 15 * time.Millisecond
)

// guard ends loops in which the caller hears nothing while a web server is asked as fast as it answers. It is the call's,
// so that callflows which pivot to one another count as well. Source: twiml.md 2.6; pivot.md 16.
type guard struct {
	answered time.Time // when the last request was over; zero: there was none
	idle     int       // documents in a row that did nothing
}

// next is asked before a request. The error is a limitError.
func (g *guard) next() error {
	if g.answered.IsZero() || time.Since(g.answered) > idleTime {
		g.idle = 0
		return nil
	}
	if g.idle++; g.idle >= idleDocuments {
		return limitError(fmt.Sprintf("%d documents in a row did nothing", idleDocuments))
	}
	return nil
}

func (g *guard) over() { g.answered = time.Now() }

// A limitError is a request that was not made because the call has made too many. No callflow goes on after it: that
// would ask again.
type limitError string

func (e limitError) Error() string { return string(e) }
