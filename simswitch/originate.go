package simswitch

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// answerDelay is what an answer or refusal that comes at once still takes on a real switch.
const answerDelay = 20 * time.Millisecond

// attempt is one leg of a group while it is dialled.
type attempt struct {
	b       *channel
	starts  time.Time // leg_delay_start
	ends    time.Time // leg_timeout; zero: none
	started bool
	asking  bool // it answered and is being asked: group_confirm_key
	over    bool
}

// originate dials until a leg answers, group after group. It returns that leg, or nil and the cause of the last group's
// failure: its first leg's, however the others ended. Source: switch_ivr_originate.c; testdata/captures/bridge_*.jsonl, whisper_*.jsonl.
func (c *channel) originate(text string) (*channel, string) {
	if !c.ready() {
		return nil, originatorCancel
	}
	d := parseDialString(text)
	c.set("originate_disposition", "failure")
	c.set("DIALSTATUS", "INVALIDARGS")
	cause := "DESTINATION_OUT_OF_ORDER"
	var tried []string
	for _, group := range d.groups {
		var legs []*attempt
		for _, spec := range group {
			b, refusal := c.dial(d, spec)
			if b == nil {
				cause = refusal
				continue
			}
			legs = append(legs, &attempt{b: b})
		}
		if len(legs) == 0 {
			continue
		}
		var winner *channel
		winner, cause = c.ringGroup(d, legs)
		for _, a := range legs {
			tried = append(tried, a.b.uuid+";"+c.legCause(a.b, winner))
		}
		c.set("originate_causes", array(tried...))
		if winner != nil {
			return winner, ""
		}
		if !c.ready() {
			break
		}
	}
	return nil, cause
}

func (c *channel) legCause(b, winner *channel) string {
	if b == winner || b.cause == "" {
		return "NONE"
	}
	return b.cause
}

// dial makes the channel of one leg, or says why there is none.
func (c *channel) dial(d dialString, spec legSpec) (*channel, string) {
	parts := strings.Split(spec.target, "/")
	name := spec.target
	switch {
	case parts[0] == "error":
		return nil, parseCause(part(parts, 1))
	case parts[0] == "sofia" && part(parts, 1) == "gateway":
		if !c.s.hasGateway(part(parts, 2)) {
			return nil, "INVALID_GATEWAY"
		}
		name = "sofia/external/" + strings.Join(parts[3:], "/")
	case parts[0] != "sofia" && parts[0] != "user" && parts[0] != "loopback" && parts[0] != "group":
		return nil, "CHAN_NOT_IMPLEMENTED"
	}
	vars := append(append(c.exported(), d.vars...), spec.vars...)
	value := func(names ...string) string {
		for _, name := range names {
			for i := len(vars) - 1; i >= 0; i-- {
				if strings.EqualFold(vars[i].name, name) {
					return vars[i].value
				}
			}
		}
		return ""
	}
	id := value("origination_uuid")
	if c.s.channels[id] != nil {
		id = ""
	}
	b := c.s.newChannel(id, name, true)
	b.owner, b.other, b.kind, b.state = c, c, "originator", "CS_NONE"
	b.call = "DOWN"
	b.endpoint = c.s.config.Endpoints(spec.target)
	b.profile = c.profile
	b.profile.destination = dialledNumber(spec.target)
	b.profile.calleeName, b.profile.calleeNumber = "Outbound Call", b.profile.destination
	for _, x := range []struct {
		field *string
		value string
	}{
		{&b.profile.name, c.get("effective_caller_id_name")}, {&b.profile.name, value("origination_caller_id_name")},
		{&b.profile.number, c.get("effective_caller_id_number")},
		{&b.profile.number, value("origination_caller_id_number")},
	} {
		if x.value != "" {
			*x.field = x.value
		}
	}
	b.leg = &Leg{
		UUID: b.uuid, DialString: spec.target, Number: b.profile.destination, Vars: make(map[string]string),
		From: b.profile.number, FromName: b.profile.name, Dialled: time.Now(),
	}
	if p := c.phone; p != nil {
		p.legs = append(p.legs, b.leg)
	}
	c.s.trace(Trace{Kind: KindDial, Call: c.uuid, Other: b.uuid, Arg: spec.target})
	b.fire("CHANNEL_OUTGOING", nil)
	b.legVariables(c)
	for _, v := range vars {
		b.set(v.name, v.value)
		b.leg.Vars[v.name] = v.value
	}
	b.state = "CS_INIT"
	c.set("originate_signal_bond", b.uuid)
	legs := elements(c.get("originated_legs"))
	legs = append(legs, b.uuid+";Outbound Call;"+b.profile.destination)
	c.set("originated_legs", array(legs...))
	return b, ""
}

