package simswitch

import "time"

// outcome is why a pump ended.
type outcome int

const (
	expired outcome = iota // its time was over
	gone                   // the channel was hung up or taken away
	broken                 // uuid_break
	keyed                  // a key ended it
	done                   // what it waited for happened
)

// frames says what an application does while media frames come and go.
type frames struct {
	until time.Time             // zero: no end
	key   func(digit byte) bool // takes keys, one a tick; true: that was enough. Nil: keys are left in the queue
	done  func() bool           // asked whenever something may have changed; nil: never
	deaf  bool                  // uuid_break does not end it
	touch bool                  // a key ends it, as keyed, and stays in the queue
}

// pump is the frame loop that every application waits in. It takes keys, runs messages that came without
// event-lock, and notices breaks, each at the next tick; a hangup it notices at once. Switch.mu is held before and
// after, not while it waits.
func (c *channel) pump(f frames) outcome {
	for {
		now := time.Now()
		c.dueHangup(now)
		if !c.ready() {
			return gone
		}
		if f.done != nil && f.done() {
			return done
		}
		next := f.until
		soon := func(t time.Time) bool {
			if !now.Before(t) {
				return true
			}
			if next.IsZero() || t.Before(next) {
				next = t
			}
			return false
		}
		if !c.breakAt.IsZero() && !f.deaf && soon(c.tickAfter(c.breakAt)) {
			c.breakAt = time.Time{}
			return broken
		}
		if c.locked == 0 && len(c.messages) > 0 && soon(c.tickAfter(c.messages[0].at)) {
			c.runMessages()
			continue
		}
		c.loseKeys(now)
		if f.touch && len(c.keys) > 0 && soon(c.keyAt()) {
			return keyed
		}
		if f.key != nil && len(c.keys) > 0 && soon(c.keyAt()) {
			if f.key(c.takeKey(now)) {
				return keyed
			}
			continue
		}
		if !f.until.IsZero() && !now.Before(f.until) {
			return expired
		}
		for _, r := range c.recordings {
			if r.endsAt.IsZero() {
				continue
			}
			if soon(r.endsAt) {
				r.stop()
				next = now // the list has changed: look again
				break
			}
		}
		if !c.hangAt.IsZero() {
			soon(c.hangAt)
		}
		c.wait(next)
	}
}

// wait gives the lock away until t (zero: no end) or a poke.
func (c *channel) wait(t time.Time) {
	var timer *time.Timer
	var over <-chan time.Time
	if !t.IsZero() {
		timer = time.NewTimer(time.Until(t))
		over = timer.C
	}
	c.s.mu.Unlock()
	select {
	case <-c.wake:
	case <-over:
	}
	if timer != nil {
		timer.Stop()
	}
	c.s.mu.Lock()
}

// tickAfter is the channel's first media frame after t.
func (c *channel) tickAfter(t time.Time) time.Time {
	return c.created.Add((t.Sub(c.created)/tick + 1) * tick)
}

// keyAt is when the next key can be taken: heard, and not in the tick of the one before.
func (c *channel) keyAt() time.Time {
	at := c.tickAfter(c.keys[0].at)
	if next := c.keyTick.Add(tick); next.After(at) {
		return next
	}
	return at
}

// takeKey removes the first key from the queue, which is when its event comes.
func (c *channel) takeKey(now time.Time) byte {
	digit := c.keys[0].digit
	c.keys = c.keys[1:]
	c.keyTick = now
	c.dialled += string(digit)
	c.fire("DTMF", []header{
		{"DTMF-Digit", string(digit)}, {"DTMF-Duration", "800"}, {"DTMF-Source", "RTP"},
	})
	c.trace(KindDigit, string(digit))
	if c.leg != nil {
		c.leg.Digits += string(digit)
	}
	return digit
}

// loseKeys drops keys that were pressed before there was the media that carries them.
func (c *channel) loseKeys(now time.Time) {
	if !c.keysNeedMedia {
		return
	}
	opened := c.answered
	if opened.IsZero() || !c.earlyMedia.IsZero() && c.earlyMedia.Before(opened) {
		opened = c.earlyMedia
	}
	for len(c.keys) > 0 && !now.Before(c.keys[0].at) && (opened.IsZero() || c.keys[0].at.Before(opened)) {
		c.keys = c.keys[1:]
	}
}

// heard tells whether a key waits that was pressed before now.
func (c *channel) heard(now time.Time) bool { return len(c.keys) > 0 && !now.Before(c.keys[0].at) }

// dueHangup ends the channel when its scheduled end has come. A socket learns of such an end before the application
// does (testdata/captures/sched_hup.jsonl).
func (c *channel) dueHangup(now time.Time) {
	if c.hangAt.IsZero() || now.Before(c.hangAt) || c.dead() {
		return
	}
	c.hangAt = time.Time{}
	if c.hangBy != hungUpBySwitch || c.outbound {
		c.hangup(c.hangCause, c.hangBy)
		return
	}
	c.hangup(c.hangCause, c.hangBy)
	for _, l := range c.listeners {
		l.notice()
	}
	for end := c.tickAfter(now); time.Now().Before(end); {
		c.wait(end)
	}
}

// park is the socket action's wait for messages: it takes keys and runs what comes, until the socket is gone.
func (c *channel) park(l *listener) {
	if c.dead() {
		return
	}
	c.fire("CHANNEL_PARK", nil)
	c.pump(frames{
		key:  func(byte) bool { return false },
		done: func() bool { return l.finished && len(c.messages) == 0 },
		deaf: true,
	})
	c.fire("CHANNEL_UNPARK", nil)
	c.runMessages()
}

// runMessages runs what is queued, one after the other without a tick between.
func (c *channel) runMessages() {
	for len(c.messages) > 0 && c.locked == 0 {
		m := c.messages[0]
		c.messages = c.messages[1:]
		c.runMessage(m)
		if m.done != nil {
			close(m.done)
		}
		if c.halted {
			c.halted = false
			break
		}
	}
}

// runMessage is one sendmsg. Source: switch_ivr.c switch_ivr_parse_event.
func (c *channel) runMessage(m message) {
	if isTrue(m.headers["event-lock"]) || isTrue(m.headers["event-lock-pri"]) {
		c.locked++
		defer func() { c.locked-- }()
	}
	switch m.headers["call-command"] {
	case "execute":
		arg := m.headers["execute-app-arg"]
		if arg == "" && m.headers["content-type"] == "text/plain" {
			arg = m.body
		}
		loops := 1
		if text := m.headers["loops"]; text != "" {
			loops = number(text)
		}
		c.halted = false
		c.depth++
		for x := 0; x < loops || loops < 0; x++ {
			before := time.Now()
			c.setInt("current_loop", x+1)
			c.setInt("total_loops", loops)
			ok := c.execute(m.headers["execute-app-name"], arg, m.headers["event-uuid"])
			if !ok || !c.ready() || c.halted || time.Since(before) < 500*time.Millisecond {
				break
			}
		}
		c.depth--
		c.set("current_loop", "")
		c.set("total_loops", "")
	case "hangup":
		c.hangup(parseCause(m.headers["hangup-cause"]), hungUpBySwitch)
	}
}
