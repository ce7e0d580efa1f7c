package dialplan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Cause is a hangup cause by the switch's name, such as "USER_BUSY". Source: FreeSWITCH switch_types.h.
type Cause string

// Causes that this process gives or looks for.
const (
	NormalClearing  Cause = "NORMAL_CLEARING"
	UserBusy        Cause = "USER_BUSY"
	CallRejected    Cause = "CALL_REJECTED"
	AllottedTimeout Cause = "ALLOTTED_TIMEOUT"
	NoAnswer        Cause = "NO_ANSWER"
)

// ParseCause takes a cause from foreign text: capital letters, digits and "_".
func ParseCause(s string) (Cause, error) {
	for _, r := range s {
		if (r < 'A' || r > 'Z') && r != '_' && (r < '0' || r > '9') {
			return "", fmt.Errorf("hangup cause %q: capital letters, digits and _ may be used", clip(s))
		}
	}
	if s == "" || len(s) > 64 {
		return "", fmt.Errorf("hangup cause %q is empty or over 64 characters", clip(s))
	}
	return Cause(s), nil
}

func (c Cause) word() string {
	if p, err := ParseCause(string(c)); err == nil {
		return string(p)
	}
	return string(NormalClearing)
}

// Hangup ends the channel. Source: mod_dptools "hangup".
type Hangup struct{ Cause Cause } // zero: NORMAL_CLEARING

func (Hangup) parting() {}

// Name implements Application.
func (Hangup) Name() string         { return "hangup" }
func (h Hangup) argument() argument { return argument(h.Cause.word()) }

// Respond answers an unanswered call with a SIP status. The switch then hangs up, for codes from 400 on.
//
//	respond 486 Busy Here
//
// Source: mod_dptools "respond"; testdata/captures/early.jsonl.
type Respond struct {
	Code int // 300–699
	// foreign text: letters and digits of ASCII, blanks and ,.-/() are kept, up to 100; "": the switch's own
	Phrase string
}

// Name implements Application.
func (Respond) Name() string { return "respond" }

func (r Respond) argument() argument {
	code := r.Code
	if code < 300 || code > 699 {
		code = 486
	}
	phrase := strings.Map(func(c rune) rune {
		if c == ' ' || only(string(c), ",.-/()") {
			return c
		}
		return -1
	}, clean(r.Phrase))
	return argument(strings.TrimSpace(strconv.Itoa(code) + " " + phrase[:min(len(phrase), 100)]))
}

// Redirect sends an unanswered caller to another address (302).
//
//	redirect sip:user@host
//
// Source: mod_dptools "redirect"; mod_sofia puts the argument into the Contact as it is, so it must have its scheme.
type Redirect struct{ To SIPURI }

func (Redirect) parting() {}

// Name implements Application.
func (Redirect) Name() string         { return "redirect" }
func (r Redirect) argument() argument { return argument(r.To.scheme() + r.To.word()) }

// Deflect refers an answered caller to another address (REFER). The call is hung up after the transfer unless Stay.
//
//	deflect sip:user@host
//
// Source: mod_dptools "deflect"; twiml.md 7.3. mod_sofia takes what does not begin with sip: for a user at its own
// address, sips: included; such an address keeps its transport.
type Deflect struct {
	To   SIPURI
	Stay bool
}

func (Deflect) parting() {}

// Name implements Application.
func (Deflect) Name() string         { return "deflect" }
func (d Deflect) argument() argument { return argument("sip:" + d.To.word()) }
func (d Deflect) needs() []Variable {
	return []Variable{variable("sip_refer_continue_after_reply", strconv.FormatBool(d.Stay))}
}

// Transfer gives the channel to an extension of the dialplan: it leaves us.
//
//	transfer <extension> XML <context>
//
// Source: mod_dptools "transfer".
type Transfer struct {
	Extension Number
	Context   Name // zero: "default"
}

func (Transfer) parting() {}

// Name implements Application.
func (Transfer) Name() string { return "transfer" }

func (t Transfer) argument() argument {
	context := t.Context.s
	if context == "" {
		context = "default"
	}
	return argument(t.Extension.word() + " XML " + context)
}

// SchedHangup hangs the channel up after a time, in whole seconds. Source: mod_dptools "sched_hangup".
type SchedHangup struct {
	After time.Duration
	Cause Cause
}

// Name implements Application.
func (SchedHangup) Name() string { return "sched_hangup" }

func (s SchedHangup) argument() argument {
	return argument(fmt.Sprintf("+%d %s", wholeSeconds(s.After), s.Cause.word()))
}

// Park leaves the channel alone until somebody takes it. Source: mod_dptools "park".
type Park struct{}

// Name implements Application.
func (Park) Name() string       { return "park" }
func (Park) argument() argument { return "" }

// Mark does nothing, in its turn: its completion tells that everything queued before it has ended. Source: mod_dptools
// "eval"; callflow-modules-e-o.md, noop.
type Mark struct{}

// Name implements Application.
func (Mark) Name() string       { return "eval" }
func (Mark) argument() argument { return "fspivot" }
