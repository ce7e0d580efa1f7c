package kazoojson

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fspivot/dialplan"
)

// resources calls a number by the routes of the configuration and joins the caller to it. It does not answer: the far
// end does, and the caller hears its early media.
//
//	{"module": "resources", "data": {"to_did": "+14155550132", "timeout": 35, "custom_sip_headers": {"X-Case": "42"}}}
//
// An answered call ends the flow when it is over. A failed one goes on at the child of its cause (USER_BUSY, …) or its
// code (sip:486); NO_ANSWER is also where a leg goes that rang for its whole time. With no such child the caller gets
// the cause's default response, unless there is a "_", which is not run: then the flow ends with the cause. Only what is
// no number, so that nobody can be called, goes on at "_". Source: callflow-modules-p-r.md 10 and 0.3.
type resources struct {
	Number           string // to_did; "": what was dialled
	Raw              bool   // do_not_normalize
	BypassE164       bool   // no E.164, but the device's dial plan
	Headers          []customHeader
	EmitAccount      bool // header X-Account-ID
	IgnoreEarlyMedia bool
	Ringback         string        // a media reference, "": the default tone
	Timeout          time.Duration // of ringing, whole seconds, at most 120; 0: the switch's 60 s
	Hunt             string        // hunt_account_id: another account's carriers are none
	Type             string        // resource_type; only "audio" can be called
}

type customHeader struct{ Name, Value string }

// longestRing is when Kazoo gives a dial up.
const longestRing = 120 * time.Second

func parseResources(d *Data) module {
	m := &resources{
		Number:           d.text("to_did", ""),
		Raw:              d.boolean("do_not_normalize", false),
		BypassE164:       d.boolean("bypass_e164", false),
		Headers:          d.sipHeaders(),
		EmitAccount:      d.boolean("emit_account_id", false),
		IgnoreEarlyMedia: d.boolean("ignore_early_media", false),
		Ringback:         d.text("ringback", ""),
		Type:             d.text("resource_type", "audio"),
	}
	if n, there := d.whole("timeout"); there {
		m.Timeout = time.Duration(min(max(n, 0), int64(longestRing/time.Second))) * time.Second
	}
	if d.boolean("use_local_resources", true) {
		m.Hunt = d.text("hunt_account_id", "")
	}
	for _, key := range []string{"outbound_flags", "dynamic_flags"} {
		if flags, _ := d.list(key); len(flags) > 0 {
			d.warn(key, "is not supported yet: any carrier will do")
		}
	}
	if d.boolean("format_from_uri", false) {
		d.warn("format_from_uri", "is not supported yet: it is ignored")
	}
	for _, key := range []string{"media", "Media"} {
		if d.text(key, "process") != "process" {
			d.warn(key, "is not supported yet: media goes through the switch")
		}
	}
	if id := d.text("caller_id_type", "external"); id != "external" {
		d.warn("caller_id_type", "%q is not supported yet: the caller's number is shown", clip(id))
	}
	return m
}

// sipHeaders are those of custom_sip_headers that may be sent.
func (d *Data) sipHeaders() []customHeader {
	const key = "custom_sip_headers"
	var list []customHeader
	given := d.object(key)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		var value string
		switch v := given[name].(type) {
		case string:
			value = v
		case json.Number, bool:
			value = fmt.Sprint(v)
		default:
			d.warn(key, "%q has no text: it is left out", clip(name))
			continue
		}
		if _, err := dialplan.ParseHeader(name, value); err != nil {
			d.warn(key, "%v: it is left out", err)
			continue
		}
		list = append(list, customHeader{name, value})
	}
	return list
}

func (m *resources) run(ctx context.Context, c *runner) (step, error) {
	dialled, err := m.dialled(c)
	if err != nil {
		c.Timeline.Error("13223", "nobody can be called: "+err.Error())
		if s, ok := c.failureChild("INVALID_NUMBER_FORMAT", "sip:484"); ok || !c.attempt("_") {
			return c.endFailed(ctx, s, ok, "INVALID_NUMBER_FORMAT")
		}
		return next(), nil
	}
	if m.Type != "audio" {
		c.Timeline.Error("", fmt.Sprintf("resource type %q is not supported: nobody is called", clip(m.Type)))
		return c.failed(ctx, "NORMAL_TEMPORARY_FAILURE", "sip:500")
	}
	endpoint, err := m.route(c, dialled)
	if err != nil {
		c.Timeline.Error("13224", "nobody can be called: "+err.Error())
		return c.failed(ctx, "NO_ROUTE_DESTINATION", "sip:404")
	}
	endpoint.Headers = append(endpoint.Headers, m.headers(c)...)
	for _, name := range endpoint.Sendable() {
		c.Timeline.Warn("13252", "header "+name+" has a value that can't be sent: it is left out")
	}
	bridge := dialplan.Bridge{
		Endpoints: []dialplan.Endpoint{endpoint}, Timeout: m.Timeout, IgnoreEarlyMedia: m.IgnoreEarlyMedia,
		CallerName: dialplan.Foreign(c.Call.CallerName), CallerNumber: dialplan.Foreign(c.Call.CallerNumber),
	}
	if m.Ringback != "" {
		if bridge.Ringback, err = c.file(ctx, m.Ringback); err != nil {
			return stop(), err
		}
	}
	done, err := c.Channel.Do(ctx, bridge)
	if err != nil {
		return stop(), err
	}
	c.Channel.ForgetDigits() // they were meant for the far end
	b := done.Bridged()
	switch {
	case b.Cause == attendedTransfer:
		return leave(), nil
	case b.Answered, b.Code == "sip:200", b.Cause == "SUCCESS", b.Cause == dialplan.NormalClearing && b.Code == "":
		return stop(), nil
	}
	return c.failed(ctx, b.Cause, b.Code)
}

