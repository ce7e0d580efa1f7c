package dialplan

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Endpoint is one leg to dial: where, from a Template, and how.
type Endpoint struct {
	address string

	UUID     string        // the leg's, "" lets the switch choose
	Timeout  time.Duration // ring time of this leg, whole seconds; 0: the bridge's
	Delay    time.Duration // before it is rung, whole seconds
	Headers  []Header      // on its INVITE
	Username string        // for authentication, letters, digits and + * # . _ -
	Password Value
	Limit    time.Duration // how long the leg may last once answered, whole seconds; 0: no limit
}

// Address is what is dialled, for people and records.
func (e Endpoint) Address() string { return e.address }

// unsafeInLeg are the characters that a leg's list of variables gives a meaning of its own, at one of the four levels
// at which the switch splits it. Source: FreeSWITCH 1.10.12 switch_ivr_originate, switch_event_create_brackets.
const unsafeInLeg = "'\\|[]{}<>$^~"

// dial is the leg as part of a dial string.
//
//	[^^~origination_uuid=…~leg_timeout=20~sip_h_X-Case=42]sofia/external/…
func (e Endpoint) dial() string {
	var vars []string
	set := func(name, value string) {
		if value != "" && !strings.ContainsAny(value, unsafeInLeg) {
			vars = append(vars, name+"="+value)
		}
	}
	if id, err := uuid.Parse(e.UUID); err == nil {
		set("origination_uuid", id.String())
	}
	if e.Timeout > 0 {
		set("leg_timeout", strconv.Itoa(wholeSeconds(e.Timeout)))
	}
	if e.Delay > 0 {
		set("leg_delay_start", strconv.Itoa(wholeSeconds(e.Delay)))
	}
	if e.Username != "" && only(e.Username, "+*#._-@") {
		set("sip_auth_username", e.Username)
		set("sip_auth_password", e.Password.s)
	}
	for _, h := range sortedHeaders(e.Headers) {
		if checked, err := ParseHeader(h.Name, h.Value.s); err == nil {
			set("sip_h_"+checked.Name, checked.Value.s)
		}
	}
	if e.Limit > 0 {
		// One word of the switch's own vocabulary with a number of ours: nothing foreign runs on the answered leg.
		set("execute_on_answer", "sched_hangup +"+strconv.Itoa(wholeSeconds(e.Limit))+" "+string(AllottedTimeout))
	}
	if len(vars) == 0 {
		return e.address
	}
	return "[^^~" + strings.Join(vars, "~") + "]" + e.address
}

// Sendable tells which of a leg's headers have values that cannot be written into a dial string.
func (e Endpoint) Sendable() (refused []string) {
	for _, h := range e.Headers {
		if strings.ContainsAny(h.Value.s, unsafeInLeg) {
			refused = append(refused, h.Name)
		}
	}
	return refused
}

// Bridge dials endpoints and joins the caller to the one that answers first.
//
//	bridge [leg variables]sofia/gateway/carrier/123,[…]sofia/external/a@b
//
// It comes back when the other side is gone; a caller whose side ended is gone. Completion.Bridged reads the result.
// Source: mod_dptools "bridge"; twiml.md 4.6.2; callflow-modules-p-r.md 0.6; testdata/captures/bridge_*.jsonl.
type Bridge struct {
	Endpoints        []Endpoint
	InTurn           bool          // one after the other, else all at once
	Timeout          time.Duration // ring time of the whole, whole seconds; 0: the switch's 60 s
	IgnoreEarlyMedia bool          // the caller hears Ringback instead of what the far side plays
	Ringback         File          // zero: the local ringback tone
	HangupKey        Digits        // one key by which the caller ends the far leg; "": none
	CallerName       Value         // shown to the far side; zero: the caller's
	CallerNumber     Value
}

// DefaultRingback is the tone that an answered caller hears while legs ring. Source: callflow-engine.md 14.
const DefaultRingback = "%(2000,4000,440,480)"

// Name implements Application.
func (Bridge) Name() string { return "bridge" }

func (b Bridge) argument() argument {
	legs := make([]string, 0, len(b.Endpoints))
	for _, e := range b.Endpoints {
		legs = append(legs, e.dial())
	}
	separator := ","
	if b.InTurn {
		separator = "|"
	}
	return argument(strings.Join(legs, separator))
}

func (b Bridge) needs() []Variable {
	timeout := ""
	if b.Timeout > 0 {
		timeout = strconv.Itoa(wholeSeconds(b.Timeout))
	}
	ringback := b.Ringback.name
	if ringback == "" {
		ringback = DefaultRingback
	}
	return []Variable{
		variable("continue_on_fail", "true"),
		variable("hangup_after_bridge", "false"),
		variable("call_timeout", timeout),
		variable("originate_timeout", timeout),
		variable("originate_continue_on_timeout", strconv.FormatBool(b.InTurn)),
		variable("ignore_early_media", strconv.FormatBool(b.IgnoreEarlyMedia)),
		variable("ringback", ringback),
		variable("transfer_ringback", ringback),
		variable("bridge_terminate_key", string(b.HangupKey)),
		{Name{"effective_caller_id_name"}, b.CallerName},
		{Name{"effective_caller_id_number"}, b.CallerNumber},
	}
}

func (Bridge) clears() []string {
	return []string{
		"originate_disposition", "originate_failed_cause", "DIALSTATUS", "endpoint_disposition", "last_bridge_to", "bridge_uuid",
		"last_bridge_hangup_cause", "last_bridge_proto_specific_hangup_cause", "bridge_hangup_cause", "sip_invite_failure_status",
	}
}

// Bridged is what became of a Bridge.
type Bridged struct {
	Answered bool   // a far side answered and was joined
	Cause    Cause  // why it was not, or why the far side went; never empty
	Code     string // "sip:486", "" when no far side gave one
	Leg      string // UUID of the leg that was joined, "" without one
}

// Bridged reads the result of a Bridge. Source: docs/reference/esl.md, Results; callflow-modules-p-r.md 0.3.
func (c Completion) Bridged() Bridged {
	b := Bridged{
		Code: first(c.Variable("last_bridge_proto_specific_hangup_cause"), c.Variable("proto_specific_hangup_cause")),
		Leg:  first(c.Variable("last_bridge_to"), c.Variable("bridge_uuid")),
	}
	switch disposition := c.Variable("originate_disposition"); disposition {
	case "SUCCESS", "success":
		b.Answered = true
		b.Cause = Cause(first(c.Variable("bridge_hangup_cause"), c.Variable("last_bridge_hangup_cause"), string(NormalClearing)))
	default:
		b.Cause = Cause(first(disposition, c.Variable("originate_failed_cause"), c.Variable("last_bridge_hangup_cause"), "UNSPECIFIED"))
		b.Leg = ""
	}
	return b
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Conference joins the caller to a room of mod_conference, until the room or the caller ends.
//
//	conference <room>@<profile>+flags{…}
//
// Room is a name of ours: the switch gives @, + and blanks in it a meaning. Source: mod_conference; twiml.md 4.8.
type Conference struct {
	Room    Name
	Profile Name // zero: "default"
	Muted   bool
}

// Name implements Application.
func (Conference) Name() string { return "conference" }

func (c Conference) argument() argument {
	profile := c.Profile.s
	if profile == "" {
		profile = "default"
	}
	arg := c.Room.word() + "@" + profile
	if c.Muted {
		arg += "++flags{mute}"
	}
	return argument(arg)
}

func (Conference) needs() []Variable {
	return []Variable{variable("hangup_after_conference", "false")}
}
