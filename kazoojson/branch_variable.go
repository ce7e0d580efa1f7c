package kazoojson

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// branchVariable continues with the child whose key is a variable's value, as text; with "_" where there is none, and
// for no value, an empty one, and 0.
//
//	{"module": "branch_variable", "data": {"scope": "user", "variable": "x_vip"}}
//
// The name is made lower case, and - becomes _ in it; so are the names of channel and application variables, but not
// those of documents. A list of names leads into nested objects, in the order given. Scopes:
//
//	custom_channel_vars      what set_variable set, and account_id, owner_id, authorizing_id, …; the default
//	custom_application_vars  what set_variables set; not in Kazoo
//	account, device, user    documents; device and user are the caller's, a stranger has none
//	merged                   the device with what it inherits; no child has its value: the channel variable
//
// Source: callflow-modules-a-d.md, branch_variable.
type branchVariable struct {
	Scope string
	Path  []string
}

const (
	scopeChannel     = "custom_channel_vars"
	scopeApplication = "custom_application_vars"
	scopeMerged      = "merged"
)

func parseBranchVariable(d *Data) module {
	m := &branchVariable{Scope: d.text("scope", scopeChannel)}
	switch m.Scope {
	case "account", scopeChannel, scopeApplication, "device", scopeMerged, "user":
	default:
		d.refuse("scope", "%q is none of account, %s, %s, device, merged, user", clip(m.Scope), scopeChannel,
			scopeApplication)
	}
	var names []string
	switch d.values["variable"].(type) {
	case []any:
		names, _ = d.list("variable")
	default:
		names = []string{d.text("variable", "")}
	}
	for _, name := range names {
		if name = variableName(name); name != "" {
			m.Path = append(m.Path, name)
		}
	}
	if len(m.Path) == 0 {
		d.refuse("variable", "is missing")
	}
	return m
}

func variableName(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

func (m *branchVariable) run(_ context.Context, c *runner) (step, error) {
	value := m.value(c)
	if _, ok := c.node.Children[value]; ok && value != "" {
		return continueWith(value), nil
	}
	return next(), nil
}

func (m *branchVariable) value(c *runner) string {
	switch m.Scope {
	case "account":
		doc, _ := c.Documents("accounts", c.Call.AccountID)
		return m.in(doc)
	case "device":
		return m.in(c.document("devices", c.Call.DeviceID))
	case "user":
		if c.Call.DeviceID == "" || len(c.Call.OwnerIDs) == 0 {
			return ""
		}
		return m.in(c.document("users", c.Call.OwnerIDs[0]))
	case scopeMerged:
		doc, ok := c.endpoint()
		if !ok {
			return ""
		}
		value := m.in(doc)
		if _, ok := c.node.Children[value]; ok && value != "" {
			return value
		}
	case scopeApplication:
		return m.in(normalised(c.Call.AppVars))
	}
	return m.in(c.channelVars())
}

func (c *runner) document(collection, id string) map[string]any {
	if id == "" {
		return nil
	}
	doc, _ := c.Documents(collection, id)
	return doc
}

// channelVars are Kazoo's custom channel variables, by the names that flows use for them.
func (c *runner) channelVars() map[string]any {
	vars := map[string]any{
		"account_id": c.Call.AccountID, "account_realm": c.Call.Realm, "callflow_id": c.Call.CallflowID,
		"authorizing_id": c.Call.DeviceID,
	}
	if account, ok := c.Documents("accounts", c.Call.AccountID); ok {
		vars["account_name"] = account["name"]
	}
	if c.Call.DeviceID != "" {
		vars["authorizing_type"] = "device"
	}
	if len(c.Call.OwnerIDs) == 1 {
		vars["owner_id"] = c.Call.OwnerIDs[0]
	}
	for name, value := range c.Call.ChannelVars {
		vars[variableName(name)] = value
	}
	return vars
}

// normalised gives variables by the names that flows use for them.
func normalised(vars map[string]any) map[string]any {
	out := make(map[string]any, len(vars))
	for name, value := range vars {
		out[variableName(name)] = value
	}
	return out
}

// in looks the path up. What is empty, 0, or no text, number or boolean gives "".
func (m *branchVariable) in(doc map[string]any) string {
	for _, key := range m.Path[:len(m.Path)-1] {
		doc = object(doc[key])
	}
	var text string
	switch v := doc[m.Path[len(m.Path)-1]].(type) {
	case string:
		text = v
	case bool, json.Number, float64, int:
		text = fmt.Sprint(v)
	}
	if text == "0" {
		return ""
	}
	return text
}
