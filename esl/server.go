package esl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// keepAlive finds a switch whose host went away without a word: after about half a minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// ErrDrain is the cause with which a call's context ends when the service stops and its patience is over.
var ErrDrain = errors.New("esl: the service is stopping")

// A Server accepts the switch's connections and runs Handle for each, in a goroutine of its own.
type Server struct {
	Allow  []netip.Prefix                        // peers that may connect; none: nobody
	Events []string                              // kinds of events that every session gets
	Handle func(ctx context.Context, s *Session) // owns the call; the session is closed when it returns
	Drain  time.Duration                         // how long live calls may go on when Serve's context ends; 0: not at all
	Log    *logrus.Entry
}

// Serve accepts until ctx ends. Then it closes the listener first, so that the switch goes to its next host, lets live
// calls end for Drain, cancels what is left with ErrDrain, and returns when no goroutine of it is alive.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	calls, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var open sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()

	var fault error
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				if isTemporary(err) && pause(ctx, 50*time.Millisecond) {
					s.Log.WithField("err", err).Warn("accept")
					continue
				}
				fault = fmt.Errorf("esl: accept: %w", err)
			}
			break
		}
		if peer, ok := s.allowed(conn); !ok {
			s.Log.WithField("peer", peer).Warn("peer refused: not in esl.allow")
			_ = conn.Close()
			continue
		}
		open.Go(func() { s.serve(calls, conn) })
	}

	_ = listener.Close()
	idle := make(chan struct{})
	go func() { open.Wait(); close(idle) }()
	patience := time.NewTimer(s.Drain)
	defer patience.Stop()
	select {
	case <-idle:
	case <-patience.C:
	}
	cancel(ErrDrain)
	<-idle
	return fault
}

// isTemporary tells a shortage, such as of file descriptors, from a listener that is broken for good.
func isTemporary(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !errors.Is(err, net.ErrClosed)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) allowed(conn net.Conn) (string, bool) {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String(), false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, p := range s.Allow {
		if p.Contains(address) {
			return address.String(), true
		}
	}
	return address.String(), false
}

func (s *Server) serve(ctx context.Context, conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive)
	}
	session, err := Connect(ctx, conn, s.Events...)
	if err != nil {
		// A wrong dialplan line must reach the operator; a peer that came and went, such as a port check, need not.
		if _, wrong := errors.AsType[*ModeError](err); wrong {
			s.Log.WithField("err", err).Error("the switch's dialplan line is incomplete")
		} else {
			s.Log.WithField("err", err).Warn("connection without a channel")
		}
		return
	}
	defer session.Close()
	s.Handle(ctx, session)
}
