package service

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/esl"
	"fspivot/store"
	"fspivot/timeline"
)

// channelOf is a channel that has connected with this data; variables are written $name.
func channelOf(t *testing.T, data map[string]string) *dialplan.Channel {
	t.Helper()
	here, there := net.Pipe()
	read := make(chan struct{})
	go func() {
		defer close(read)
		in := bufio.NewScanner(there)
		for first := true; in.Scan(); {
			if in.Text() != "" {
				continue // the end of a command is an empty line
			}
			reply := "Content-Type: command/reply\nReply-Text: +OK\n\n"
			if first {
				var b strings.Builder
				for _, name := range slices.Sorted(maps.Keys(data)) {
					fmt.Fprintf(&b, "%s: %s\n", strings.Replace(name, "$", "variable_", 1), url.PathEscape(data[name]))
				}
				reply = "Event-Name: CHANNEL_DATA\nUnique-ID: 00000000-0000-4000-8000-00000000000a\nAnswer-State: ringing\n" + b.String() +
					"Content-Type: command/reply\nReply-Text: +OK\nSocket-Mode: async\nControl: full\n\n"
				first = false
			}
			if _, err := there.Write([]byte(reply)); err != nil {
				return
			}
		}
	}()
	session, err := esl.Connect(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		session.Close()
		_ = there.Close()
		<-read
	})
	return dialplan.NewChannel(session, timeline.New())
}

// accounts are those that calls are told apart by.
func accounts(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.document("demo/account.json", `{"realm": "demo.test", "language": "en-GB"}`)
	s.document("demo/callflows/2030.json", `{"numbers": ["2030"], "flow": {"module": "answer", "data": {}}}`)
	s.document("demo/callflows/e164.json", `{"numbers": ["+15005550001"], "flow": {"module": "answer", "data": {}}}`)
	s.document("demo/callflows/code.json", `{"numbers": ["*98"], "flow": {"module": "answer", "data": {}}}`)
	s.document("demo/callflows/pattern.json", `{"patterns": ["^7(?P<rest>\\d+)$"], "flow": {"module": "answer", "data": {}}}`)
	s.document("demo/callflows/none.json", `{"numbers": ["no_match"], "flow": {"module": "answer", "data": {}}}`)
	s.document("demo/devices/phone.json", `{"sip": {"username": "ann"}, "owner_id": "u1", "language": "de-DE"}`)
	s.document("demo/devices/plain.json", `{"sip": {"username": "hall"}}`)
	s.document("demo/devices/desk.json", `{"sip": {"username": "desk"}, "owner_id": "u9", "hotdesk": {"users": {"u3": {}, "u1": {}, "u5": {}, "u2": {}, "u4": {}}}}`)
	s.document("demo/devices/owned.json", `{"sip": {"username": "bob"}, "owner_id": "u2", "language": "de-DE"}`)
	s.document("demo/users/u2.json", `{"language": "fr-FR"}`)
	s.document("acme/account.json", `{"realm": "acme.test"}`)
	s.document("acme/devices/phone.json", `{"sip": {"username": "ann"}, "owner_id": "a1"}`)
	s.document("acme/callflows/2030.json", `{"numbers": ["2030"], "flow": {"module": "hangup", "data": {}}}`)
	t.Cleanup(func() {
		s.service.library.Close(patience)
		s.service.client.Close()
	})
	s.prepare()
	return s
}

