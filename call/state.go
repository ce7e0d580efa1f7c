// Package call is what a call carries from one step to the next, as plain data: identity, parties, variables, collected
// digits. It is saved and restored as JSON, so another process can go on with it. It knows no channel, no document and
// no network; it belongs to the goroutine that owns the call.
package call

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Address is user@host of a SIP header.
type Address struct {
	User string `json:"user,omitempty"`
	Host string `json:"host,omitempty"`
}

func (a Address) String() string { return a.User + "@" + a.Host }

// State is one call. Source: callflow-engine.md 9; pivot.md 6.
type State struct {
	ID        string `json:"id"` // the channel's UUID, everywhere
	AccountID string `json:"account_id"`
	Realm     string `json:"realm,omitempty"`     // of the account
	Direction string `json:"direction,omitempty"` // "inbound", or "outbound" when the platform made the leg

	From         Address `json:"from"`
	To           Address `json:"to"`
	Request      Address `json:"request"`
	Dialled      string  `json:"dialled,omitempty"` // the number looked up, normalised
	CallerName   string  `json:"caller_name,omitempty"`
	CallerNumber string  `json:"caller_number,omitempty"`
	Language     string  `json:"language,omitempty"` // lower case, "en-us"

	DeviceID string   `json:"device_id,omitempty"` // the calling device; "": a stranger's call, from a trunk
	OwnerIDs []string `json:"owner_ids,omitempty"` // users of that device

	SIPCallID     string            `json:"sip_call_id,omitempty"`
	SIPSource     string            `json:"sip_source,omitempty"` // address that the INVITE came from
	ForwardedFrom string            `json:"forwarded_from,omitempty"`
	SIPHeaders    map[string]string `json:"sip_headers,omitempty"` // X-… of the INVITE

	CallflowID string            `json:"callflow_id,omitempty"`
	Capture    string            `json:"capture,omitempty"`  // what the callflow's pattern caught
	Captures   map[string]string `json:"captures,omitempty"` // its named groups
	NoMatch    bool              `json:"no_match,omitempty"`

	AppVars     map[string]any    `json:"app_vars,omitempty"`     // set_variables: sent as Custom-Application-Vars
	ChannelVars map[string]string `json:"channel_vars,omitempty"` // Kazoo's custom channel variables, "Call-Priority"
	Collections map[string]string `json:"collections,omitempty"`  // digits by the name of their collection

	Answered bool `json:"answered,omitempty"`
	Requests int  `json:"requests,omitempty"` // webhooks asked so far
}

// DefaultCollection is where digits go that no name was given for.
const DefaultCollection = "default"

// StoreDigits keeps digits under a collection's name, "" meaning the default one, in place of what was there.
func (s *State) StoreDigits(name, digits string) {
	if name == "" {
		name = DefaultCollection
	}
	if s.Collections == nil {
		s.Collections = map[string]string{}
	}
	s.Collections[name] = digits
}

// maxDigits is how many digits a collection takes that were pressed during prompts; what comes later is dropped. Every
// request carries them in its address.
const maxDigits = 500

// AppendDigits adds digits that were pressed during a prompt to the default collection; none changes nothing.
func (s *State) AppendDigits(digits string) {
	before := s.Collections[DefaultCollection]
	if digits = digits[:min(len(digits), max(0, maxDigits-len(before)))]; digits != "" {
		s.StoreDigits(DefaultCollection, before+digits)
	}
}

// FlushDigits forgets a collection.
func (s *State) FlushDigits(name string) {
	if name == "" {
		name = DefaultCollection
	}
	delete(s.Collections, name)
}

// SetAppVar keeps a custom application variable.
func (s *State) SetAppVar(name string, value any) {
	if s.AppVars == nil {
		s.AppVars = map[string]any{}
	}
	s.AppVars[name] = value
}

// SetChannelVar keeps one of Kazoo's custom channel variables.
func (s *State) SetChannelVar(name, value string) {
	if s.ChannelVars == nil {
		s.ChannelVars = map[string]string{}
	}
	s.ChannelVars[name] = value
}

// UnmarshalJSON restores a call. Numbers among its variables stay as they were written.
func (s *State) UnmarshalJSON(body []byte) error {
	type plain State
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	return decoder.Decode((*plain)(s))
}

// Name is the caller's name as it is told to others. Source: pivot.md 6.1.
func (s *State) Name() string {
	if n := strings.TrimSpace(s.CallerName); n != "" {
		return n
	}
	return "unknown"
}

// Number is the caller's number as it is told to others.
func (s *State) Number() string {
	if n := strings.TrimSpace(s.CallerNumber); n != "" {
		return n
	}
	return "anonymous"
}
