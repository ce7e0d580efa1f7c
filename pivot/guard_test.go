package pivot

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g guard
		// until gives how many requests may follow one another when that much time passes between two of them.
		until := func(between time.Duration) int {
			for n := range 2 * idleDocuments {
				if err := g.next(); err != nil {
					if _, ok := errors.AsType[limitError](err); !ok {
						t.Errorf("%T", err)
					}
					return n
				}
				<-time.After(time.Second) // the web server's time is none of the document's
				g.over()
				<-time.After(between)
			}
			return 2 * idleDocuments
		}
		for _, c := range []struct {
			between time.Duration
			want    int
		}{{0, idleDocuments}, {idleTime, idleDocuments}, {idleTime + time.Nanosecond, 2 * idleDocuments}} {
			g = guard{}
			if got := until(c.between); got != c.want {
				t.Errorf("%s between: %d requests, want %d", c.between, got, c.want)
			}
		}
	})
}
