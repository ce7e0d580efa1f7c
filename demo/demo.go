// Package demo is `fspivot demo`: the service, a small web application and a simulated FreeSWITCH in one process. It places
// a call that TwiML drives and one that Callflow JSON drives, and compares what happened with what should have.
//
// Goroutines: those of the service, the web server and the switch; Run ends all of them. Start reading at Run.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"fspivot/config"
	"fspivot/service"
	"fspivot/simswitch"
	"fspivot/timeline"
)

// A scene is one call of the demonstration and what must come of it.
type scene struct {
	title    string
	number   string
	flow     string // the callflow's document; %s is the web application's address
	keys     []press
	requests []string // path and the parameters that count, as request writes them, in order
	spoken   []string // what the caller hears in words
}

// press is keys that the caller types once he has heard a text begin.
type press struct{ after, keys string }

// Run shows all scenes on w and tells what went otherwise than it should.
func Run(ctx context.Context, w io.Writer, colour bool, version string) error {
	started := time.Now()
	fmt.Fprintf(w, "fspivot %s: two calls on a simulated FreeSWITCH; the web application runs in this process too.\n", version)
	for _, s := range scenes {
		fmt.Fprintf(w, "\n%s\n\n", s.title)
		if err := s.play(ctx, w, colour, version); err != nil {
			return fmt.Errorf("demo: %s: %w", s.title, err)
		}
	}
	fmt.Fprintf(w, "\nAs expected, in %s. Next: the quick start in README.md puts this behind a real FreeSWITCH.\n", time.Since(started).Round(100*time.Millisecond))
	return nil
}

func (s scene) play(ctx context.Context, w io.Writer, colour bool, version string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "fspivot-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	web := &application{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: web, ReadHeaderTimeout: 5 * time.Second}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	defer running.Wait()
	defer func() { _ = server.Close() }()
	address := listener.Addr().String()

	settings := config.Default()
	settings.Accounts = filepath.Join(dir, "accounts")
	settings.Media.Dir, settings.Media.Recordings = filepath.Join(dir, "media"), filepath.Join(dir, "recordings")
	settings.Pivot.Allowed = []string{address}
	flows := filepath.Join(settings.Accounts, settings.DefaultAccount, "callflows")
	if err := errors.Join(os.MkdirAll(flows, 0o755), os.MkdirAll(settings.Media.Dir, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(flows, "demo.json"), []byte(strings.ReplaceAll(s.flow, "%s", "http://"+address)), 0o644); err != nil {
		return err
	}

	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	print := timeline.Printer(w, colour)
	pivot, err := service.New(settings, version, logrus.NewEntry(quiet), func(_ string, r timeline.Record) { print(r) })
	if err != nil {
		return err
	}
	calls, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serve, stop := context.WithCancel(ctx)
	var serving sync.WaitGroup
	var fault error
	serving.Go(func() { fault = pivot.Serve(serve, calls) })
	defer serving.Wait()
	defer stop()

	ear := &ear{keys: s.keys, typed: make(chan string, 16)}
	fs := simswitch.New(simswitch.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", calls.Addr().String())
		},
		Endpoints: func(string) simswitch.Endpoint {
			return simswitch.Endpoint{Rings: true, After: 300 * time.Millisecond, Stays: 700 * time.Millisecond}
		},
		SpeechRate: 12 * time.Millisecond,
		Trace:      ear.hear,
	})
	defer func() { _ = fs.Close() }()
	phone, err := fs.Call(ctx, simswitch.Call{Request: s.number, From: "15551230000", FromName: "Ann Example"})
	if err != nil {
		return err
	}
	phone.Say(time.Minute)
	for done := false; !done; {
		select {
		case keys := <-ear.typed:
			phone.Press(keys)
		case <-phone.Done():
			done = true
		case <-ctx.Done():
			return fmt.Errorf("the call did not end: %w", context.Cause(ctx))
		}
	}
	stop() // the call is over: what the service still has to say of it comes before the verdict
	serving.Wait()
	return errors.Join(fault,
		differs("requests", s.requests, web.seen()),
		differs("spoken", s.spoken, ear.spoken()),
		differs("end", []string{"NORMAL_CLEARING"}, []string{phone.Ended().Cause}))
}

func differs(what string, want, got []string) error {
	if slices.Equal(want, got) {
		return nil
	}
	return fmt.Errorf("%s differ:\n  expected %q\n  got      %q", what, want, got)
}

// ear listens to the simulated switch on the caller's behalf.
type ear struct {
	mu    sync.Mutex
	heard []string
	keys  []press
	typed chan string
}

func (e *ear) hear(t simswitch.Trace) {
	if t.Kind != simswitch.KindSpeak {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, t.Arg)
	for _, p := range e.keys {
		if p.after == t.Arg {
			select {
			case e.typed <- p.keys:
			default:
			}
		}
	}
}

func (e *ear) spoken() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}
