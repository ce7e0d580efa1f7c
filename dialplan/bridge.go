package dialplan

import (
	"slices"
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
func (e Endpoint) Address() string {
	if e.address == "" {
		return unreachable
	}
	return e.address
}

// unreachable is what a zero Endpoint dials: the switch fails it with that cause, and rings nobody.
const unreachable = "error/UNALLOCATED_NUMBER"

// fitsLeg tells whether a value may stand in a leg's list of variables: the switch splits it at four levels, each with
// characters of its own. Source: FreeSWITCH 1.10.12 switch_ivr_originate, switch_event_create_brackets,
// switch_separate_string.
func fitsLeg(value string) bool {
	return !strings.ContainsAny(value, "'\\|[]{}^") && !strings.Contains(value, separatesGroups)
}

// dial is the leg as part of a dial string.
//
//	[^^~origination_uuid=…~leg_timeout=20~sip_h_X-Case=42]sofia/external/…
func (e Endpoint) dial() string {
	var vars []string
	separator := "~"
	set := func(name, value string) {
		if value == "" || !fitsLeg(value) {
			return
		}
		if strings.Contains(value, separator) {
			separator = "\x1f" // a control character is never part of a Value
		}
		vars = append(vars, name+"="+value)
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
	if e.Username != "" && only(e.Username, userMarks+"@") {
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
		return e.Address()
	}
	return "[^^" + separator + strings.Join(vars, separator) + "]" + e.Address()
}

// Sendable tells which of a leg's headers have values that cannot be written into a dial string.
func (e Endpoint) Sendable() (refused []string) {
	for _, h := range e.Headers {
		if !fitsLeg(h.Value.s) {
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

// Name implements Application.
func (Bridge) Name() string { return "bridge" }

func (b Bridge) argument() argument { return argument(b.legs(b.Endpoints)) }

func (b Bridge) legs(endpoints []Endpoint) string {
	legs := make([]string, 0, len(endpoints))
	for _, e := range endpoints {
		legs = append(legs, e.dial())
	}
	separator := ","
	if b.InTurn {
		separator = "|"
	}
	return strings.Join(legs, separator)
}

func (b Bridge) void() bool { return len(b.Endpoints) == 0 }

// describe leaves the passwords out.
func (b Bridge) describe() string {
	list := slices.Clone(b.Endpoints)
	for i := range list {
		list[i].Password = Value{}
	}
	return b.legs(list)
}

func (b Bridge) needs() []Variable {
	timeout := ""
	if b.Timeout > 0 {
		timeout = strconv.Itoa(wholeSeconds(b.Timeout))
	}
	// An answered caller hears transfer_ringback, any other ringback: without one he hears the far side's early media.
	early := b.Ringback.ringback()
	if b.Ringback.IsZero() && !b.IgnoreEarlyMedia {
		early = ""
	}
	return []Variable{
		variable("continue_on_fail", "true"),
		variable("hangup_after_bridge", "false"),
		variable("call_timeout", timeout),
		variable("originate_timeout", timeout),
		variable("originate_continue_on_timeout", strconv.FormatBool(b.InTurn)),
		variable("ignore_early_media", strconv.FormatBool(b.IgnoreEarlyMedia)),
		variable("ringback", early),
		variable("transfer_ringback", b.Ringback.ringback()),
		variable("bridge_terminate_key", string(b.HangupKey.keys())),
		variable("effective_caller_id_name", callerName(b.CallerName)),
		variable("effective_caller_id_number", callerNumber(b.CallerNumber)),
	}
}

// callerName is a name that can stand in quotes in a From header: the switch puts it there as it is, and undoes
// %-escapes first, so that %0D%0A would begin a header. Source: FreeSWITCH 1.10.12 mod_sofia check_decode,
// sofia_glue_do_invite.
func callerName(v Value) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`"<>%`, r) {
			return -1
		}
		return r
	}, v.s))
}

// callerNumber is a number that can be the user of a From header.
func callerNumber(v Value) string {
	return strings.Map(func(r rune) rune {
		if only(string(r), userMarks) {
			return r
		}
		return -1
	}, v.s)
}

func (Bridge) clears() []string {
	return []string{
		"originate_disposition", "originate_failed_cause", "originate_causes", "originated_legs", "DIALSTATUS",
		"endpoint_disposition", "last_bridge_to", "bridge_uuid", "last_bridge_hangup_cause",
		"last_bridge_proto_specific_hangup_cause", "bridge_hangup_cause", "sip_invite_failure_status",
	}
}

// Bridged is what became of a Bridge.
type Bridged struct {
	Answered bool             // a far side answered and was joined
	Cause    Cause            // why it was not, or why the far side went; never empty
	Code     string           // "sip:486", "" when no far side gave one
	Leg      string           // UUID of the leg that was joined, "" without one
	Causes   map[string]Cause // why each leg that was dialled and not joined went, by its UUID
}

// Bridged reads the result of a Bridge. Source: docs/reference/esl.md, Results; callflow-modules-p-r.md 0.3.
func (c Completion) Bridged() Bridged {
	b := Bridged{
		Code:   c.Variable("last_bridge_proto_specific_hangup_cause"),
		Leg:    first(c.Variable("last_bridge_to"), c.Variable("bridge_uuid")),
		Causes: c.legCauses(),
	}
	if status := c.Variable("sip_invite_failure_status"); b.Code == "" && status != "" {
		b.Code = "sip:" + status
	}
	disposition := c.Variable("originate_disposition")
	if strings.EqualFold(disposition, "SUCCESS") {
		b.Answered = true
		b.Cause = Cause(first(c.Variable("bridge_hangup_cause"), c.Variable("last_bridge_hangup_cause"),
			string(NormalClearing)))
		return b
	}
	if _, err := ParseCause(disposition); err != nil {
		disposition = "" // "failure", "call accepted": how far it had come when the caller went
	}
	b.Leg = ""
	b.Cause = Cause(first(disposition, c.Variable("originate_failed_cause"), c.Variable("last_bridge_hangup_cause"),
		"UNSPECIFIED"))
	return b
}

// legCauses reads originate_causes: "<uuid>;USER_BUSY", or with several legs "ARRAY::<uuid>;USER_BUSY|:<uuid>;NONE".
// Source: testdata/captures/bridge_multi.jsonl.
func (c Completion) legCauses() map[string]Cause {
	list := strings.TrimPrefix(c.Variable("originate_causes"), "ARRAY::")
	var causes map[string]Cause
	for _, leg := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune("|:,", r) }) {
		id, cause, ok := strings.Cut(leg, ";")
		if !ok || cause == "NONE" {
			continue
		}
		if causes == nil {
			causes = map[string]Cause{}
		}
		causes[id] = Cause(cause)
	}
	return causes
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
