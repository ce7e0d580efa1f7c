package kazoojson

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/call"
	"fspivot/dialplan"
)

// to is a bridge to a number.
func to(number string, change ...func(*dialplan.Bridge)) dialplan.Bridge {
	n, err := dialplan.ParseNumber(number)
	if err != nil {
		panic(err)
	}
	b := dialplan.Bridge{Endpoints: []dialplan.Endpoint{carrier.Number(n)}, CallerName: dialplan.Foreign("Ann"), CallerNumber: dialplan.Foreign("+14155550100")}
	for _, c := range change {
		c(&b)
	}
	return b
}

func headers(pairs ...string) func(*dialplan.Bridge) {
	return func(b *dialplan.Bridge) {
		for i := 0; i < len(pairs); i += 2 {
			b.Endpoints[0].Headers = append(b.Endpoints[0].Headers, dialplan.Header{Name: pairs[i], Value: dialplan.Foreign(pairs[i+1])})
		}
	}
}

var caller = call.State{AccountID: "acme", CallerName: "Ann", CallerNumber: "+14155550100", Request: call.Address{User: "4158867900"}, Dialled: "+14158867900"}

func TestResourcesNumber(t *testing.T) {
	t.Parallel()
	plan := caller
	plan.DeviceID = "desk"
	plan.Request.User, plan.Dialled = "95550132", "+95550132"
	short := caller
	short.Request.User, short.Dialled = "5550199", "5550199"
	for name, c := range map[string]struct {
		state    call.State
		data     string
		carriers string
		plan     string // of the device
		want     []dialplan.Number
	}{
		"what was dialled":                {state: caller, data: `{}`, want: []dialplan.Number{"+14158867900"}},
		"do_not_normalize":                {state: caller, data: `{"do_not_normalize": true}`, want: []dialplan.Number{"4158867900"}},
		"bypass_e164":                     {state: caller, data: `{"bypass_e164": "true"}`, want: []dialplan.Number{"4158867900"}},
		"to_did":                          {state: caller, data: `{"to_did": "(415) 555-0132"}`, want: []dialplan.Number{"+14155550132"}},
		"to_did as a number":              {state: caller, data: `{"to_did": 4155550132}`, want: []dialplan.Number{"+14155550132"}},
		"to_did as it is":                 {state: caller, data: `{"to_did": "4155550132", "do_not_normalize": true}`, want: []dialplan.Number{"4155550132"}},
		"to_did, bypass_e164":             {state: caller, data: `{"to_did": "4155550132", "bypass_e164": true}`, want: []dialplan.Number{"4155550132"}},
		"the device's dial plan":          {state: plan, data: `{}`, plan: `{"^9(\\d{7})$": {"prefix": "415"}}`, want: []dialplan.Number{"+14155550132"}},
		"the dial plan and bypass_e164":   {state: plan, data: `{"bypass_e164": true}`, plan: `{"^9(\\d{7})$": {"prefix": "415"}}`, want: []dialplan.Number{"4155550132"}},
		"the dial plan does not count":    {state: plan, data: `{"do_not_normalize": true}`, plan: `{"^9(\\d{7})$": {"prefix": "415"}}`, want: []dialplan.Number{"95550132"}},
		"nor for to_did":                  {state: plan, data: `{"to_did": "95550132", "bypass_e164": true}`, plan: `{"^9(\\d{7})$": {"prefix": "415"}}`, want: []dialplan.Number{"95550132"}},
		"an empty dial plan":              {state: plan, data: `{}`, plan: `{}`, want: []dialplan.Number{"+95550132"}},
		"a star code":                     {state: caller, data: `{"to_did": "*98"}`, want: []dialplan.Number{"*98"}},
		"too short, the caller's area":    {state: short, data: `{}`, carriers: "+1415", want: []dialplan.Number{"5550199", "+14155550199"}},
		"too short, no route either":      {state: short, data: `{}`, carriers: "+49", want: []dialplan.Number{"5550199", "+14155550199"}},
		"not short":                       {state: caller, data: `{"to_did": "+4930555019"}`, carriers: "+1", want: []dialplan.Number{"+4930555019"}},
		"much too short":                  {state: caller, data: `{"to_did": "2030"}`, carriers: "+1", want: []dialplan.Number{"2030"}},
		"short, but no number":            {state: caller, data: `{"to_did": "sales"}`, carriers: "+1", want: []dialplan.Number{"sales"}},
		"a foreign account has no routes": {state: caller, data: `{"hunt_account_id": "other"}`},
		"one's own does":                  {state: caller, data: `{"hunt_account_id": "acme"}`, want: []dialplan.Number{"+14158867900"}},
		"which does not count elsewhere":  {state: caller, data: `{"hunt_account_id": "other", "use_local_resources": false}`, want: []dialplan.Number{"+14158867900"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{state: c.state, carriers: c.carriers, documents: map[string]map[string]any{}}
			if c.plan != "" {
				s.documents["devices/desk"] = document(t, `{"dial_plan": `+c.plan+`}`)
			}
			if err := s.walk(t, action("resources", c.data)); err != nil {
				t.Error(err)
			}
			same(t, "numbers", c.want, s.dialled)
		})
	}
}

