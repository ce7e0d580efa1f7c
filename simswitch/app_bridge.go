package simswitch

import (
	"strconv"
	"strings"
	"time"
)

// bridge <dial string>
func runBridge(c *channel, arg string) {
	if arg == "" {
		return
	}
	c.set("originated_legs", "")
	b, cause := c.originate(arg)
	if b == nil {
		c.set("originate_disposition", cause)
		c.set("DIALSTATUS", dialStatus(cause))
		c.set("originate_failed_cause", cause)
		c.failed(cause)
		return
	}
	c.set("originate_signal_bond", "")
	c.answer()
	c.set("originate_disposition", "SUCCESS")
	c.set("DIALSTATUS", "SUCCESS")
	c.join(b)
	if isTrue(c.get("hangup_after_bridge")) && c.ready() {
		c.hangup(b.cause, hungUpBySwitch)
	}
}

// failed hangs the caller up after a dial that failed, unless continue_on_fail or failure_causes say otherwise.
// Source: switch_channel.c switch_channel_handle_cause.
func (c *channel) failed(cause string) {
	if c.dead() {
		return
	}
	proceed, hasProceed := c.vars.get("continue_on_fail")
	fatal, hasFatal := c.vars.get("failure_causes")
	listed := func(list string) bool {
		for _, x := range separate(list, ',', 256) {
			if strings.EqualFold(x, cause) || x == strconv.Itoa(causes[cause].number) {
				return true
			}
		}
		return false
	}
	switch {
	case hasFatal && !listed(fatal):
		return
	case hasProceed && (isTrue(proceed) || listed(proceed)):
		return
	case !hasFatal && !hasProceed && (cause == "NO_ANSWER" || cause == "NO_USER_RESPONSE" || cause == originatorCancel):
		return
	}
	c.hangup(cause, hungUpBySwitch)
}

// join lets two channels talk until one of them ends or is taken away. c is the one whose goroutine this is; b has
// none or waits in listen.
func (c *channel) join(b *channel) {
	now := time.Now()
	c.other, c.kind, b.other = b, "originatee", c
	if b.kind == "" {
		b.kind = "originator"
	}
	c.profile.calleeName, c.profile.calleeNumber = b.profile.destination, b.profile.destination
	c.bridged, b.bridged = now, now
	c.set("signal_bond", b.uuid)
	b.set("signal_bond", c.uuid)
	pair := []header{{"Bridge-A-Unique-ID", c.uuid}, {"Bridge-B-Unique-ID", b.uuid}}
	c.fire("CHANNEL_BRIDGE", pair)
	c.s.trace(Trace{Kind: KindBridge, Call: c.uuid, Other: b.uuid})
	if b.leg != nil {
		b.leg.Bridged = now
	}
	for _, x := range c.losers {
		if !x.threaded {
			x.finish()
		}
	}
	c.losers = nil
	b.state = "CS_EXCHANGE_MEDIA"
	for _, x := range []*channel{c, b} {
		y := x.other
		x.set("bridge_to", y.uuid)
		x.set("last_bridge_to", y.uuid)
		x.set("bridge_channel", y.name)
		x.set("bridge_uuid", y.uuid)
	}
	b.updateCall(c)
	c.recordBridge(true)
	b.recordBridge(true)
	c.talk(b)

	c.recordBridge(false)
	b.recordBridge(false)
	c.set("bridge_to", "")
	b.set("bridge_to", "")
	c.other.kind = b.kind
	b.set("last_bridge_role", "originatee")
	if b.dead() {
		c.set("bridge_hangup_cause", b.cause)
		if c.dead() {
			b.set("bridge_hangup_cause", c.cause)
		}
		if b.leg != nil {
			b.finish()
		}
		for end := c.tickAfter(time.Now()); c.ready() && time.Now().Before(end); {
			c.wait(end)
		}
	}
	c.fire("CHANNEL_UNBRIDGE", pair)
	c.s.trace(Trace{Kind: KindUnbridge, Call: c.uuid, Other: b.uuid})
	c.part(b)
}

// talk is the bridge itself.
func (c *channel) talk(b *channel) {
	update := c.tickAfter(time.Now())
	endKey, bEndKey := c.get("bridge_terminate_key"), b.get("bridge_terminate_key")
	if endKey == "" {
		endKey = bEndKey
	}
	for c.ready() && !c.lost(b) {
		now := time.Now()
		if !update.IsZero() && !now.Before(update) {
			c.updateCall(b)
			update = time.Time{}
		}
		var next time.Time
		sooner := func(t time.Time) bool {
			if now.Before(t) && (next.IsZero() || t.Before(next)) {
				next = t
			}
			return !now.Before(t)
		}
		if !update.IsZero() {
			sooner(update)
		}
		if b.leg != nil {
			if !b.hangAt.IsZero() && sooner(b.hangAt) {
				b.dueHangup(now)
				continue
			}
			if len(b.keys) > 0 && sooner(b.keyAt()) {
				if digit := b.takeKey(now); strings.IndexByte(endKey, digit) >= 0 {
					return
				}
				continue
			}
		}
		f := frames{until: next, deaf: true, done: func() bool { return c.lost(b) || b.stirred(now) }}
		f.key = func(digit byte) bool {
			if b.leg != nil {
				b.leg.Heard += string(digit)
			}
			return strings.IndexByte(endKey, digit) >= 0
		}
		if c.pump(f) == keyed {
			return
		}
	}
}

// lost tells whether b no longer talks to c.
func (c *channel) lost(b *channel) bool {
	if b.leg == nil {
		return b.dead() || b.seized != c
	}
	return b.dead() || b.taken
}

// stirred tells whether something of a B leg is due that its caller's goroutine does for it.
func (b *channel) stirred(since time.Time) bool {
	if b.leg == nil {
		return false
	}
	return len(b.keys) > 0 && !time.Now().Before(b.keyAt()) && since.Before(b.keyAt())
}

// part is the end of b after the bridge: hung up, or on its way elsewhere.
func (c *channel) part(b *channel) {
	switch {
	case b.leg == nil: // it has a goroutine, in listen
		if b.seized == c {
			b.seized = nil
		}
		b.poke()
	case b.dead():
	case b.taken:
		b.threaded = true
		c.s.running.Add(1)
		go func() {
			defer c.s.running.Done()
			c.s.mu.Lock()
			defer c.s.mu.Unlock()
			b.follow()
		}()
	default:
		cause := normalClearing
		if c.dead() {
			cause = c.cause
		}
		b.hangup(cause, hungUpBySwitch)
		c.set("bridge_hangup_cause", b.cause)
		b.finish()
	}
}

// updateCall is CALL_UPDATE: x shows the name of whom it talks to.
func (x *channel) updateCall(y *channel) {
	name, number := y.profile.name, y.profile.number
	if y.outbound {
		name, number = y.profile.destination, y.profile.destination
	}
	x.set("last_sent_callee_id_name", name)
	x.set("last_sent_callee_id_number", number)
	x.fire("CALL_UPDATE", []header{
		{"Direction", "SEND"}, {"Sent-Callee-ID-Name", name}, {"Sent-Callee-ID-Number", number},
		{"Bridged-To", y.uuid},
	})
}

// intercept <uuid> takes another channel away from whatever controls it and talks to it.
func runIntercept(c *channel, arg string) {
	a := separate(arg, ' ', 4)
	id := part(a, 0)
	if id == "-bleg" {
		id = part(a, 1)
	}
	b := c.s.channels[id]
	if b == nil || b == c || !b.ready() || b.leg != nil {
		return
	}
	c.answer()
	b.leave(c.uuid)
	b.seized = c
	c.join(b)
}
