package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"fspivot/service"
	"fspivot/simswitch"
	"fspivot/timeline"
)

type callCommand struct {
	Config      string        `help:"Configuration file." type:"existingfile"`
	Number      string        `help:"Number to dial: its callflow is run." xor:"target"`
	URL         string        `help:"Web server to pivot to, without a callflow." xor:"target"`
	From        string        `help:"Caller's number." default:"15551230000"`
	To          string        `help:"User part of the To header; the dialled number by itself."`
	Digits      string        `help:"Keys that the caller presses once answered: 0-9 * # A-D, w waits 0.5 s, W and , one second."`
	Format      string        `help:"Names of the request parameters: ${enum}." enum:"twiml,kazoo" default:"kazoo"`
	Method      string        `help:"Method of the first request: ${enum}." enum:"get,post" default:"get"`
	AnswerAfter time.Duration `help:"How long a dialled party rings." default:"2s"`
	JSON        bool          `help:"Print records as JSON lines." name:"json"`
}

// talks is how long a dialled party stays on the line.
const talks = 3 * time.Second

// Run places the call against the configured service, both in this process, and prints the call's records.
func (c callCommand) Run(ctx context.Context) error {
	settings, _, err := configured(c.Config)
	if err != nil {
		return err
	}
	if c.Number == "" && c.URL == "" {
		return fmt.Errorf("call: give --number or --url")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	s, err := service.New(settings, version, logrus.NewEntry(quiet), c.printer(os.Stdout))
	if err != nil {
		_ = listener.Close()
		return err
	}
	var serving sync.WaitGroup
	var fault error
	serving.Go(func() { fault = s.Serve(ctx, listener) })
	defer serving.Wait()
	defer cancel()

	fs := simswitch.New(simswitch.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		},
		Endpoints: func(dialString string) simswitch.Endpoint {
			if e := simswitch.DefaultEndpoints(dialString); e.SIP != 503 {
				return e
			}
			return simswitch.Endpoint{Rings: c.AnswerAfter > 0, After: c.AnswerAfter, Stays: talks}
		},
		Media: func(name string) (time.Duration, bool) { return fileLength(name) },
	})
	defer func() { _ = fs.Close() }()
	call := simswitch.Call{From: c.From, To: c.To, Request: c.Number, Vars: map[string]string{}}
	if c.URL != "" {
		call.Request = "pivot"
		for name, value := range map[string]string{"voice_url": c.URL, "method": c.Method, "req_format": c.Format} {
			call.Vars["fspivot_"+name] = value
		}
	}
	phone, err := fs.Call(ctx, call)
	if err != nil {
		return err
	}
	restore := c.keys(phone)
	defer restore()
	select {
	case <-phone.Done():
	case <-ctx.Done():
		phone.Hangup("")
		<-phone.Done()
	}
	cancel()
	serving.Wait()
	return fault
}

func (c callCommand) printer(w io.Writer) func(string, timeline.Record) {
	if c.JSON {
		encoder := json.NewEncoder(w)
		var mu sync.Mutex
		return func(_ string, r timeline.Record) {
			mu.Lock()
			defer mu.Unlock()
			_ = encoder.Encode(r)
		}
	}
	write := timeline.Printer(w, isTerminal(os.Stdout))
	return func(_ string, r timeline.Record) { write(r) }
}

// keys presses the given digits once the call is answered, or what is typed when there is a terminal and no digits.
func (c callCommand) keys(phone *simswitch.Phone) (restore func()) {
	go func() {
		select {
		case <-phone.Answered():
			phone.Press(c.Digits)
		case <-phone.Done():
		}
	}()
	if c.Digits != "" || !isTerminal(os.Stdin) {
		return func() {}
	}
	fmt.Fprintln(os.Stderr, "keys 0-9 * # are sent as DTMF, q hangs up")
	state, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return func() {}
	}
	go func() {
		key := make([]byte, 1)
		for {
			if _, err := os.Stdin.Read(key); err != nil {
				return
			}
			switch {
			case key[0] == 'q' || key[0] == 3:
				phone.Hangup("")
				return
			case strings.IndexByte("0123456789*#ABCD", key[0]) >= 0:
				phone.Press(string(key))
			}
		}
	}()
	return func() { _ = term.Restore(int(os.Stdin.Fd()), state) }
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// fileLength is how long the simulated switch plays a file: a WAV file by its bytes at 8 kHz and 16 bits, others 2 s.
func fileLength(name string) (time.Duration, bool) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, false
	}
	const header, rate = 44, 16000
	if strings.HasSuffix(name, ".wav") {
		return time.Duration(max(0, info.Size()-header)) * time.Second / rate, true
	}
	return 2 * time.Second, true
}