func TestResourcesBridge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data     string
		want     apps
		problems []string
	}{
		"plain":                      {data: `{}`, want: apps{to("+14158867900")}},
		"timeout":                    {data: `{"timeout": "35"}`, want: apps{to("+14158867900", func(b *dialplan.Bridge) { b.Timeout = 35 * time.Second })}},
		"timeout 0":                  {data: `{"timeout": 0}`, want: apps{to("+14158867900")}},
		"timeout below 0":            {data: `{"timeout": -5}`, want: apps{to("+14158867900")}},
		"timeout, long":              {data: `{"timeout": 600}`, want: apps{to("+14158867900", func(b *dialplan.Bridge) { b.Timeout = 2 * time.Minute })}},
		"early media":                {data: `{"ignore_early_media": true}`, want: apps{to("+14158867900", func(b *dialplan.Bridge) { b.IgnoreEarlyMedia = true })}},
		"ringback":                   {data: `{"ringback": "local_stream://moh"}`, want: apps{to("+14158867900", func(b *dialplan.Bridge) { b.Ringback, _ = dialplan.LocalStream("moh") })}},
		"ringback that can't be had": {data: `{"ringback": "404"}`, want: apps{to("+14158867900")}},
		"headers, filled in": {data: `{"custom_sip_headers": {"X-Num": "{caller_id_number}", "X-Name": "{caller_id_name}", "X-Acc": "{account_id}", "X-Bill": "{billing_id}", "X-N": 5, "X-B": false, "X-Part": "a {account_id}"}}`,
			want:     apps{to("+14158867900", headers("X-Acc", "acme", "X-B", "false", "X-Bill", "acme", "X-N", "5", "X-Name", "Ann", "X-Num", "+14155550100", "X-Part", "a {account_id}"))},
			problems: []string{"header X-Part has a value that can't be sent: it is left out"}},
		"the account's id": {data: `{"emit_account_id": true, "custom_sip_headers": {"Alert-Info": "x"}}`, want: apps{to("+14158867900", headers("X-Account-ID", "acme", "Alert-Info", "x"))}},
		"headers that can't be": {data: `{"custom_sip_headers": {"Via": "a", "X-A": "b\r\nVia: c", "in": {"X-C": "1"}, "X-D": null}}`, want: apps{to("+14158867900")},
			problems: []string{`flow/data/custom_sip_headers: sip header "Via" may not be sent: it is left out`,
				"flow/data/custom_sip_headers: sip header X-A: its value has a line break or is over 1024 bytes: it is left out",
				`flow/data/custom_sip_headers: "X-D" has no text: it is left out`, `flow/data/custom_sip_headers: "in" has no text: it is left out`}},
		"what is not there yet": {data: `{"outbound_flags": ["a"], "dynamic_flags": ["zone"], "format_from_uri": true, "media": "bypass", "caller_id_type": "emergency"}`, want: apps{to("+14158867900")},
			problems: []string{"flow/data/outbound_flags: is not supported yet: any carrier will do", "flow/data/dynamic_flags: is not supported yet: any carrier will do",
				"flow/data/format_from_uri: is not supported yet: it is ignored", "flow/data/media: is not supported yet: media goes through the switch",
				`flow/data/caller_id_type: "emergency" is not supported yet: the caller's number is shown`}},
		"what asks for nothing": {data: `{"outbound_flags": [], "format_from_uri": false, "media": "process", "Media": "process", "caller_id_type": "external"}`, want: apps{to("+14158867900")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{state: caller, missing: "404", results: map[string][]result{"bridge": {answeredBy}}}
			if err := s.walk(t, action("resources", c.data)); err != nil {
				t.Error(err)
			}
			s.expect(t, append(c.want, ended)...)
			same(t, "problems", c.problems, s.problems())
		})
	}
}

