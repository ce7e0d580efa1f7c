package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"fspivot/simswitch"
)

// starting is how many idle calls may be on their way at a time, so that they need few connections to the web server,
// which stay open and would count as memory of the calls.
const starting = 32

// Idle is what calls cost that do nothing: live heap and stacks, without the kernel's socket buffers and without the
// garbage between two collections.
type Idle struct {
	Calls     int   `json:"calls"`
	PerCall   int64 `json:"bytes_per_call"`        // of the service
	Stacks    int64 `json:"stack_bytes_per_call"`  // part of PerCall
	PerSwitch int64 `json:"bytes_per_switch_call"` // of the simulated switch, which is in the same process
}

// measureIdle holds calls against a peer that does no more than the switch needs, then against the service. What the
// latter cost more is the service's.
func (o Options) measureIdle(ctx context.Context, address string) (*Idle, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Patience, fmt.Errorf("idle calls: over %s", o.Patience))
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var peer sync.WaitGroup
	peer.Go(func() { holdAll(listener) })
	alone, err := o.hold(ctx, listener.Addr().String(), nil)
	_ = listener.Close()
	peer.Wait()
	if err != nil {
		return nil, err
	}
	both, err := o.hold(ctx, address, o.HeapProfile)
	if err != nil {
		return nil, err
	}
	n := int64(o.Idle)
	return &Idle{Calls: o.Idle, PerCall: (both.sum() - alone.sum()) / n, Stacks: (both.stacks - alone.stacks) / n,
		PerSwitch: alone.sum() / n}, nil
}

// hold places idle calls, and gives what they need together once all of them play silence.
func (o Options) hold(ctx context.Context, address string, profile io.Writer) (bytes, error) {
	playing := make(chan struct{}, o.Idle) // full: every call plays, and more plays tell nothing
	fs := simswitch.New(simswitch.Config{Dial: dialer(address), NoFrameOut: true, Trace: func(t simswitch.Trace) {
		if t.Kind == simswitch.KindPlay {
			select {
			case playing <- struct{}{}:
			default:
			}
		}
	}})
	defer func() { _ = fs.Close() }() // it hangs up
	before := occupied()
	for n := range o.Idle + starting {
		if n < o.Idle {
			// Its own context: that the time is over is told below.
			if _, err := fs.Call(context.WithoutCancel(ctx), simswitch.Call{Request: idleNumber}); err != nil {
				return bytes{}, err
			}
		}
		if n < starting || n-starting >= o.Idle {
			continue
		}
		select {
		case <-playing:
		case <-ctx.Done():
			return bytes{}, fmt.Errorf("call %d of %d does not play: %w", n-starting+1, o.Idle, context.Cause(ctx))
		}
	}
	after := occupied()
	if profile != nil {
		if err := pprof.Lookup("heap").WriteTo(profile, 0); err != nil {
			return bytes{}, err
		}
	}
	return bytes{after.heap - before.heap, after.stacks - before.stacks}, nil
}

// holdAll answers each of the switch's connections once and lets it play silence, until listener is closed.
func holdAll(listener net.Listener) {
	const commands = "connect\n\nlinger 30\n\nevents plain CHANNEL_HANGUP_COMPLETE\n\n" +
		"sendmsg\ncall-command: execute\nexecute-app-name: answer\n\n" +
		"sendmsg\ncall-command: execute\nexecute-app-name: playback\nexecute-app-arg: silence_stream://3600000\n\n"
	var held []net.Conn
	for {
		conn, err := listener.Accept()
		if err != nil {
			break
		}
		held = append(held, conn)
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, commands)
	}
	for _, conn := range held {
		_ = conn.Close()
	}
}

// bytes are what live objects and goroutines' stacks take.
type bytes struct{ heap, stacks int64 }

func (b bytes) sum() int64 { return b.heap + b.stacks }

// occupied measures after collections: each halves the stacks that are too large, so that one is not enough.
func occupied() bytes {
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return bytes{int64(m.HeapAlloc), int64(m.StackInuse)}
}
