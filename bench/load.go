package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"fspivot/simswitch"
)

// load places calls until there were enough, and returns when the last one is over.
func (o Options) load(ctx context.Context, fs *simswitch.Switch, w *watch) error {
	placing := ctx
	if o.For > 0 {
		var cancel context.CancelFunc
		placing, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	free := make(chan struct{}, o.Concurrency) // full: the next call waits until one ends
	var live sync.WaitGroup
	started := time.Now()
	for n := 0; o.Calls == 0 || n < o.Calls; n++ {
		if o.Rate > 0 && !wait(placing, time.Until(started.Add(time.Duration(n)*time.Second/time.Duration(o.Rate)))) {
			break
		}
		select {
		case free <- struct{}{}:
		case <-placing.Done():
		}
		if placing.Err() != nil {
			break
		}
		live.Go(func() {
			o.one(ctx, fs, w)
			<-free
		})
	}
	live.Wait()
	return context.Cause(ctx)
}

// wait lets d pass, unless ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// one is one call, from the INVITE to its last event.
func (o Options) one(ctx context.Context, fs *simswitch.Switch, w *watch) {
	id := uuid.NewString()
	c := w.begin(id)
	phone, err := fs.Call(ctx, simswitch.Call{UUID: id, Request: loadNumber})
	if err != nil {
		w.end(id, "not placed: "+err.Error())
		return
	}
	patience := time.NewTimer(o.Patience)
	defer patience.Stop()
	select {
	case <-phone.Done():
		w.end(id, c.verdict(o.Cause))
		return
	case <-patience.C:
	case <-ctx.Done():
	}
	phone.Hangup("")
	<-phone.Done()
	w.end(id, fmt.Sprintf("over %s: it was hung up", o.Patience))
}