var answeredBy = result{vars: dialplan.Scripted{"originate_disposition": "SUCCESS", "bridge_hangup_cause": "NORMAL_CLEARING"}}

// failing is the result of a dial that failed.
func failing(cause, code string) result {
	return result{vars: dialplan.Scripted{"originate_disposition": cause, "last_bridge_proto_specific_hangup_cause": code}}
}

func TestResourcesResult(t *testing.T) {
	t.Parallel()
	busy := []dialplan.Application{dialplan.PreAnswer{}, playback(busyTone, ""), dialplan.Respond{Code: 486, Phrase: "Busy Here"}}
	for name, c := range map[string]struct {
		result result
		data   string
		keys   []string // children, which say their key
		want   apps
	}{
		"answered":                               {result: answeredBy, keys: []string{"_", "NORMAL_CLEARING"}, want: apps{ended}},
		"answered, by the code":                  {result: failing("NORMAL_UNSPECIFIED", "sip:200"), keys: []string{"_"}, want: apps{ended}},
		"normal clearing without a code":         {result: failing("NORMAL_CLEARING", ""), want: apps{ended}},
		"normal clearing with another code":      {result: failing("NORMAL_CLEARING", "sip:487"), want: apps{dialplan.PreAnswer{}, playback(busyTone, ""), dialplan.Hangup{Cause: dialplan.NormalClearing}}},
		"moved elsewhere":                        {result: result{vars: dialplan.Scripted{"originate_disposition": "SUCCESS", "bridge_hangup_cause": "ATTENDED_TRANSFER"}}, keys: []string{"_"}},
		"the cause beats the code":               {result: failing("USER_BUSY", "sip:486"), keys: []string{"sip:486", "USER_BUSY", "_"}, want: apps{dialplan.Answer{}, said("USER_BUSY"), ended}},
		"the code":                               {result: failing("USER_BUSY", "sip:486"), keys: []string{"sip:486", "_"}, want: apps{dialplan.Answer{}, said("sip:486"), ended}},
		"keys are compared to the letter":        {result: failing("USER_BUSY", "sip:486"), keys: []string{"user_busy", "486", "SIP:486"}, want: busy},
		"no such child: the default response":    {result: failing("USER_BUSY", "sip:486"), want: busy},
		"an empty child is none":                 {result: failing("USER_BUSY", "sip:486"), keys: []string{"USER_BUSY {}"}, want: busy},
		"an empty _ is none":                     {result: failing("USER_BUSY", "sip:486"), keys: []string{"_ {}"}, want: busy},
		"a _ never runs: no response, the cause": {result: failing("USER_BUSY", "sip:486"), keys: []string{"_"}, want: apps{dialplan.Hangup{Cause: "USER_BUSY"}}},
		"rang for its whole time":                {result: failing("ALLOTTED_TIMEOUT", ""), keys: []string{"NO_ANSWER"}, want: apps{dialplan.Answer{}, said("NO_ANSWER"), ended}},
		"rang, the own cause first":              {result: failing("ALLOTTED_TIMEOUT", ""), keys: []string{"NO_ANSWER", "ALLOTTED_TIMEOUT"}, want: apps{dialplan.Answer{}, said("ALLOTTED_TIMEOUT"), ended}},
		"no answer is not so the other way":      {result: failing("NO_ANSWER", ""), keys: []string{"ALLOTTED_TIMEOUT", "_"}, want: apps{dialplan.Hangup{Cause: "NO_ANSWER"}}},
		"a cause without a response":             {result: failing("USER_NOT_REGISTERED", ""), want: apps{dialplan.Hangup{Cause: "USER_NOT_REGISTERED"}}},
		"no result at all":                       {want: apps{dialplan.Hangup{Cause: "UNSPECIFIED"}}},
		"another kind of resource":               {result: answeredBy, data: `{"resource_type": "sms"}`, keys: []string{"sip:500"}, want: apps{dialplan.Answer{}, said("sip:500"), ended}},
		"nothing matches":                        {data: `{"to_did": "+49"}`, keys: []string{"NO_ROUTE_DESTINATION", "_"}, want: apps{dialplan.Answer{}, said("NO_ROUTE_DESTINATION"), ended}},
		"nothing matches, by code":               {data: `{"to_did": "+49"}`, keys: []string{"sip:404", "_"}, want: apps{dialplan.Answer{}, said("sip:404"), ended}},
		"nothing matches, no child":              {data: `{"to_did": "+49"}`, want: apps{dialplan.PreAnswer{}, playback(asDialed, ""), dialplan.Respond{Code: 404, Phrase: "Not Found"}}},
		"a foreign account":                      {data: `{"hunt_account_id": "other"}`, keys: []string{"sip:404"}, want: apps{dialplan.Answer{}, said("sip:404"), ended}},
		"no number at all goes on":               {data: `{"to_did": "${system(id)}"}`, keys: []string{"_"}, want: apps{dialplan.Answer{}, said("_"), ended}},
		"no number at all, by its cause":         {data: `{"to_did": "a b[c"}`, keys: []string{"_", "INVALID_NUMBER_FORMAT"}, want: apps{dialplan.Answer{}, said("INVALID_NUMBER_FORMAT"), ended}},
		"no number at all, no child":             {data: `{"to_did": "|"}`, want: apps{dialplan.PreAnswer{}, playback(asDialed, ""), dialplan.Respond{Code: 484, Phrase: "Address Incomplete"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var children []string
			for _, key := range c.keys {
				if key, empty := strings.CutSuffix(key, " {}"); empty {
					children = append(children, key, `{}`)
					continue
				}
				children = append(children, key, say(key))
			}
			if c.data == "" {
				c.data = `{}`
			}
			s := script{state: caller, carriers: "+1", results: map[string][]result{"bridge": {c.result}}, typed: map[string][]dialplan.Digits{"bridge": {"5"}}}
			if err := s.walk(t, action("resources", c.data, children...)); err != nil {
				t.Error(err)
			}
			if len(s.apps) > 0 && s.apps[0].Name() == "bridge" {
				same(t, "bridge", dialplan.Application(to("+14158867900")), s.apps[0])
				s.apps = s.apps[1:]
				if s.digits != "" {
					t.Errorf("keys for the far end are left: %q", s.digits)
				}
			}
			if len(s.apps) == 0 {
				s.apps = nil
			}
			s.expect(t, c.want...)
		})
	}
}

func TestResourcesEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		want apps
		err  error
	}{
		"the caller cancels: no child runs": {script: script{hangupAt: "bridge", results: map[string][]result{"bridge": {failing("ORIGINATOR_CANCEL", "sip:487")}}}, want: apps{to("+14158867900")}},
		"the process is to stop":            {script: script{cancelAt: "bridge"}, want: apps{to("+14158867900")}, err: errStopped},
		"while ringback is being fetched":   {script: script{hangupAt: "file"}},
		"during the response's media": {script: script{hangupAt: "playback", results: map[string][]result{"bridge": {failing("CALL_REJECTED", "sip:603")}}},
			want: apps{to("+14158867900"), dialplan.PreAnswer{}, playback(fastTone, "")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			s.state = caller
			data := `{}`
			if s.hangupAt == "file" {
				data = `{"ringback": "a"}`
			}
			if err := s.walk(t, action("resources", data, "ORIGINATOR_CANCEL", say("a"))); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t, c.want...)
		})
	}
}

