package simswitch

import (
	"strings"
	"time"
)

// hangup [cause]
func runHangup(c *channel, arg string) {
	cause := normalClearing
	if arg != "" {
		cause = parseCause(arg)
	}
	c.hangup(cause, hungUpBySwitch)
}

// respond <code> [phrase] refuses a call. One that was answered is hung up by a code from 400 on, with the same cause;
// lower ones do nothing then.
func runRespond(c *channel, arg string) {
	code, _, _ := strings.Cut(arg, " ")
	status := number(code)
	if c.dead() || status < 100 || !c.answered.IsZero() && status < 400 {
		return
	}
	if !c.answered.IsZero() {
		c.hangup(causeOfSIP(status), hungUpBySwitch)
		return
	}
	c.trace(KindRespond, arg)
	if status < 200 { // the switch fires no event for it
		return
	}
	c.sip = status
	c.hangup(causeOfSIP(status), hungUpBySwitch)
}

// redirect <uri> is 302 before the answer.
func runRedirect(c *channel, arg string) {
	if !c.answered.IsZero() || c.dead() {
		return
	}
	c.sip = 302
	c.trace(KindRespond, "302 "+arg)
	c.hangup("NORMAL_UNSPECIFIED", hungUpBySwitch)
}

// referLimit is how long deflect waits for a phone that does not answer a REFER. Source: mod_sofia.c
// sofia_wait_for_reply.
const referLimit = 10 * time.Second

// deflect <uri> is REFER: the caller goes elsewhere and is hung up here, unless sip_refer_continue_after_reply is set:
// then it returns as soon as the phone has replied, and the call goes on. Before the answer the phone does not reply.
func runDeflect(c *channel, arg string) {
	c.trace(KindTransfer, arg)
	if c.answered.IsZero() {
		if c.pump(frames{until: time.Now().Add(referLimit), deaf: true}) != gone {
			c.hangup("BLIND_TRANSFER", hungUpBySwitch)
		}
		return
	}
	if isTrue(c.get("sip_refer_continue_after_reply")) {
		c.set("sip_refer_status_code", "100")
		return
	}
	c.hangup("BLIND_TRANSFER", hungUpByPhone)
}

// sched_hangup +<seconds>|<epoch> [cause]; the switch counts whole seconds of the clock and looks at it twice a second,
// so that it may come up to one second early (testdata/captures/sched_hup.jsonl) and up to half a second late.
func runSchedHangup(c *channel, arg string) {
	when, cause, _ := strings.Cut(arg, " ")
	c.scheduleHangup(when, cause)
}

func (c *channel) scheduleHangup(when, cause string) {
	if when == "" {
		return
	}
	name := "ALLOTTED_TIMEOUT"
	if cause = strings.TrimSpace(cause); cause != "" {
		word, _, _ := strings.Cut(cause, " ")
		name = parseCause(word)
	}
	at := int64(number(when))
	if when[0] == '+' {
		if at == 0 {
			c.hangup(name, hungUpBySwitch)
			return
		}
		at += time.Now().Unix()
	}
	// Each that was scheduled stays: the first ends it.
	if end := c.s.looksAt(time.Unix(at, 0)); c.hangAt.IsZero() || end.Before(c.hangAt) {
		c.hangAt, c.hangCause, c.hangBy = end, name, hungUpBySwitch
	}
	c.poke()
	if c.owner != nil {
		c.owner.poke()
	}
}

// park holds the channel without anything to hear. Under a socket it fails at once, for the socket parks it already.
func runPark(c *channel, _ string) {
	if c.session != nil {
		return
	}
	c.pump(frames{key: func(byte) bool { return false }})
}

func runEcho(c *channel, _ string) {
	c.pump(frames{key: func(byte) bool { return false }})
}

// sleep <ms>. A key ends it and stays in the queue, so that one that was typed ahead ends it at once; with
// sleep_eat_digits keys are taken and end nothing. Source: switch_ivr.c switch_ivr_sleep.
func runSleep(c *channel, arg string) {
	f := frames{until: time.Now().Add(time.Duration(number(arg)) * time.Millisecond), touch: true}
	if isTrue(c.get("sleep_eat_digits")) {
		f.touch, f.key = false, func(byte) bool { return false }
	}
	c.pump(f)
}

// send_dtmf <keys>[@<ms>]; w and W are pauses. It returns at once.
func runSendDTMF(c *channel, arg string) {
	if !c.outbound {
		c.preAnswer()
	}
	c.trace(KindSendDTMF, arg)
}

// set_mute <read|write> [<true|level>|false]: "write true" lets the caller hear silence, whatever plays; nothing else
// changes. Anything that is neither direction does nothing. Source: mod_dptools.c set_mute_function.
func runSetMute(c *channel, arg string) { c.trace(KindMute, arg) }

// event fires a CUSTOM event: Event-Subclass=x,Event-Name=CUSTOM,a=b.
func runEvent(c *channel, arg string) {
	var subclass string
	var extra []header
	for _, pair := range separate(arg, ',', 256) {
		name, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(name, "Event-Subclass") {
			subclass = value
		} else if !strings.EqualFold(name, "Event-Name") {
			extra = append(extra, header{name, value})
		}
	}
	c.fireCustom(subclass, true, extra)
}

// forgetKeys drops type-ahead: flush_dtmf. Keys still to be pressed stay.
func (c *channel) forgetKeys() {
	now := time.Now()
	for c.heard(now) {
		c.keys = c.keys[1:]
	}
}

// press queues keys as a phone sends them: one every 60 ms; w pauses half a second, W and the comma one second.
func (c *channel) press(digits string, from time.Time) {
	at := from
	if c.keysUntil.After(at) {
		at = c.keysUntil
	}
	for _, x := range []byte(digits) {
		switch x {
		case 'w':
			at = at.Add(500 * time.Millisecond)
		case 'W', ',':
			at = at.Add(time.Second)
		default:
			if strings.IndexByte("0123456789*#ABCDabcd", x) < 0 {
				continue
			}
			c.keys = append(c.keys, key{strings.ToUpper(string(x))[0], at})
			at = at.Add(60 * time.Millisecond)
		}
	}
	c.keysUntil = at
	c.poke()
}
