package simswitch

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Who ended a channel: the value of sip_hangup_disposition.
type ender string

const (
	hungUpBySwitch ender = "send_bye"
	hungUpByPhone  ender = "recv_bye"
	refused        ender = "send_refuse"
	refusedBy      ender = "recv_refuse"
	cancelled      ender = "recv_cancel"
	cancels        ender = "send_cancel"
)

// channel is one call leg in the switch. Its goroutine is run (a caller) or confirm (a B leg that is being asked);
// other B legs have none and are driven by the goroutine of their caller. Everything is guarded by Switch.mu.
type channel struct {
	s        *Switch
	uuid     string
	name     string // sofia/internal/15551230000@127.0.0.1
	outbound bool
	profile  profile
	vars     variables
	phone    *Phone   // the caller; nil for a B leg
	leg      *Leg     // what is told of a B leg; nil for a caller
	owner    *channel // the caller that dialled this B leg
	other    *channel // the Other-Leg of its events
	kind     string   // Other-Type of its events

	created, answered, progressed, earlyMedia, bridged, hungup time.Time

	state string // CS_EXECUTE …
	call  string // Channel-Call-State: RINGING, EARLY, ACTIVE …
	cause string // hangup cause; "": it lives
	ender ender
	sip   int           // final SIP status sent before an answer
	taken bool          // somebody took the channel away: CF_TRANSFER
	cut   bool          // its socket closed with socket_resume: what runs is cut off
	wake  chan struct{} // capacity 1; a full one is as good as another poke

	session          *listener // the socket action that runs
	listeners        []*listener
	messages         []message
	locked           int       // messages with event-lock that run
	depth            int       // messages that run
	halted           bool      // CF_STOP_BROADCAST
	breakAt          time.Time // CF_BREAK, since when; zero: not set
	lastApp, lastArg string

	keys      []key     // of the caller, heard or still to come, by time
	keysUntil time.Time // when the last of them is over
	keyTick   time.Time // the last tick that took one
	dialled   string    // keys taken so far
	says      []span    // when the caller is heard
	noRTP     bool

	keysNeedMedia bool
	hangAt        time.Time // sched_hangup, or the end of a B leg's patience; zero: none
	hangCause     string
	hangBy        ender
	late          bool // the switch hung it up: an application that ran did not take that for a failure

	recordings []*recording
	seized     *channel // who talks to this channel after taking it from what it did
	meet       *channel // whom this channel is to talk to after it was taken away: uuid_bridge
	consumes   string   // the queue whose callers this channel waits for
	endpoint   Endpoint
	threaded   bool       // this B leg has a goroutine
	confirmed  bool       // this B leg agreed to be bridged
	losers     []*channel // legs that lost the race and are not finished
}

// profile is a caller profile: who calls whom.
type profile struct {
	username, name, number, address, destination, context, calleeName, calleeNumber string
}

type key struct {
	digit byte
	at    time.Time // when the switch has heard it
}

type span struct{ from, to time.Time }

// message is a sendmsg that waits for the channel.
type message struct {
	headers map[string]string
	body    string
	at      time.Time
	done    chan struct{} // closed when it ran; nil: nobody waits
}

const tick = 20 * time.Millisecond

func (s *Switch) newChannel(id, name string, outbound bool) *channel {
	if id == "" {
		id = uuid.NewString()
	}
	s.sessions++
	c := &channel{
		s: s, uuid: id, name: name, outbound: outbound, created: time.Now(),
		wake: make(chan struct{}, 1),
	}
	s.channels[id] = c
	return c
}

func (c *channel) get(name string) string {
	value, _ := c.lookup(name)
	return value
}

// lookup reads a variable, or a field of the caller profile under its variable's name.
func (c *channel) lookup(name string) (string, bool) {
	if value, ok := c.vars.get(name); ok {
		return value, true
	}
	p := &c.profile
	switch name {
	case "caller_id_name":
		return p.name, p.name != ""
	case "caller_id_number", "ani":
		return p.number, p.number != ""
	case "callee_id_name":
		return p.calleeName, p.calleeName != ""
	case "callee_id_number":
		return p.calleeNumber, p.calleeNumber != ""
	case "destination_number":
		return p.destination, true
	case "username":
		return p.username, true
	case "network_addr":
		return p.address, true
	case "context":
		return p.context, true
	case "dialplan":
		return "XML", true
	case "source":
		return "mod_sofia", true
	case "chan_name":
		return c.name, true
	case "state":
		return c.state, true
	}
	return "", false
}

func (c *channel) set(name, value string) { c.vars.set(name, value) }

func (c *channel) setInt(name string, n int) { c.vars.set(name, strconv.Itoa(n)) }

