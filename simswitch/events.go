package simswitch

import (
	"strconv"
	"strings"
	"time"
)

// header is one header of an event, not yet encoded.
type header struct{ name, value string }

// event is what is fired. Its text is made when the first listener wants it.
type event struct {
	name     string
	subclass string
	headers  []header // all but the variables
	channel  *channel // whose variables follow; nil: none
	tail     []header // after the variables
	text     []byte
}

// lean events have no variables.
func lean(name string) bool { return name == "CHANNEL_STATE" || name == "DTMF" }

// fire sends an event of the channel to every listener that wants it. Extra headers come after the variables, as
// Application does, but Bridge-A-Unique-ID and the like come first.
func (c *channel) fire(name string, extra []header) {
	s := c.s
	s.sequence++
	var e *event
	for _, l := range s.candidates(c) {
		if !l.subscribed(name, "") {
			continue
		}
		if e == nil {
			e = c.event(name, extra)
		}
		l.offer(e)
	}
}

// fireCustom sends a CUSTOM event. Those of a conference have no variables (mod_conference).
func (c *channel) fireCustom(subclass string, withVariables bool, extra []header) {
	s := c.s
	s.sequence++
	var e *event
	for _, l := range s.candidates(c) {
		if !l.subscribed("CUSTOM", subclass) {
			continue
		}
		if e == nil {
			e = &event{name: "CUSTOM", subclass: subclass}
			e.headers = append(e.headers, header{"Event-Subclass", subclass})
			e.headers = s.basics(e.headers, "CUSTOM")
			if withVariables {
				e.headers = c.headers(e.headers)
				e.channel, e.tail = c, extra
			} else {
				e.headers = append(e.headers, extra[:min(len(extra), 6)]...)
				e.headers = c.headers(e.headers)
				e.headers = append(e.headers, extra[min(len(extra), 6):]...)
			}
		}
		l.offer(e)
	}
}

// candidates are the listeners that may want the events of a channel.
func (s *Switch) candidates(c *channel) []*listener {
	found := make([]*listener, 0, 4)
	add := func(set map[*listener]bool) {
	next:
		for l := range set {
			for _, have := range found {
				if have == l {
					continue next
				}
			}
			found = append(found, l)
		}
	}
	add(s.routes[c.uuid])
	if c.other != nil {
		add(s.routes[c.other.uuid])
	}
	add(s.broad)
	return found
}

// event is good until the next one: its headers are in memory that all share.
func (c *channel) event(name string, extra []header) *event {
	e := &event{name: name}
	e.headers = c.s.basics(c.s.scratch[:0], name)
	if strings.HasSuffix(name, "BRIDGE") || name == "CALL_UPDATE" {
		e.headers, extra = append(e.headers, extra...), nil
	}
	e.headers = c.headers(e.headers)
	c.s.scratch = e.headers
	if !lean(name) {
		e.channel = c
	}
	e.tail = extra
	return e
}

