package esl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

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
			if isShortage(err) && pause(ctx, 50*time.Millisecond) {
				s.Log.WithField("err", err).Warn("accept")
				continue
			}
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				fault = fmt.Errorf("esl: accept: %w", err)
			}
			break
		}
		if peer, ok := s.allowed(conn.RemoteAddr()); !ok {
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

// isShortage tells what goes by, such as too many open files, from a listener that is broken for good.
func isShortage(err error) bool {
	return isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED)
}

// isAbsence tells a peer that left before it said anything from one that said something wrong or dawdled.
func isAbsence(err error) bool {
	return isAny(err, io.EOF, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE)
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// pause waits, unless ctx ends before.
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

// allowed looks a peer up in Allow. IPv4 in IPv6 clothes, in the peer's address or in a prefix, is IPv4.
func (s *Server) allowed(remote net.Addr) (string, bool) {
	peer, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return remote.String(), false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, p := range s.Allow {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.Contains(address) {
			return address.String(), true
		}
	}
	return address.String(), false
}

func (s *Server) serve(ctx context.Context, conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		noticeDeath(tcp)
	}
	session, err := Connect(ctx, conn, s.Events...)
	if err != nil {
		s.refuse(conn, err)
		return
	}
	defer session.Close()
	s.Handle(ctx, session)
}

// refuse tells the log of a connection that became no call. Apart from serve, whose frame is on the stack of each call for
// as long as it lives.
func (s *Server) refuse(conn net.Conn, err error) {
	log := s.Log.WithFields(logrus.Fields{"peer": conn.RemoteAddr().String(), "err": err})
	_, wrong := errors.AsType[*ModeError](err)
	switch {
	case wrong:
		log.Error("the switch's dialplan line is incomplete")
	case isAbsence(err):
		log.Debug("connection without a channel") // came and went without a word, as a port check does
	default:
		log.Warn("connection without a channel")
	}
}
