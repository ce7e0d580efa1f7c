package kazoojson

import (
	"encoding/json"
	"testing"

	"fspivot/call"
	"fspivot/dialplan"
)

func TestBranchVariable(t *testing.T) {
	t.Parallel()
	documents := map[string]map[string]any{
		"accounts/acme": document(t, `{"name": "Acme", "tier": "gold", "Upper": "x", "x-dashed": "x", "nested": {"a": {"b_c": "deep"}}, "zero": 0, "half": 0.5}`),
		"devices/desk":  document(t, `{"owner_id": "ann", "kind": "phone", "on": false, "list": [1], "empty": "", "name": "Desk", "language": "de-de"}`),
		"users/ann":     document(t, `{"x_vip": true, "name": "Ann", "floor": 5}`),
	}
	device := call.State{AccountID: "acme", Realm: "acme.example.com", DeviceID: "desk", OwnerIDs: []string{"ann"}, CallflowID: "cf",
		ChannelVars: map[string]string{"Call-Priority": "7", "language": "fr-fr", "kind": "modem"},
		AppVars:     map[string]any{"Tier-Name": "silver", "survey": map[string]any{"lang": "en"}, "n": json.Number("3"), "restored": 4.0}}
	stranger := call.State{AccountID: "acme", ChannelVars: map[string]string{"kind": "modem"}}
	for name, c := range map[string]struct {
		state call.State
		data  string
		keys  []string // children, beside "_"
		want  string
	}{
		"channel variable":                          {device, `{"variable": "call_priority"}`, []string{"7"}, "7"},
		"its name as it is set":                     {device, `{"variable": "Call-Priority", "scope": "custom_channel_vars"}`, []string{"7"}, "7"},
		"value without child":                       {device, `{"variable": "call_priority"}`, []string{"8"}, "_"},
		"never set":                                 {device, `{"variable": "group_id"}`, []string{"", "7"}, "_"},
		"the account's id":                          {device, `{"variable": "Account-ID"}`, []string{"acme"}, "acme"},
		"the account's name, capitals matter":       {device, `{"variable": "account_name"}`, []string{"acme", "Acme"}, "Acme"},
		"the account's realm":                       {device, `{"variable": "account_realm"}`, []string{"acme.example.com"}, "acme.example.com"},
		"the caller's kind":                         {device, `{"variable": "authorizing_type"}`, []string{"device"}, "device"},
		"the device":                                {device, `{"variable": "authorizing_id"}`, []string{"desk"}, "desk"},
		"the owner":                                 {device, `{"variable": "owner_id"}`, []string{"ann"}, "ann"},
		"the callflow":                              {device, `{"variable": "callflow_id"}`, []string{"cf"}, "cf"},
		"a stranger has no owner":                   {stranger, `{"variable": "owner_id"}`, []string{"", "ann"}, "_"},
		"application variable":                      {device, `{"variable": "tier_name", "scope": "custom_application_vars"}`, []string{"silver"}, "silver"},
		"application variable, below":               {device, `{"variable": ["survey", "lang"], "scope": "custom_application_vars"}`, []string{"en"}, "en"},
		"application variable, number":              {device, `{"variable": "n", "scope": "custom_application_vars"}`, []string{"3"}, "3"},
		"application variable, restored":            {device, `{"variable": "restored", "scope": "custom_application_vars"}`, []string{"4"}, "4"},
		"account":                                   {device, `{"variable": "tier", "scope": "account"}`, []string{"gold"}, "gold"},
		"account of a stranger's call":              {stranger, `{"variable": "tier", "scope": "account"}`, []string{"gold"}, "gold"},
		"a document's capitals can't be reached":    {device, `{"variable": "Upper", "scope": "account"}`, []string{"x"}, "_"},
		"nor its dashes":                            {device, `{"variable": "x-dashed", "scope": "account"}`, []string{"x"}, "_"},
		"nested, in the order given":                {device, `{"variable": ["nested", "", "A", "b-c"], "scope": "account"}`, []string{"deep"}, "deep"},
		"nested too deep":                           {device, `{"variable": ["tier", "a"], "scope": "account"}`, []string{"gold"}, "_"},
		"an object is no value":                     {device, `{"variable": "nested", "scope": "account"}`, []string{"{}"}, "_"},
		"number 0 is no value":                      {device, `{"variable": "zero", "scope": "account"}`, []string{"0"}, "_"},
		"0.5 is":                                    {device, `{"variable": "half", "scope": "account"}`, []string{"0.5"}, "0.5"},
		"device":                                    {device, `{"variable": "kind", "scope": "device"}`, []string{"phone"}, "phone"},
		"false is a value":                          {device, `{"variable": "on", "scope": "device"}`, []string{"false"}, "false"},
		"a list is none":                            {device, `{"variable": "list", "scope": "device"}`, []string{"[1]"}, "_"},
		"empty text is none":                        {device, `{"variable": "empty", "scope": "device"}`, []string{""}, "_"},
		"device of a stranger":                      {stranger, `{"variable": "kind", "scope": "device"}`, []string{"phone", "modem"}, "_"},
		"user":                                      {device, `{"variable": "x_vip", "scope": "user"}`, []string{"true"}, "true"},
		"user, number":                              {device, `{"variable": "floor", "scope": "user"}`, []string{"5"}, "5"},
		"user of a stranger":                        {stranger, `{"variable": "x_vip", "scope": "user"}`, []string{"true"}, "_"},
		"user of a device without one":              {call.State{AccountID: "acme", DeviceID: "desk"}, `{"variable": "x_vip", "scope": "user"}`, []string{"true"}, "_"},
		"merged: the device":                        {device, `{"variable": "kind", "scope": "merged"}`, []string{"phone", "modem"}, "phone"},
		"merged: the user's name wins":              {device, `{"variable": "name", "scope": "merged"}`, []string{"Ann", "Desk", "Acme"}, "Ann"},
		"merged: no child, the channel variable":    {device, `{"variable": "kind", "scope": "merged"}`, []string{"modem"}, "modem"},
		"merged: neither":                           {device, `{"variable": "kind", "scope": "merged"}`, []string{"fax"}, "_"},
		"merged: a stranger has not even that":      {stranger, `{"variable": "kind", "scope": "merged"}`, []string{"modem"}, "_"},
		"merged: a device that is missing":          {call.State{DeviceID: "gone", ChannelVars: stranger.ChannelVars}, `{"variable": "kind", "scope": "merged"}`, []string{"modem"}, "_"},
		"unknown scope, stored: passed over":        {device, `{"variable": "kind", "scope": "accounts"}`, []string{"phone"}, "_"},
		"no name, stored: passed over":              {device, `{"scope": "device"}`, []string{""}, "_"},
		"value _ is what it is without a child":     {call.State{ChannelVars: map[string]string{"a": "_"}}, `{"variable": "a"}`, nil, "_"},
		"missing account":                           {call.State{AccountID: "other"}, `{"variable": "tier", "scope": "account"}`, []string{"gold"}, "_"},
		"set_variable's 0 is no value":              {call.State{ChannelVars: map[string]string{"Group-ID": "0"}}, `{"variable": "group_id"}`, []string{"0"}, "_"},
		"what set_variable says hides the built-in": {call.State{AccountID: "acme", ChannelVars: map[string]string{"Account-ID": "other"}}, `{"variable": "account_id"}`, []string{"acme", "other"}, "other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			children := []string{"_", say("_")}
			for _, key := range c.keys {
				children = append(children, key, say("child "+key))
			}
			s := script{answered: true, state: c.state, documents: documents}
			if err := s.walk(t, action("branch_variable", c.data, children...)); err != nil {
				t.Error(err)
			}
			want := "child " + c.want
			if c.want == "_" {
				want = "_"
			}
			s.expect(t, said(want), ended)
		})
	}
}