// An answered call's response is its hangup, and a flow that waits has its turn after an answered dial.
func TestResourcesInsideABranch(t *testing.T) {
	t.Parallel()
	flows := map[string]string{"out": action("resources", `{}`)}
	s := script{answered: true, state: caller, flows: flows, results: map[string][]result{"bridge": {answeredBy}}}
	if err := s.walk(t, action("callflow", `{"id": "out"}`, "_", say("b"))); err != nil {
		t.Error(err)
	}
	s.expect(t, to("+14158867900"), said("b"), ended)

	s = script{answered: true, state: caller, flows: flows, results: map[string][]result{"bridge": {failing("LOSE_RACE", "")}}}
	if err := s.walk(t, action("callflow", `{"id": "out"}`, "_", say("b"))); err != nil {
		t.Error(err)
	}
	s.expect(t, to("+14158867900"), said("b"), ended)
}

// Every response has a status that can be sent and media that can be named, and the reference's causes are all there.
func TestDefaultResponses(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	for cause, r := range defaultResponses {
		if parsed, err := dialplan.ParseCause(string(cause)); err != nil || parsed != cause {
			t.Errorf("%s is no cause: %v", cause, err)
		}
		if r.code != 0 && (!sendable(r.code) || r.phrase == "") {
			t.Errorf("%s: status %d %q", cause, r.code, r.phrase)
		}
		if r.code == 0 && r.media == "" {
			t.Errorf("%s: says nothing", cause)
		}
		media := fmt.Sprint(r.code)
		for name, m := range map[string]string{"busy": busyTone, "fast": fastTone, "dialed": asDialed, "time": atThisTime, "trouble": troubleNotice} {
			if r.media == m {
				media += " " + name
			}
		}
		got[media]++
	}
	want := map[string]int{"404 dialed": 2, "404": 1, "0 busy": 1, "486 busy": 1, "408 fast": 1, "480": 3, "603 fast": 1, "410": 2, "483 trouble": 1, "502 dialed": 1,
		"484 dialed": 1, "510": 1, "503": 4, "503 time": 1, "403": 4, "488": 1, "488 trouble": 1, "501": 1, "501 trouble": 1, "400 trouble": 2, "504 fast": 2, "487": 1, "486 time": 1, "500": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("responses by status and media (-want +got):\n%s", diff)
	}
	if n := len(slices.Collect(maps.Keys(defaultResponses))); n != 36 {
		t.Errorf("%d causes", n)
	}
}

func TestResourcesFaults(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]string{
		`{"custom_sip_headers": []}`:    {"flow/data/custom_sip_headers"},
		`{"timeout": {}}`:               {"flow/data/timeout"},
		`{"timeout": "long"}`:           {"flow/data/timeout"},
		`{"to_did": {}}`:                {"flow/data/to_did"},
		`{"outbound_flags": {}}`:        {"flow/data/outbound_flags"},
		`{"outbound_flags": [{}]}`:      {"flow/data/outbound_flags"},
		`{"unknown": {}, "to_did": ""}`: nil,
	} {
		same(t, data, want, faults(t, action("resources", data), true))
	}
}