// ringGroup waits for the first leg that answers and agrees. The timers count whole seconds of the clock.
func (c *channel) ringGroup(d dialString, legs []*attempt) (*channel, string) {
	start := time.Now()
	clock := func(seconds int) time.Time { return time.Unix(start.Unix()+int64(seconds), 0) }
	timeout := 60
	for _, text := range []string{c.get("call_timeout"), value(d.vars, "originate_timeout")} {
		if n := number(text); n > 0 {
			timeout = n
		}
	}
	limit := clock(timeout)
	for _, a := range legs {
		a.starts = start
		if n := number(a.b.get("leg_delay_start")); n > 0 {
			a.starts = clock(n + 1)
		}
		if n := number(a.b.get("leg_timeout")); n > 0 {
			a.ends = clock(n + 1)
		}
	}
	if tone, ok := strings.CutPrefix(c.get("ringback"), "tone_stream://"); ok && c.answered.IsZero() {
		if length := toneLength(tone); length != endless && start.Add(length).Before(limit) {
			limit = start.Add(length) // a ringback that ends, ends the attempt
		}
	}
	if isTrue(c.get("instant_ringback")) && c.get("ringback") != "" {
		c.preAnswer()
	}
	giveUp := func(why string, except *channel) {
		for _, a := range legs {
			if a.b != except && !a.over {
				a.b.hangup(why, hungUpBySwitch)
			}
		}
	}
	for {
		now := time.Now()
		next := limit
		for _, a := range legs {
			winner := c.advance(a, now, &next)
			if winner != nil {
				giveUp("LOSE_RACE", winner)
				for _, x := range legs {
					if x.b != winner && !x.over {
						c.losers = append(c.losers, x.b)
					}
				}
				return winner, ""
			}
		}
		why := ""
		switch {
		case !c.ready():
			why = originatorCancel
		case !slices.ContainsFunc(legs, func(a *attempt) bool { return !a.over }):
			return nil, legs[0].b.cause
		case !now.Before(limit) && !slices.ContainsFunc(legs, func(a *attempt) bool { return a.asking && !a.over }):
			why = "NO_ANSWER"
		}
		if why != "" {
			giveUp(why, nil)
			for _, a := range legs {
				c.bury(a)
			}
			return nil, why
		}
		if !now.Before(next) {
			next = time.Time{}
		}
		c.pump(frames{until: next, deaf: true, done: func() bool { return stirred(legs) }})
	}
}

// stirred tells whether a leg did something that the dialling channel has not seen.
func stirred(legs []*attempt) bool {
	return slices.ContainsFunc(legs, func(a *attempt) bool { return !a.over && (a.b.dead() || a.b.confirmed) })
}

