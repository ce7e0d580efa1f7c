package service

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/kazoojson"
	"fspivot/store"
	"fspivot/timeline"
)

// identify makes a call's state of its channel: whose call it is, who calls, what was dialled. The account is nil when
// there is no such account. Source: design, The contract; pivot.md 6.2.
func (s *Service) identify(c *dialplan.Channel) (*store.Account, *call.State) {
	state := &call.State{
		ID:           c.UUID(),
		Direction:    "inbound",
		From:         call.Address{User: c.Variable("sip_from_user"), Host: c.Variable("sip_from_host")},
		To:           call.Address{User: c.Variable("sip_to_user"), Host: c.Variable("sip_to_host")},
		Request:      call.Address{User: or(c.Variable("sip_req_user"), c.Header("Caller-Destination-Number")), Host: c.Variable("sip_req_host")},
		CallerName:   c.Header("Caller-Caller-ID-Name"),
		CallerNumber: c.Header("Caller-Caller-ID-Number"),
		Language:     strings.ToLower(or(c.Variable("default_language"), "en-us")),
		SIPCallID:    c.Variable("sip_call_id"),
		SIPSource:    c.Variable("sip_network_ip"),
		SIPHeaders:   map[string]string{},

		ForwardedFrom: forwarder(c.Variable("sip_h_Diversion")),
	}
	if state.Language == "en" {
		state.Language = "en-us"
	}
	if c.Header("Call-Direction") == "outbound" {
		state.Direction = "outbound"
	}
	c.Data(func(name, value string) {
		if header, ok := strings.CutPrefix(name, "variable_sip_h_"); ok && len(header) > 2 && strings.EqualFold(header[:2], "X-") {
			state.SIPHeaders[header] = value
		}
	})

	id := c.Variable("fspivot_account_id")
	account, ok := s.documents.Account(id)
	if id == "" {
		if account, ok = s.documents.AccountOfRealm(state.Request.Host); !ok {
			account, ok = s.documents.Account(s.config.DefaultAccount)
			id = s.config.DefaultAccount
		}
	}
	if !ok {
		state.AccountID = id
		return nil, state
	}
	state.AccountID, state.Realm = account.ID, account.Realm()
	if language, _ := account.Document["language"].(string); language != "" {
		state.Language = strings.ToLower(language)
	}
	s.device(c, account, state)
	return account, state
}

// device finds out which of the account's devices calls. Without one the call is a stranger's.
func (s *Service) device(c *dialplan.Channel, account *store.Account, state *call.State) {
	id := c.Variable("fspivot_device_id")
	doc, ok := account.Documents["devices"][id]
	if id == "" {
		id, doc, ok = account.Device(c.Variable("sip_auth_username"))
	}
	if !ok {
		return
	}
	state.DeviceID = id
	hotdesk, _ := doc["hotdesk"].(map[string]any)
	users, _ := hotdesk["users"].(map[string]any)
	state.OwnerIDs = slices.Sorted(maps.Keys(users))
	if owner, _ := doc["owner_id"].(string); owner != "" && len(state.OwnerIDs) == 0 {
		state.OwnerIDs = []string{owner}
	}
	// The owner's language counts before the device's. Source: callflow-engine.md 13.1.
	speaks := []map[string]any{doc}
	if len(state.OwnerIDs) == 1 {
		speaks = append(speaks, account.Documents["users"][state.OwnerIDs[0]])
	}
	for _, doc := range speaks {
		if language, _ := doc["language"].(string); language != "" {
			state.Language = strings.ToLower(language)
		}
	}
}

// forwarder is the user part of a Diversion header's first entry: <sip:+15005550001@example.com>;reason=unconditional.
// Source: RFC 5806; twiml.md 3.1.
func forwarder(diversion string) string {
	if _, rest, ok := strings.Cut(diversion, "<"); ok {
		diversion = rest
	}
	scheme, rest, ok := strings.Cut(strings.TrimSpace(diversion), ":")
	if !ok || !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips") && !strings.EqualFold(scheme, "tel") {
		return ""
	}
	if end := strings.IndexAny(rest, "@;>,? "); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// pivotVariables are the channel variables of a dialplan without callflows, and the keys of a pivot node that they are.
var pivotVariables = map[string]string{
	"fspivot_voice_url": "voice_url", "fspivot_method": "method", "fspivot_req_format": "req_format", "fspivot_req_body_format": "req_body_format",
	"fspivot_req_timeout_ms": "req_timeout_ms", "fspivot_debug": "debug", "fspivot_cdr_url": "cdr_url",
	"fspivot_fallback_url": "fallback_url", "fspivot_fallback_method": "fallback_method",
}

// flow finds what is to be done: the callflow of the dialled number, or a pivot straight to the dialplan's voice URL.
func (s *Service) flow(c *dialplan.Channel, account *store.Account, state *call.State, line *timeline.Timeline) (*kazoojson.Node, error) {
	state.Dialled = kazoojson.Normalise(state.Request.User)
	if account != nil && account.Numbers != nil {
		if match, ok := account.Numbers.Find(state.Dialled, state.DeviceID != ""); ok {
			state.CallflowID, state.Capture, state.Captures, state.NoMatch = match.Flow.ID, match.Capture, match.Captures, match.NoMatch
			line.Add(timeline.Record{Kind: timeline.KindStep, From: timeline.FSPivot, Text: fmt.Sprintf("callflow %s of account %s", match.Flow.ID, account.ID)})
			return match.Flow.Flow, nil
		}
	}
	data := map[string]any{}
	for variable, key := range pivotVariables {
		if value := c.Variable(variable); value != "" {
			data[key] = value
		}
	}
	if data["voice_url"] != nil {
		body, err := json.Marshal(map[string]any{"module": "pivot", "data": data})
		if err != nil {
			return nil, err
		}
		flow, err := kazoojson.Parse(body, true)
		if err != nil {
			return nil, fmt.Errorf("the dialplan's fspivot_voice_url: %w", err)
		}
		return flow, nil
	}
	if account == nil {
		return nil, fmt.Errorf("there is no account %q", state.AccountID)
	}
	return nil, fmt.Errorf("account %s has no callflow for %q", account.ID, state.Dialled)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