// basics adds the headers that every event has.
func (s *Switch) basics(h []header, name string) []header {
	now := time.Now()
	return append(h,
		header{"Event-Name", name},
		header{"Core-UUID", s.coreUUID},
		header{"FreeSWITCH-Hostname", s.config.Hostname},
		header{"FreeSWITCH-Switchname", s.config.Hostname},
		header{"FreeSWITCH-IPv4", "192.0.2.2"},
		header{"FreeSWITCH-IPv6", "fd00::2"},
		header{"Event-Date-Local", now.Format("2006-01-02 15:04:05")},
		header{"Event-Date-GMT", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
		header{"Event-Date-Timestamp", strconv.FormatInt(now.UnixMicro(), 10)},
		header{"Event-Calling-File", "simswitch"},
		header{"Event-Calling-Function", "fire"},
		header{"Event-Calling-Line-Number", "1"},
		header{"Event-Sequence", strconv.FormatInt(s.sequence, 10)},
	)
}

func (c *channel) answerState() string {
	switch {
	case c.dead():
		return "hangup"
	case !c.answered.IsZero():
		return "answered"
	case !c.earlyMedia.IsZero():
		return "early"
	}
	return "ringing"
}

var stateNumbers = map[string]string{
	"CS_NONE": "1", "CS_INIT": "2", "CS_ROUTING": "2", "CS_EXECUTE": "4", "CS_EXCHANGE_MEDIA": "5", "CS_CONSUME_MEDIA": "7",
	"CS_HANGUP": "10", "CS_REPORTING": "11",
}

func direction(outbound bool) string {
	if outbound {
		return "outbound"
	}
	return "inbound"
}

func micros(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// headers adds those of a channel in all its events, but without its variables.
func (c *channel) headers(h []header) []header {
	stateNumber := stateNumbers[c.state]
	switch {
	case c.dead() && c.state != "CS_REPORTING":
		stateNumber = "10"
	case c.taken: // it is to be routed again, but its state says so only later
		stateNumber = stateNumbers["CS_ROUTING"]
	}
	callUUID := c.uuid
	if c.owner != nil {
		callUUID = c.owner.uuid
	}
	h = append(h,
		header{"Channel-State", c.state},
		header{"Channel-Call-State", c.call},
		header{"Channel-State-Number", stateNumber},
		header{"Channel-Name", c.name},
		header{"Unique-ID", c.uuid},
		header{"Call-Direction", direction(c.outbound)},
		header{"Presence-Call-Direction", direction(c.outbound)},
		header{"Channel-HIT-Dialplan", strconv.FormatBool(!c.outbound)},
		header{"Channel-Call-UUID", callUUID},
		header{"Answer-State", c.answerState()},
	)
	if c.cause != "" {
		h = append(h, header{"Hangup-Cause", c.cause})
	}
	for _, way := range []string{"Read", "Write"} {
		h = append(h,
			header{"Channel-" + way + "-Codec-Name", "PCMU"},
			header{"Channel-" + way + "-Codec-Rate", "8000"},
			header{"Channel-" + way + "-Codec-Bit-Rate", "64000"},
		)
	}
	h = c.profileHeaders(h, "Caller-")
	if c.other != nil {
		h = append(h, header{"Other-Type", c.kind})
		h = c.other.profileHeaders(h, "Other-Leg-")
	}
	return h
}

func (c *channel) profileHeaders(h []header, prefix string) []header {
	p := &c.profile
	h = append(h,
		header{prefix + "Direction", direction(c.outbound)},
		header{prefix + "Logical-Direction", direction(c.outbound)},
		header{prefix + "Username", p.username},
		header{prefix + "Dialplan", "XML"},
		header{prefix + "Caller-ID-Name", p.name},
		header{prefix + "Caller-ID-Number", p.number},
		header{prefix + "Orig-Caller-ID-Name", p.name},
		header{prefix + "Orig-Caller-ID-Number", p.number},
	)
	if p.calleeNumber != "" {
		h = append(h,
			header{prefix + "Callee-ID-Name", p.calleeName},
			header{prefix + "Callee-ID-Number", p.calleeNumber})
	}
	h = append(h,
		header{prefix + "Network-Addr", p.address},
		header{prefix + "ANI", p.number},
		header{prefix + "Destination-Number", p.destination},
		header{prefix + "Unique-ID", c.uuid},
		header{prefix + "Source", "mod_sofia"},
		header{prefix + "Context", p.context},
		header{prefix + "Channel-Name", c.name},
		header{prefix + "Profile-Index", "1"},
		header{prefix + "Profile-Created-Time", micros(c.created)},
	)
	for _, x := range []struct {
		name string
		at   time.Time
	}{
		{"Created", c.created}, {"Answered", c.answered}, {"Progress", c.progressed},
		{"Progress-Media", c.earlyMedia}, {"Hangup", c.hungup}, {"Transfer", time.Time{}},
		{"Resurrect", time.Time{}}, {"Bridged", c.bridged},
	} {
		h = append(h, header{prefix + "Channel-" + x.name + "-Time", micros(x.at)})
	}
	return append(h,
		header{prefix + "Channel-Last-Hold", "0"},
		header{prefix + "Channel-Hold-Accum", "0"},
		header{prefix + "Screen-Bit", "true"},
		header{prefix + "Privacy-Hide-Name", "false"},
		header{prefix + "Privacy-Hide-Number", "false"},
	)
}

// data is the event that a connect command and uuid_dump answer with.
func (c *channel) data(tail ...header) *event {
	c.s.sequence++
	e := &event{name: "CHANNEL_DATA", channel: c, tail: tail}
	e.headers = c.headers(c.profileHeaders(c.s.basics(make([]header, 0, 112), e.name), "Channel-"))
	return e
}

func appendHeaders(b []byte, headers []header) []byte {
	for _, h := range headers {
		if h.value == "" {
			continue // FreeSWITCH adds no header without a value
		}
		b = append(b, h.name...)
		b = append(b, ": "...)
		b = append(b, encode(h.value)...)
		b = append(b, '\n')
	}
	return b
}

// render is the event's plain text with its blank line.
func (e *event) render() []byte {
	if e.text == nil {
		size := 2048
		if e.channel != nil {
			size = 8192
		}
		b := appendHeaders(make([]byte, 0, size), e.headers)
		if e.channel != nil {
			b = e.channel.vars.render(b)
		}
		b = appendHeaders(b, e.tail)
		e.text = append(b, '\n')
	}
	return e.text
}

// get finds a header by name, without case; the variables count.
func (e *event) get(name string) (string, bool) {
	for _, list := range [][]header{e.headers, e.tail} {
		for _, h := range list {
			if len(h.name) == len(name) && strings.EqualFold(h.name, name) {
				return h.value, true
			}
		}
	}
	if rest, ok := strings.CutPrefix(name, "variable_"); ok && e.channel != nil {
		return e.channel.vars.get(rest)
	}
	return "", false
}
