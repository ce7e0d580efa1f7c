// Package bench is `fspivot bench`: it drives the service with simulated calls, both in this process and over loopback
// TCP, and measures what a call costs. It knows the service from outside only: the records that its observers get, and
// what the simulated switch tells of itself.
//
// Goroutines: those of the service, the web server and the switch; one for each call, which ends with it; one that takes
// samples. Run ends all of them. Start reading at Run; then load.go (who calls when), watch.go (what is measured of a
// call), idle.go (memory of calls that do nothing) and result.go.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"fspivot/config"
	"fspivot/service"
	"fspivot/simswitch"
)

// DefaultDocument is what the web application answers unless another document is given.
const DefaultDocument = `<Response><Say>Hello</Say><Hangup/></Response>`

// idleDocument keeps a call for an hour without a thing to do.
const idleDocument = `<Response><Pause length="3600"/></Response>`

// The numbers that calls are placed to: each has a callflow of one pivot node.
const (
	loadNumber = "2000"
	idleNumber = "2001"
)

// Options is what to measure. Calls and For end the placing of calls, whichever comes first.
type Options struct {
	Rate        int           // calls a second; 0: as many as Concurrency lets through
	Concurrency int           // calls at the same time, at most; 0: 100, with a Rate 4000
	Calls       int           // how many are placed; 0: as many as For allows, without For 10000
	For         time.Duration // how long they are placed; 0: until Calls

	Document string        // what the web application answers, TwiML or Callflow JSON; "": DefaultDocument
	URL      string        // a web server to ask in its stead; "": the one in this process
	Speech   time.Duration // how long the switch speaks a character; 0: 1 ms
	Cause    string        // hangup cause that each call is to end with; "": NORMAL_CLEARING
	Patience time.Duration // a call that takes longer is hung up and counted; 0: 1 min

	Idle int    // calls to hold for the measure of memory, after the others; 0: none
	Log  string // level of the service's log, which is written nowhere; "": info, as the service's default

	Version     string    // of this program
	Progress    io.Writer // a terminal that gets a line that changes; nil: none
	CPUProfile  io.Writer // of the load, as pprof reads it; nil: none
	HeapProfile io.Writer // while the idle calls are held; nil: none
}

// complete puts the defaults where nothing is set.
func (o Options) complete() (Options, error) {
	if min(o.Rate, o.Concurrency, o.Calls, o.Idle) < 0 || min(o.For, o.Speech, o.Patience) < 0 {
		return o, errors.New("a figure is below 0")
	}
	if o.Concurrency == 0 {
		o.Concurrency = 100
		if o.Rate > 0 {
			o.Concurrency = 4000
		}
	}
	if o.Calls == 0 && o.For == 0 {
		o.Calls = 10000
	}
	for _, x := range []struct {
		field *string
		value string
	}{{&o.Document, DefaultDocument}, {&o.Cause, "NORMAL_CLEARING"}, {&o.Log, "info"}} {
		if *x.field == "" {
			*x.field = x.value
		}
	}
	if o.Speech == 0 {
		o.Speech = time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	return o, nil
}

// Run measures. Calls that ended otherwise than they should are no error: Result.Unexpected tells of them.
func Run(ctx context.Context, o Options) (result Result, err error) {
	if o, err = o.complete(); err != nil {
		return result, err
	}
	dir, err := os.MkdirTemp("", "fspivot-bench-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result, err
	}
	server := &http.Server{Handler: application(o.Document), ReadHeaderTimeout: 5 * time.Second}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(web) })
	defer running.Wait()
	defer func() { _ = server.Close() }()

	settings, err := o.settings(dir, web.Addr().String())
	if err != nil {
		return result, err
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	level, err := logrus.ParseLevel(o.Log)
	if err != nil {
		return result, err
	}
	log.SetLevel(level)
	w := newWatch()
	s, err := service.New(settings, o.Version, logrus.NewEntry(log), w.observe)
	if err != nil {
		return result, err
	}
	calls, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result, err
	}
	serve, stop := context.WithCancel(ctx)
	var serving sync.WaitGroup
	var fault error
	serving.Go(func() { fault = s.Serve(serve, calls) })
	defer func() {
		stop()
		serving.Wait()
		err = errors.Join(err, fault)
	}()

	result = Result{Version: o.Version}
	if err := o.measureLoad(ctx, w, calls.Addr().String(), &result); err != nil {
		return result, err
	}
	if o.Idle > 0 {
		result.Idle, err = o.measureIdle(ctx, calls.Addr().String())
	}
	return result, err
}

// measureLoad places the calls and fills in all of the result but Idle.
func (o Options) measureLoad(ctx context.Context, w *watch, address string, result *Result) error {
	fs := simswitch.New(simswitch.Config{
		Dial:       dialer(address),
		SpeechRate: o.Speech,
		Trace:      w.hear,
		NoFrameOut: true,
		Endpoints: func(string) simswitch.Endpoint {
			return simswitch.Endpoint{Rings: true, After: 20 * time.Millisecond, Stays: 100 * time.Millisecond}
		},
	})
	defer func() { _ = fs.Close() }()
	if o.CPUProfile != nil {
		if err := pprof.StartCPUProfile(o.CPUProfile); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	before, started := readRuntime(), time.Now()
	sampled := w.sample(o.Progress)
	err := o.load(ctx, fs, w)
	took := time.Since(started)
	result.PeakGoroutines = sampled()
	if err != nil {
		return err
	}
	w.fill(result, took)
	readRuntime().since(before).fill(result)
	return nil
}

func dialer(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) }
}

// application answers every request of the load with document, those of idle calls with idleDocument.
func application(document string) http.Handler {
	mux := http.NewServeMux()
	for path, body := range map[string]string{"/load": document, "/idle": idleDocument} {
		kind, answer := "text/xml", []byte(body)
		if body[0] == '{' {
			kind = "application/json"
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(answer)
		})
	}
	return mux
}

// settings are the defaults, with a folder of their own and two callflows in it. The web servers may be asked wherever
// they are: who gave the URL knows why.
func (o Options) settings(dir, web string) (config.Config, error) {
	c := config.Default()
	c.Accounts = filepath.Join(dir, "accounts")
	c.Media.Dir, c.Media.Recordings = filepath.Join(dir, "media"), filepath.Join(dir, "recordings")
	c.Pivot.Allowed = []string{web}
	load := "http://" + web + "/load"
	if o.URL != "" {
		u, err := url.Parse(o.URL)
		if err != nil || u.Hostname() == "" {
			return c, fmt.Errorf("%q is no URL of a web server", o.URL)
		}
		load = o.URL
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		c.Pivot.Allowed = append(c.Pivot.Allowed, net.JoinHostPort(u.Hostname(), port))
	}
	flows := filepath.Join(c.Accounts, c.DefaultAccount, "callflows")
	if err := errors.Join(os.MkdirAll(flows, 0o755), os.MkdirAll(c.Media.Dir, 0o755)); err != nil {
		return c, err
	}
	for number, u := range map[string]string{loadNumber: load, idleNumber: "http://" + web + "/idle"} {
		flow := fmt.Sprintf(`{"numbers": [%q], "flow": {"module": "pivot", "data": {"voice_url": %q}, "children": {}}}`, number, u)
		if err := os.WriteFile(filepath.Join(flows, number+".json"), []byte(flow), 0o644); err != nil {
			return c, err
		}
	}
	return c, nil
}