// Whose call it is, who calls, and what is found for the number. Source: design, The contract; callflow-engine.md 2, 13.1.
func TestIdentify(t *testing.T) {
	t.Parallel()
	s := accounts(t)
	for name, c := range map[string]struct {
		data    map[string]string
		account string // "": none
		device  string
		owners  []string
		speaks  string // "": en-gb, the default account's
		flow    string // callflow, "pivot", or what the error has in it
		number  string // looked up; "": 2030
	}{
		"nothing known":           {flow: "2030", account: "demo"},
		"by variable":             {data: map[string]string{"$fspivot_account_id": "acme"}, account: "acme", speaks: "en-us", flow: "2030"},
		"variable before realm":   {data: map[string]string{"$fspivot_account_id": "demo", "$sip_req_host": "acme.test"}, account: "demo", flow: "2030"},
		"by realm":                {data: map[string]string{"$sip_req_host": "acme.test"}, account: "acme", speaks: "en-us", flow: "2030"},
		"by realm, any case":      {data: map[string]string{"$sip_req_host": "ACME.test."}, account: "acme", speaks: "en-us", flow: "2030"},
		"realm of none":           {data: map[string]string{"$sip_req_host": "192.0.2.1"}, account: "demo", flow: "2030"},
		"unknown account":         {data: map[string]string{"$fspivot_account_id": "nosuch"}, speaks: "en-us", flow: `no account "nosuch"`},
		"account by a path":       {data: map[string]string{"$fspivot_account_id": "../demo"}, speaks: "en-us", flow: `no account "../demo"`},
		"device by variable":      {data: map[string]string{"$fspivot_device_id": "phone"}, account: "demo", device: "phone", owners: []string{"u1"}, speaks: "de-de", flow: "2030"},
		"device by user name":     {data: map[string]string{"$sip_auth_username": "ann"}, account: "demo", device: "phone", owners: []string{"u1"}, speaks: "de-de", flow: "2030"},
		"of its account":          {data: map[string]string{"$sip_auth_username": "ann", "$sip_req_host": "acme.test"}, account: "acme", device: "phone", owners: []string{"a1"}, speaks: "en-us", flow: "2030"},
		"variable before name":    {data: map[string]string{"$fspivot_device_id": "plain", "$sip_auth_username": "ann"}, account: "demo", device: "plain", flow: "2030"},
		"hot desk":                {data: map[string]string{"$sip_auth_username": "desk"}, account: "demo", device: "desk", owners: []string{"u1", "u2", "u3", "u4", "u5"}, flow: "2030"},
		"owner's language":        {data: map[string]string{"$sip_auth_username": "bob"}, account: "demo", device: "owned", owners: []string{"u2"}, speaks: "fr-fr", flow: "2030"},
		"unknown device":          {data: map[string]string{"$fspivot_device_id": "nosuch"}, account: "demo", flow: "2030"},
		"From proves nothing":     {data: map[string]string{"$sip_from_user": "ann"}, account: "demo", flow: "2030"},
		"switch's language":       {data: map[string]string{"$fspivot_account_id": "acme", "$default_language": "DE"}, account: "acme", speaks: "de", flow: "2030"},
		"switch's default":        {data: map[string]string{"$fspivot_account_id": "acme", "$default_language": "en"}, account: "acme", speaks: "en-us", flow: "2030"},
		"normalised":              {data: map[string]string{"$sip_req_user": "5005550001"}, account: "demo", flow: "e164", number: "+15005550001"},
		"with country code":       {data: map[string]string{"$sip_req_user": "15005550001"}, account: "demo", flow: "e164", number: "+15005550001"},
		"star":                    {data: map[string]string{"$sip_req_user": "*98"}, account: "demo", flow: "code", number: "*98"},
		"pattern":                 {data: map[string]string{"$sip_req_user": "7123"}, account: "demo", flow: "pattern", number: "7123"},
		"by destination":          {data: map[string]string{"$sip_req_user": "", "Caller-Destination-Number": "*98"}, account: "demo", flow: "code", number: "*98"},
		"stranger, no match":      {data: map[string]string{"$sip_req_user": "9999"}, account: "demo", flow: `no callflow for "9999"`, number: "9999"},
		"device, no match":        {data: map[string]string{"$sip_req_user": "9999", "$sip_auth_username": "hall"}, account: "demo", device: "plain", flow: "none", number: "9999"},
		"stranger dials no_match": {data: map[string]string{"$sip_req_user": "no_match"}, account: "demo", flow: "no callflow", number: "no_match"},
		"voice URL":               {data: map[string]string{"$sip_req_user": "9999", "$fspivot_voice_url": "http://h/"}, account: "demo", flow: "pivot", number: "9999"},
		"voice URL without account": {data: map[string]string{"$fspivot_account_id": "nosuch", "$fspivot_voice_url": "http://h/"},
			speaks: "en-us", flow: "pivot"},
		"callflow before voice URL": {data: map[string]string{"$fspivot_voice_url": "http://h/"}, account: "demo", flow: "2030"},
		"bad voice URL": {data: map[string]string{"$sip_req_user": "9999", "$fspivot_voice_url": "ftp://h/"}, account: "demo",
			flow: "fspivot_voice_url: ", number: "9999"},
		"bad method": {data: map[string]string{"$sip_req_user": "9999", "$fspivot_voice_url": "http://h/", "$fspivot_method": "put"},
			account: "demo", flow: "fspivot_voice_url: ", number: "9999"},
		"method alone": {data: map[string]string{"$sip_req_user": "9999", "$fspivot_method": "post"}, account: "demo", flow: "no callflow", number: "9999"},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string]string{"$sip_req_user": "2030"}
			maps.Copy(data, c.data)
			channel := channelOf(t, data)
			account, state := s.service.identify(channel)
			flow, err := s.service.flow(channel, account, state, timeline.New())
			diff(t, "account", c.account, accountID(account))
			diff(t, "device", c.device, state.DeviceID)
			diff(t, "owners", c.owners, state.OwnerIDs)
			diff(t, "language", or(c.speaks, "en-gb"), state.Language)
			diff(t, "dialled", or(c.number, "2030"), state.Dialled)
			switch {
			case err != nil:
				if !strings.Contains(err.Error(), c.flow) {
					t.Errorf("error %v, want %s", err, c.flow)
				}
			case c.flow == "pivot":
				diff(t, "module", "pivot", flow.Module)
			default:
				diff(t, "callflow", c.flow, state.CallflowID)
				diff(t, "no match", c.flow == "none", state.NoMatch)
			}
		})
	}
}