// advance lets one leg do what is due, and lowers next to when it does more. It returns the leg if it won.
func (c *channel) advance(a *attempt, now time.Time, next *time.Time) *channel {
	b := a.b
	due := func(t time.Time) bool {
		if !now.Before(t) {
			return true
		}
		if t.Before(*next) {
			*next = t
		}
		return false
	}
	switch {
	case a.over:
		return nil
	case b.dead():
		c.bury(a)
		return nil
	case b.confirmed:
		return b
	case a.asking:
		return nil
	case !a.started && due(a.starts):
		a.started = true
		b.fire("CHANNEL_ORIGINATE", nil)
		b.state = "CS_CONSUME_MEDIA"
		if b.endpoint.Rings {
			b.ring()
			c.ringing(b)
		}
		if b.endpoint.EarlyMedia {
			b.preAnswer()
			if !isTrue(b.get("ignore_early_media")) {
				c.preAnswer()
			}
		}
	case !a.started:
		return nil
	}
	if !a.ends.IsZero() && due(a.ends) {
		b.hangup("ALLOTTED_TIMEOUT", hungUpBySwitch)
		c.bury(a)
		return nil
	}
	e := b.endpoint
	if e.After < 0 || !due(a.starts.Add(e.After+answerDelay)) {
		return nil
	}
	if e.Refuses != "" {
		if e.SIP != 0 {
			b.setInt("sip_term_status", e.SIP)
			b.set("proto_specific_hangup_cause", "sip:"+strconv.Itoa(e.SIP))
			b.setInt("sip_invite_failure_status", e.SIP)
			b.set("sip_hangup_disposition", string(refusedBy))
		}
		b.hangup(e.Refuses, refusedBy)
		c.bury(a)
		return nil
	}
	b.profile.calleeName = b.profile.calleeNumber
	b.answer()
	b.leg.Answered = now
	if e.Stays > 0 {
		b.hangAt, b.hangCause, b.hangBy = now.Add(e.Stays), normalClearing, hungUpByPhone
	}
	b.onAnswer()
	b.press(e.Presses, now)
	if b.get("group_confirm_key") == "" && b.get("group_confirm_file") == "" {
		return b
	}
	a.asking = true
	b.threaded = true
	c.s.running.Add(1)
	go b.confirm()
	return nil
}

// onAnswer runs what execute_on_answer names on a leg that has just answered. Only sched_hangup is known here.
func (c *channel) onAnswer() {
	if app, arg, _ := strings.Cut(c.get("execute_on_answer"), " "); app == "sched_hangup" {
		c.execute(app, arg, "")
	}
}

// ringing is what the caller gets when a leg rings.
func (c *channel) ringing(b *channel) {
	c.profile.calleeName, c.profile.calleeNumber = b.profile.destination, b.profile.destination
	if c.get("ringback") == "" {
		c.ring()
	} else {
		c.preAnswer()
	}
	if c.progressed.IsZero() {
		c.progressed = time.Now()
	}
}

// bury ends a leg that was hung up and passes its fate to the caller.
func (c *channel) bury(a *attempt) {
	if a.over || !a.b.dead() {
		return
	}
	a.over = true
	b := a.b
	if !b.threaded {
		b.finish()
	}
}

// inherit sets the caller's variables that tell how a B leg ended.
func (c *channel) inherit(b *channel) {
	if status := b.endpoint.SIP; status != 0 && b.answered.IsZero() && b.cause == b.endpoint.Refuses {
		c.setInt("sip_invite_failure_status", status)
		c.set("sip_invite_failure_phrase", sipPhrases[status])
		c.set("sip_hangup_phrase", sipPhrases[status])
	}
	c.set("last_bridge_hangup_cause", b.cause)
	if proto := b.get("proto_specific_hangup_cause"); proto != "" {
		c.set("last_bridge_proto_specific_hangup_cause", proto)
	}
}

// confirm is the goroutine of a B leg that is asked before the bridge: group_confirm_key=exec runs the application
// of group_confirm_file, any other key must be pressed while that file plays again and again.
func (b *channel) confirm() {
	defer b.s.running.Done()
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	key, file := b.get("group_confirm_key"), b.get("group_confirm_file")
	if key == "exec" {
		app, arg, _ := strings.Cut(file, " ")
		b.execute(app, arg, "")
	} else {
		for pressed := false; b.ready() && !pressed; {
			take := func(digit byte) bool { pressed = key == "" || string(digit) == key; return pressed }
			if b.playFile(file, take) == notFound || file == "" {
				b.pump(frames{key: take, until: time.Now().Add(5 * time.Second)})
			}
		}
	}
	if b.taken {
		b.follow()
		return
	}
	if b.dead() {
		b.finish()
		b.owner.poke()
		return
	}
	b.threaded, b.confirmed = false, true
	b.owner.poke()
}

func value(list []header, name string) string {
	for i := len(list) - 1; i >= 0; i-- {
		if strings.EqualFold(list[i].name, name) {
			return list[i].value
		}
	}
	return ""
}