func TestBranchVariableChildren(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flow string
		want apps
	}{
		"an empty child ends the flow":    {action("branch_variable", `{"variable": "a"}`, "1", `{}`, "_", say("_")), apps{ended}},
		"no child at all ends it":         {action("branch_variable", `{"variable": "a"}`, "2", say("2")), apps{ended}},
		"the flow of the reference's set": {action("set_variable", `{"variable": "call_priority", "value": "7"}`, "_", action("branch_variable", `{"variable": "call_priority"}`, "7", say("priority caller"))), apps{set("ecallmgr_Call-Priority", "7"), said("priority caller"), ended}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{answered: true, state: call.State{ChannelVars: map[string]string{"a": "1"}}}
			if err := s.walk(t, c.flow); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
		})
	}
}

func TestBranchVariableFaults(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]string{
		`{}`:                                     {"flow/data/variable"},
		`{"variable": ""}`:                       {"flow/data/variable"},
		`{"variable": []}`:                       {"flow/data/variable"},
		`{"variable": ["", "-"]}`:                nil,
		`{"variable": {}}`:                       {"flow/data/variable", "flow/data/variable"},
		`{"variable": [{}]}`:                     {"flow/data/variable", "flow/data/variable"},
		`{"variable": "a", "scope": "accounts"}`: {"flow/data/scope"},
		`{"variable": 5}`:                        nil,
	} {
		same(t, data, want, faults(t, action("branch_variable", data), true))
	}
}

func set(name, value string) dialplan.Set {
	n, err := dialplan.ParseName(name)
	if err != nil {
		panic(err)
	}
	return dialplan.Set{Variable: dialplan.Variable{Name: n, Value: dialplan.Foreign(value)}}
}
