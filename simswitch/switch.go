// Package simswitch is a FreeSWITCH that is not there: the switch's side of the outbound event socket, with callers
// (Phone), dialled parties (Endpoint) and the applications that run on a channel. It knows the protocol and the
// timing of FreeSWITCH 1.10.12 as testdata/captures show them, and nothing of callflows or of the rest of this project.
//
// Goroutines: one per channel runs its applications (like FreeSWITCH's session thread) and ends with the channel;
// two per socket connection read commands and write frames and end with the connection. All state is under one
// mutex of the Switch, which is never held while anything waits. Time is the time package's only, so that everything
// runs in a testing/synctest bubble.
//
// Start reading at Config and Switch.Call, then channel.go (life of a channel), pump.go (its frame loop), listener.go
// (a socket connection) and applications.go (what can run).
package simswitch

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Config is how a Switch behaves. Only Dial is needed.
type Config struct {
	// Dial is how the socket application reaches the service. It is called for each socket action of a caller and of
	// a B leg (group_confirm_file). An error falls through to the channel's next action, as a refused connection does.
	Dial func(ctx context.Context) (net.Conn, error)

	// Endpoints says how the party behind one leg of a dial string, without its variables, behaves.
	// Nil: DefaultEndpoints.
	Endpoints func(dialString string) Endpoint

	Modules    []string      // loaded modules; nil: DefaultModules
	SpeechRate time.Duration // time per character of speech; 0: 60 ms

	// Media is the duration of a file that is to be played; false: there is no such file.
	// Nil: WAV files are read from disk, anything else is not found.
	Media func(file string) (time.Duration, bool)

	Socket  string // argument of the dialplan's socket action; "": "127.0.0.1:8084 async full"
	Sockets int    // how many socket actions the dialplan has, one after the other; 0: 1

	// Trace is told of everything that happens. It is called with the switch's lock held: it must return at once and
	// not call the Switch or a Phone. Nil: nobody is told.
	Trace func(Trace)

	NoFrameOut bool // Trace is not told of KindFrameOut, which costs a copy of each frame

	Hostname string   // FreeSWITCH-Hostname; "": "switch1"
	Gateways []string // known SIP gateways; nil: every name but "nosuch"
}

// DefaultModules are the modules of a usual installation. mod_fifo is not among them: it is not part of the vanilla
// configuration.
var DefaultModules = []string{
	"mod_commands", "mod_conference", "mod_console", "mod_db", "mod_dialplan_xml", "mod_dptools", "mod_event_socket",
	"mod_expr", "mod_flite", "mod_hash", "mod_local_stream", "mod_logfile", "mod_loopback", "mod_native_file",
	"mod_say_en", "mod_sndfile", "mod_sofia", "mod_spandsp", "mod_tone_stream",
}

// ErrClosed is the error of a Switch that was closed.
var ErrClosed = errors.New("simulated switch is closed")

// A Switch is a FreeSWITCH that is not there. Make one with New, end it with Close.
type Switch struct {
	config   Config
	coreUUID string
	started  time.Time
	context  context.Context // ends with Close; for Config.Dial only
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu          sync.Mutex // guards all below, and everything of channels, phones and listeners
	closed      bool
	sequence    int64
	scratch     []header // of the event that is fired
	sessions    int64
	channels    map[string]*channel
	routes      map[string]map[*listener]bool // listeners by the channel whose events they may want
	broad       map[*listener]bool            // listeners whose wishes cannot be told from a channel
	listeners   map[*listener]bool
	conferences map[string]*conference
	members     int // conference members so far
	queues      map[string][]*channel
}

// New makes a switch without calls.
func New(config Config) *Switch {
	if config.Endpoints == nil {
		config.Endpoints = DefaultEndpoints
	}
	if config.Modules == nil {
		config.Modules = DefaultModules
	}
	if config.SpeechRate == 0 {
		config.SpeechRate = 60 * time.Millisecond
	}
	if config.Media == nil {
		config.Media = wavDuration
	}
	if config.Socket == "" {
		config.Socket = "127.0.0.1:8084 async full"
	}
	if config.Sockets == 0 {
		config.Sockets = 1
	}
	if config.Hostname == "" {
		config.Hostname = "switch1"
	}
	s := &Switch{
		config:      config,
		coreUUID:    uuid.NewString(),
		started:     time.Now(),
		channels:    make(map[string]*channel),
		routes:      make(map[string]map[*listener]bool),
		broad:       make(map[*listener]bool),
		listeners:   make(map[*listener]bool),
		conferences: make(map[string]*conference),
		queues:      make(map[string][]*channel),
	}
	s.context, s.cancel = context.WithCancel(context.Background())
	return s
}

// API runs one command as if it was typed on the switch's console, and returns what it prints. It is how a test does
// what other people do to a call: "uuid_kill UUID CAUSE", "hupall", "conference NAME kick all".
func (s *Switch) API(command string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.api(command)
}

// Channels returns the number of channels that live, callers and B legs.
func (s *Switch) Channels() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.channels)
}

// Close hangs every channel up, closes every connection and waits for every goroutine.
func (s *Switch) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, c := range s.channels {
		c.hangup("MANAGER_REQUEST", hungUpBySwitch)
	}
	for l := range s.listeners {
		l.shut()
	}
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	return nil
}

// looksAt is when the switch's scheduler sees that t has come: it looks every half second. Source: switch_scheduler.c
// switch_scheduler_task_thread.
func (s *Switch) looksAt(t time.Time) time.Time {
	const between = 500 * time.Millisecond
	if late := t.Sub(s.started) % between; late > 0 {
		t = t.Add(between - late)
	}
	return t
}

func (s *Switch) hasModule(name string) bool { return slices.Contains(s.config.Modules, name) }

// hasGateway tells whether sofia has a gateway of that name.
func (s *Switch) hasGateway(name string) bool {
	if s.config.Gateways == nil {
		return name != "nosuch"
	}
	return slices.Contains(s.config.Gateways, name)
}
