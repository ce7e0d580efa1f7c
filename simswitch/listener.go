package simswitch

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"
)

// writeLimit is how long the service may take to read a frame before its connection is given up.
const writeLimit = 10 * time.Second

// listener is one outbound connection to the service: mod_event_socket's listener. Its read goroutine runs commands,
// its write goroutine sends frames; all but those two's own variables is guarded by Switch.mu.
type listener struct {
	s           *Switch
	c           *channel
	conn        net.Conn
	async, full bool
	connected   bool
	lingers     bool
	linger      int // seconds; below 0: for ever
	noticed     bool
	eventsOn    bool
	all         bool
	events      map[string]bool
	subclasses  map[string]bool
	filters     []header
	mine        bool // myevents
	finished    bool // no more commands: the socket action ends
	out         net.Buffers
	closing     bool // close when out is written
	flushed     chan struct{}
	routes      []string
}

// serve connects a channel to the service and stays until the session is over: the socket application.
func (c *channel) serve(arg string) {
	words := strings.Fields(arg)
	if len(words) == 0 {
		return
	}
	host, _, _ := strings.Cut(words[0], "|")
	address, path, found := strings.Cut(host, "/")
	if found {
		c.set("socket_path", path)
	}
	if i := strings.LastIndexByte(address, ':'); i >= 0 {
		address = address[:i]
	}
	c.set("socket_host", address)

	s := c.s
	if s.closed || s.config.Dial == nil {
		return
	}
	s.mu.Unlock()
	conn, err := s.config.Dial(s.context)
	s.mu.Lock()
	if err != nil {
		return
	}
	if s.closed {
		conn.Close()
		return
	}
	l := &listener{
		s: s, c: c, conn: conn,
		async: slices.Contains(words[1:], "async"), full: slices.Contains(words[1:], "full"),
		events: make(map[string]bool), subclasses: make(map[string]bool), flushed: make(chan struct{}, 1),
	}
	c.listeners = append(c.listeners, l)
	s.listeners[l] = true
	c.trace(KindConnect, "")
	s.running.Add(2)
	go l.write()
	go l.read()
	if c.dead() { // since before it was a listener of the channel
		l.channelDown()
	}

	c.session = l
	c.pump(frames{done: func() bool { return l.connected || l.finished }, deaf: true})
	if l.async {
		c.park(l)
	} else {
		c.obey(l)
	}
	c.runMessages()
	if c.cut && c.outbound {
		c.hangup(normalClearing, hungUpBySwitch) // with socket_resume a leg that was asked is not bridged
	}
	c.session, c.cut = nil, false
}

// obey is a socket action without async: each message runs before the next command is read.
func (c *channel) obey(l *listener) {
	for {
		c.pump(frames{done: func() bool { return len(c.messages) > 0 || l.finished }, deaf: true})
		if !c.ready() || len(c.messages) == 0 {
			return
		}
		c.runMessages()
	}
}

// read is the goroutine that runs the service's commands.
func (l *listener) read() {
	defer l.s.running.Done()
	r := bufio.NewReader(l.conn)
	for {
		cmd, err := readCommand(r)
		l.s.mu.Lock()
		if err != nil || l.closing {
			l.end()
			l.s.mu.Unlock()
			return
		}
		l.s.trace(Trace{Kind: KindFrameIn, Call: l.c.uuid, Raw: cmd.raw})
		wait, more := l.obey(cmd)
		if !more {
			l.end()
			l.s.mu.Unlock()
			return
		}
		l.late()
		l.s.mu.Unlock()
		if wait != nil {
			<-wait
			l.s.mu.Lock()
			l.send(reply("+OK"))
			l.s.mu.Unlock()
		}
	}
}

// end closes the connection after a goodbye and lets the socket action end.
func (l *listener) end() {
	if !l.finished {
		l.finished = true
		l.unsubscribe()
		delete(l.s.listeners, l)
		l.c.listeners = slices.DeleteFunc(l.c.listeners, func(x *listener) bool { return x == l })
		l.send(fmt.Appendf(nil, "Content-Type: text/disconnect-notice\nControlled-Session-UUID: %s\n"+
			"Content-Disposition: disconnect\nContent-Length: %d\n\n%s", l.c.uuid, len(goodbye), goodbye))
		l.closing = true
		l.c.trace(KindDisconnect, "")
		if isTrue(l.c.get("socket_resume")) && !l.c.dead() {
			l.c.flush()
			l.c.cut = true
		}
		l.c.poke()
	}
	select {
	case l.flushed <- struct{}{}:
	default:
	}
}