// ready is whether applications may go on: the channel is neither hung up nor taken away.
func (c *channel) ready() bool { return c.cause == "" && !c.taken && !c.cut }

func (c *channel) dead() bool { return c.cause != "" }

// poke lets the channel's goroutine look again.
func (c *channel) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *channel) answer() {
	if c.dead() || !c.answered.IsZero() {
		return
	}
	c.answered = time.Now()
	c.startMedia()
	c.fire("CHANNEL_ANSWER", nil)
	c.call = "ACTIVE"
	c.set("endpoint_disposition", "ANSWER")
	c.trace(KindAnswer, "")
	if c.phone != nil {
		close(c.phone.answered)
	}
}

func (c *channel) preAnswer() {
	if c.dead() || !c.answered.IsZero() || !c.earlyMedia.IsZero() {
		return
	}
	c.earlyMedia = time.Now()
	c.startMedia()
	c.set("endpoint_disposition", "EARLY MEDIA")
	c.fire("CHANNEL_PROGRESS_MEDIA", nil)
	c.call = "EARLY"
	c.trace(KindEarlyMedia, "")
}

func (c *channel) ring() {
	if c.dead() || !c.answered.IsZero() || !c.earlyMedia.IsZero() || !c.progressed.IsZero() {
		return
	}
	c.progressed = time.Now()
	c.fire("CHANNEL_PROGRESS", nil)
	c.call = "RINGING"
	c.trace(KindRing, "")
}

func (c *channel) startMedia() {
	if _, ok := c.vars.get("local_media_port"); ok {
		return
	}
	c.set("local_media_ip", "127.0.0.1")
	c.set("local_media_port", "46212")
	c.set("advertised_media_ip", "127.0.0.1")
	c.set("rtp_use_timer_name", "soft")
	c.set("rtp_use_pt", "0")
	c.set("rtp_2833_send_payload", "101")
	c.set("rtp_2833_recv_payload", "101")
}

// hangup ends the channel, whoever asks for it. Its goroutine does the rest.
func (c *channel) hangup(cause string, by ender) {
	if c.dead() {
		return
	}
	c.cause, c.ender, c.hungup = cause, by, time.Now()
	c.late = by == hungUpBySwitch
	switch early := c.answered.IsZero(); {
	case early && c.outbound && by == hungUpBySwitch:
		c.ender = cancels
	case early && !c.outbound && by == hungUpByPhone:
		c.ender = cancelled
	case early && !c.outbound:
		c.ender = refused
		if c.sip == 0 {
			c.sip = causes[cause].sip
		}
	}
	if by == hungUpByPhone {
		c.set("sip_term_status", "200")
		c.set("proto_specific_hangup_cause", "sip:200")
		c.setInt("sip_term_cause", causes[cause].number)
	}
	if c.owner != nil && !c.taken {
		c.owner.inherit(c)
	}
	c.fire("CHANNEL_HANGUP", nil)
	switch c.ender {
	case hungUpByPhone, cancelled:
		c.set("sip_hangup_disposition", string(c.ender))
	case cancels:
		c.set("sip_invite_failure_status", "487")
	}
	c.s.trace(Trace{Kind: KindHangup, Call: c.uuid, Result: cause})
	if c.leg != nil {
		c.leg.Ended, c.leg.Cause = c.hungup, cause
	}
	for _, l := range c.listeners {
		l.channelDown()
	}
	c.poke()
	if c.owner != nil {
		c.owner.poke()
	}
	if c.seized != nil {
		c.seized.poke()
	}
}

// take is somebody else sending the channel to another extension: its socket loses control of it.
func (c *channel) take(where string) {
	if !c.ready() {
		return
	}
	c.leave(where)
	if target, _, _ := strings.Cut(where, " "); target != "" {
		c.profile.destination = target
	}
}

// leave makes the channel stop what it does; follow decides what comes next. Before that all that is queued runs, and
// ends at once where it needs the channel.
func (c *channel) leave(where string) {
	c.taken = true
	c.trace(KindTransfer, where)
	c.poke()
	for _, x := range []*channel{c.owner, c.seized} {
		if x != nil {
			x.poke()
		}
	}
	c.seized = nil
}

func (c *channel) flush() {
	for _, m := range c.messages {
		if m.done != nil {
			close(m.done)
		}
	}
	c.messages = nil
}

// stop is uuid_break: what runs is stopped, and with all the queue is dropped. With nothing running nothing happens,
// for each application begins by forgetting breaks.
func (c *channel) stop(all bool) {
	if all {
		c.flush()
	}
	c.halted = c.depth > 0
	c.breakAt = time.Now()
	c.poke()
}