func accountID(a *store.Account) string {
	if a == nil {
		return ""
	}
	return a.ID
}

// What a channel tells of its call. Source: pivot.md 6.2; twiml.md 3.1.
func TestIdentifyState(t *testing.T) {
	t.Parallel()
	s := accounts(t)
	channel := channelOf(t, map[string]string{
		"Call-Direction": "outbound", "Caller-Caller-ID-Name": "O'Brien & Söhne", "Caller-Caller-ID-Number": "+15551230000",
		"$sip_from_user": "ann", "$sip_from_host": "a.test", "$sip_to_user": "2030", "$sip_to_host": "b.test",
		"$sip_req_user": "7123", "$sip_req_host": "c.test", "$sip_call_id": "x@y", "$sip_network_ip": "192.0.2.7",
		"$sip_h_X-Foo": "bar", "$sip_h_x-low": "a b", "$sip_h_X-": "nameless", "$sip_h_P-Asserted-Identity": "<sip:a@b>", "$X-No": "variable",
		"$sip_h_Diversion": "\"Bob\" <sip:+15005550009@d.test;user=phone>;reason=unconditional, <sip:+15005550008@d.test>",
	})
	account, state := s.service.identify(channel)
	if _, err := s.service.flow(channel, account, state, timeline.New()); err != nil {
		t.Fatal(err)
	}
	diff(t, "state", &call.State{
		ID: "00000000-0000-4000-8000-00000000000a", AccountID: "demo", Realm: "demo.test", Direction: "outbound",
		From: call.Address{User: "ann", Host: "a.test"}, To: call.Address{User: "2030", Host: "b.test"},
		Request: call.Address{User: "7123", Host: "c.test"}, Dialled: "7123", CallerName: "O'Brien & Söhne", CallerNumber: "+15551230000",
		Language: "en-gb", SIPCallID: "x@y", SIPSource: "192.0.2.7", ForwardedFrom: "+15005550009",
		SIPHeaders: map[string]string{"X-Foo": "bar", "x-low": "a b"},
		CallflowID: "pattern", Capture: "123", Captures: map[string]string{"rest": "123"},
	}, state)
}

func TestForwarder(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                                   "",
		"<sip:+1500@h>;reason=unconditional": "+1500",
		"sip:100@h;reason=x":                 "100",
		"\"A <x>\" ":                         "",
		"<tel:+1500;phone-context=x>":        "+1500",
		"<SIPS:bob@h>, <sip:carol@h>":        "bob",
		"<http://h/>":                        "",
		"<sip:h>":                            "h",
	} {
		if got := forwarder(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

// The devices of a user are rung in the order of their ids; those that can't be are left out.
func TestUserRoutes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.document("demo/account.json", `{"realm": "demo.test"}`)
	s.document("demo/devices/c.json", `{"sip": {"username": "c"}, "owner_id": "u"}`)
	s.document("demo/devices/a.json", `{"sip": {"username": "a", "realm": "other.test"}, "owner_id": "u"}`)
	s.document("demo/devices/b.json", `{"sip": {"username": "b"}, "owner_id": "u", "enabled": false}`)
	s.document("demo/devices/d.json", `{"sip": {"username": "d${x}"}, "owner_id": "u"}`)
	for _, id := range []string{"m", "k", "n", "l"} {
		s.document("demo/devices/"+id+".json", `{"sip": {"username": "`+id+`"}, "owner_id": "u"}`)
	}
	s.document("demo/devices/e.json", `{"sip": {"username": "e|f"}, "owner_id": "v"}`)
	t.Cleanup(func() {
		s.service.library.Close(patience)
		s.service.client.Close()
	})
	account, _ := s.prepare().documents.Account("demo")
	r := s.service.pivotRoutes(account)
	for id, want := range map[string][]dialplan.Endpoint{
		"u": {r.Device.User("a", "other.test"), r.Device.User("c", "demo.test"), r.Device.User("k", "demo.test"),
			r.Device.User("l", "demo.test"), r.Device.User("m", "demo.test"), r.Device.User("n", "demo.test")},
		"c": {r.Device.User("c", "demo.test")},
		"b": nil, // disabled
		"e": nil, "v": nil, "nosuch": nil,
	} {
		got, err := r.User(id)
		if (err != nil) != (want == nil) {
			t.Errorf("%s: %v", id, err)
		}
		for _, list := range [][]dialplan.Endpoint{want, got} {
			for i := range list {
				list[i].UUID = ""
			}
		}
		diff(t, id, want, got)
	}
	if _, err := r.User("v"); err == nil || !strings.Contains(err.Error(), "device e: sip.username") {
		t.Errorf("the error does not name the device: %v", err)
	}
	if _, err := s.service.pivotRoutes(nil).User("u"); err == nil {
		t.Error("a call without account has users")
	}
}