// write is the goroutine that sends frames; it closes the connection.
func (l *listener) write() {
	defer l.s.running.Done()
	defer l.conn.Close()
	for {
		<-l.flushed
		l.s.mu.Lock()
		b, closing := l.out, l.closing
		l.out = nil
		l.s.mu.Unlock()
		if len(b) > 0 {
			l.conn.SetWriteDeadline(time.Now().Add(writeLimit))
			if _, err := b.WriteTo(l.conn); err != nil {
				l.conn.SetReadDeadline(time.Unix(1, 0)) // the reader ends the session
				if closing {
					return
				}
				continue
			}
		}
		if closing {
			return
		}
	}
}

// send queues a frame, given in parts that nobody changes any more. After the goodbye there is no more.
func (l *listener) send(frame ...[]byte) {
	if l.closing {
		return
	}
	if l.s.config.Trace != nil && !l.s.config.NoFrameOut {
		l.s.trace(Trace{Kind: KindFrameOut, Call: l.c.uuid, Raw: slices.Concat(frame...)})
	}
	l.out = append(l.out, frame...)
	select {
	case l.flushed <- struct{}{}:
	default:
	}
}

// shut ends the connection for the end of the Switch.
func (l *listener) shut() {
	l.conn.SetDeadline(time.Unix(1, 0))
	l.conn.Close()
}

// subscribe files the listener under the channels whose events it may want, after its wishes changed.
func (l *listener) subscribe() {
	l.unsubscribe()
	if !l.eventsOn || l.finished {
		return
	}
	switch {
	case l.mine:
		l.routes = []string{l.c.uuid}
	case len(l.filters) > 0 && !slices.ContainsFunc(l.filters, func(f header) bool {
		return !strings.EqualFold(f.name, "Unique-ID") && !strings.EqualFold(f.name, "Other-Leg-Unique-ID")
	}):
		for _, f := range l.filters {
			l.routes = append(l.routes, f.value)
		}
	default:
		l.s.broad[l] = true
	}
	for _, id := range l.routes {
		if l.s.routes[id] == nil {
			l.s.routes[id] = make(map[*listener]bool)
		}
		l.s.routes[id][l] = true
	}
}

func (l *listener) unsubscribe() {
	delete(l.s.broad, l)
	for _, id := range l.routes {
		delete(l.s.routes[id], l)
		if len(l.s.routes[id]) == 0 {
			delete(l.s.routes, id)
		}
	}
	l.routes = nil
}

func (l *listener) subscribed(name, subclass string) bool {
	return l.eventsOn && (l.all || l.events[name] && (subclass == "" || l.subclasses[subclass]))
}

// offer sends the event if the filters let it through: any of them, unless one with a minus matches.
func (l *listener) offer(e *event) {
	pass := len(l.filters) == 0
	for _, f := range l.filters {
		value, ok := e.get(f.name)
		if !ok {
			continue
		}
		want := f.value
		positive := true
		for want != "" && strings.IndexByte("+- ", want[0]) >= 0 {
			if want[0] != ' ' {
				positive = want[0] == '+'
			}
			want = want[1:]
		}
		match := strings.EqualFold(value, want)
		if len(want) > 1 && want[0] == '/' {
			re, err := regexp.Compile(strings.Trim(want, "/"))
			match = err == nil && re.MatchString(value)
		}
		if match && !positive {
			return
		}
		pass = pass || match
	}
	if l.mine {
		id, _ := e.get("Unique-ID")
		if id != l.c.uuid {
			return
		}
	}
	if !pass {
		return
	}
	text := e.render()
	l.send(fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-plain\n\n", len(text)), text)
}

// channelDown is the hangup of the channel: a connection that does not linger is closed at once, so that it misses
// the last events.
func (l *listener) channelDown() {
	if !l.lingers {
		l.conn.SetReadDeadline(time.Unix(1, 0))
		l.eventsOn = false
		l.subscribe()
	}
}

// late is for a connection whose channel was gone before it could ask for anything: it learns of that as soon as it
// lingers, and is closed when it does not.
func (l *listener) late() {
	if l.noticed || l.s.channels[l.c.uuid] != nil {
		return
	}
	if l.notice(); !l.noticed {
		l.conn.SetReadDeadline(time.Now().Add(tick))
	}
}

// notice tells a lingering connection that its channel is gone and starts its time.
func (l *listener) notice() {
	if l.noticed || !l.lingers || l.finished {
		return
	}
	l.noticed = true
	l.send(fmt.Appendf(nil, "Content-Type: text/disconnect-notice\nControlled-Session-UUID: %s\n"+
		"Content-Disposition: linger\nChannel-Name: %s\nLinger-Time: %d\nContent-Length: 0\n\n",
		l.c.uuid, l.c.name, l.linger))
	if l.linger >= 0 {
		l.conn.SetReadDeadline(time.Unix(time.Now().Unix()+int64(l.linger)+1, 0))
	}
}