// run is the goroutine of a caller: its dialplan extension, then the end of the channel.
func (c *channel) run() {
	defer c.s.running.Done()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for range c.s.config.Sockets {
		c.execute("socket", c.s.config.Socket, "")
		if !c.ready() {
			break
		}
	}
	c.follow()
	close(c.phone.done)
}

// follow is what comes after the dialplan: where the channel was taken to, if it was, and its end.
func (c *channel) follow() {
	for c.taken && !c.dead() {
		c.taken = false
		call := c.call
		c.state, c.call = "CS_ROUTING", "RINGING"
		c.fire("CHANNEL_STATE", nil)
		c.state, c.call = "CS_EXECUTE", call
		c.fire("CHANNEL_STATE", nil)
		switch a, b := c.seized, c.meet; {
		case a != nil:
			c.listen(a)
		case b != nil:
			c.meet = nil
			c.answer()
			c.join(b)
		default:
			c.execute("answer", "", "")
			c.execute("echo", "", "")
		}
	}
	c.hangup(normalClearing, hungUpBySwitch)
	c.finish()
}

// listen is a channel that was intercepted or bridged from outside, until the two part.
func (c *channel) listen(a *channel) {
	c.pump(frames{done: func() bool { return c.seized != a }, deaf: true})
}

// finish reports the end of a channel: billing variables, CHANNEL_HANGUP_COMPLETE, the sockets' notices.
func (c *channel) finish() {
	for len(c.recordings) > 0 {
		c.recordings[0].stop()
	}
	c.state = "CS_HANGUP"
	c.fire("CHANNEL_STATE", nil)
	c.state, c.call = "CS_REPORTING", "HANGUP"
	c.fire("CHANNEL_STATE", nil)
	c.bill()
	c.fire("CHANNEL_HANGUP_COMPLETE", nil)
	for _, l := range c.listeners {
		l.notice()
	}
	delete(c.s.channels, c.uuid)
}

// bill sets the variables that only CHANNEL_HANGUP_COMPLETE has. Source: switch_channel.c
// switch_channel_set_timestamps; testdata/captures/answer_play.jsonl.
func (c *channel) bill() {
	now := c.hungup
	c.set("hangup_cause", c.cause)
	c.setInt("hangup_cause_q850", q850(c.cause))
	if c.dialled == "" {
		c.set("digits_dialed", "none")
	} else {
		c.set("digits_dialed", c.dialled)
	}
	stamps := []struct {
		name string
		at   time.Time
	}{
		{"start", c.created}, {"profile_start", c.created}, {"answer", c.answered}, {"bridge", c.bridged},
		{"last_hold", time.Time{}}, {"resurrect", time.Time{}}, {"progress", c.progressed},
		{"progress_media", c.earlyMedia}, {"end", now},
	}
	for _, x := range stamps {
		if !x.at.IsZero() {
			c.set(x.name+"_stamp", x.at.Format("2006-01-02 15:04:05"))
		}
	}
	for _, x := range stamps {
		if x.at.IsZero() {
			c.set(x.name+"_epoch", "0")
			c.set(x.name+"_uepoch", "0")
			continue
		}
		c.set(x.name+"_epoch", strconv.FormatInt(x.at.Unix(), 10))
		c.set(x.name+"_uepoch", strconv.FormatInt(x.at.UnixMicro(), 10))
	}
	c.set("last_app", c.lastApp)
	c.set("last_arg", c.lastArg)
	c.set("caller_id", fmt.Sprintf("%q <%s>", c.profile.name, c.profile.number))
	for _, x := range []struct {
		name     string
		from, to time.Time
	}{
		{"duration", c.created, now}, {"bill", c.answered, now}, {"progress", c.created, c.progressed},
		{"answer", c.created, c.answered}, {"wait", c.created, c.bridged},
		{"progress_media", c.created, c.earlyMedia}, {"flow_bill", c.created, now},
	} {
		var d time.Duration
		if !x.from.IsZero() && !x.to.IsZero() {
			d = x.to.Sub(x.from)
		}
		seconds, ms, us := x.name+"sec", x.name+"msec", x.name+"usec"
		if x.name == "duration" {
			seconds, ms, us = "duration", "mduration", "uduration"
		}
		whole := int64(0)
		if d > 0 {
			whole = x.to.Unix() - x.from.Unix()
		}
		c.set(seconds, strconv.FormatInt(whole, 10))
		c.set(ms, strconv.FormatInt(d.Milliseconds(), 10))
		c.set(us, strconv.FormatInt(d.Microseconds(), 10))
	}
	c.set("sip_hangup_disposition", string(c.ender))
}