// attendedTransfer is the switch's word for a caller who was moved elsewhere. Source: twiml.md 4.6.2.
const attendedTransfer = dialplan.Cause("ATTENDED_TRANSFER")

// dialled is the number to call.
func (m *resources) dialled(c *runner) (dialplan.Number, error) {
	number := m.Number
	if number == "" {
		number = c.Call.Request.User
		var plan map[string]any
		if !m.Raw {
			device, _ := c.endpoint()
			plan = object(device["dial_plan"])
		}
		switch {
		case len(plan) > 0:
			number = dial(plan, number, 1)
		case !m.Raw && !m.BypassE164 && c.Call.Dialled != "":
			number = c.Call.Dialled
		}
	}
	number = plainNumber(number)
	if !m.Raw && !m.BypassE164 {
		number = Normalise(number)
	}
	return dialplan.ParseNumber(number)
}

// plainNumber takes what people write between digits out of a number: "(415) 555-0132".
func plainNumber(s string) string {
	plain := strings.NewReplacer(" ", "", "(", "", ")", "", "-", "", ".", "").Replace(s)
	if onlyDigits.MatchString(plain) {
		return plain
	}
	return s
}

// route finds out how a number is called. One that no route takes may lack the first digits of the caller's own.
func (m *resources) route(c *runner, number dialplan.Number) (dialplan.Endpoint, error) {
	if m.Hunt != "" && m.Hunt != c.Call.AccountID {
		return dialplan.Endpoint{}, fmt.Errorf("hunt_account_id: %q has no carriers for this call", clip(m.Hunt))
	}
	endpoint, err := c.Routes.Number(number)
	if err == nil {
		return endpoint, nil
	}
	const fewest, most = 2, 5
	short, own := strings.TrimPrefix(string(number), "+"), strings.TrimPrefix(c.Call.CallerNumber, "+")
	missing := len(own) - len(short)
	if missing < fewest || missing > most || !onlyDigits.MatchString(short) || !onlyDigits.MatchString(own) {
		return endpoint, err
	}
	whole, parseErr := dialplan.ParseNumber(Normalise(own[:missing] + short))
	if parseErr != nil {
		return endpoint, err
	}
	if longer, longerErr := c.Routes.Number(whole); longerErr == nil {
		return longer, nil
	}
	return endpoint, err
}

// headers are the leg's, with {caller_id_name} and the like filled in.
func (m *resources) headers(c *runner) []dialplan.Header {
	macros := map[string]string{
		"{caller_id_name}": c.Call.Name(), "{caller_id_number}": c.Call.Number(),
		"{account_id}": c.Call.AccountID, "{billing_id}": c.Call.AccountID,
	}
	given := m.Headers
	if m.EmitAccount {
		given = append([]customHeader{{"X-Account-ID", c.Call.AccountID}}, given...)
	}
	var list []dialplan.Header
	for _, g := range given {
		value, ok := macros[g.Value]
		if !ok {
			value = g.Value
		}
		h, err := dialplan.ParseHeader(g.Name, value)
		if err != nil {
			c.Timeline.Warn("13252", err.Error()+": it is left out")
			continue
		}
		list = append(list, h)
	}
	return list
}

// failed goes on after a dial that failed: at the child of the cause or the code, else the call ends with the cause.
func (c *runner) failed(ctx context.Context, cause dialplan.Cause, code string) (step, error) {
	s, ok := c.failureChild(cause, code)
	return c.endFailed(ctx, s, ok, cause)
}

// failureChild finds the child of a failure. Source: callflow-modules-p-r.md 0.3.
func (c *runner) failureChild(cause dialplan.Cause, code string) (step, bool) {
	keys := []string{string(cause), code}
	if cause == dialplan.AllottedTimeout {
		keys = []string{string(cause), string(dialplan.NoAnswer), code}
	}
	for _, key := range keys {
		if c.attempt(key) {
			return continueWith(key), true
		}
	}
	return step{}, false
}

// endFailed takes a failure's child, if there is one, or ends the call with the cause and, without "_", its response.
func (c *runner) endFailed(ctx context.Context, child step, ok bool, cause dialplan.Cause) (step, error) {
	if ok {
		return child, nil
	}
	if c.attempt("_") {
		return stopWith(cause), nil
	}
	return stopWith(cause), c.failWith(ctx, cause)
}
