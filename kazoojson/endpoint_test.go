package kazoojson

import (
	"testing"

	"fspivot/call"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account, device, user, second string
		owners                        []string
		want                          string // "": none
	}{
		"the device alone":        {device: `{"kind": "a"}`, want: `{"kind": "a"}`},
		"disabled":                {device: `{"enabled": false}`},
		"enabled":                 {device: `{"enabled": true}`, want: `{"enabled": true}`},
		"deleted":                 {device: `{"pvt_deleted": true}`},
		"only some keys are kept": {account: `{"foo": 1, "realm": "r"}`, device: `{}`, user: `{"bar": 1}`, want: `{}`},
		"names: user, device, account": {account: `{"name": "A", "language": "en", "presence_id": "p"}`, device: `{"name": "D", "language": "de"}`, user: `{"name": "U"}`,
			want: `{"name": "U", "language": "de", "presence_id": "p"}`},
		"an empty name is none": {account: `{"name": "A"}`, device: `{"name": ""}`, want: `{"name": "A"}`},
		"the user's settings win, deeply": {account: `{"media": {"a": 1, "x": {"p": 1, "q": 1}}}`, device: `{"media": {"b": 2, "x": {"q": 2}}}`, user: `{"media": {"b": 3}}`,
			want: `{"media": {"a": 1, "b": 3, "x": {"p": 1, "q": 2}}}`},
		"call waiting: the device wins": {account: `{"call_waiting": {"enabled": true}}`, device: `{"call_waiting": {"enabled": false}}`, user: `{"call_waiting": {"enabled": true}}`,
			want: `{"call_waiting": {"enabled": false}}`},
		"do not disturb of the user":    {device: `{"do_not_disturb": {"enabled": false}}`, user: `{"do_not_disturb": {"enabled": true}}`, want: `{"do_not_disturb": {"enabled": true}}`},
		"do not disturb of the account": {account: `{"do_not_disturb": {"enabled": true}}`, device: `{}`, want: `{"do_not_disturb": {"enabled": true}}`},
		"do not disturb of nobody":      {account: `{"do_not_disturb": {"enabled": false}}`, device: `{}`, want: `{}`},
		"caller id: the user wins, the device's emergency does": {
			account: `{"caller_id": {"external": {"number": "1"}, "default": {"number": "9"}}}`,
			device:  `{"caller_id": {"external": {"number": "2"}, "emergency": {"number": "2"}}}`,
			user:    `{"caller_id": {"external": {"number": "3"}, "emergency": {"number": "3"}}}`,
			want:    `{"caller_id": {"external": {"number": "3"}, "emergency": {"number": "2"}, "default": {"number": "9"}}}`},
		"caller id: the account prefers the device's": {
			account: `{"prefer_device_caller_id": true}`, device: `{"caller_id": {"external": {"number": "2"}}}`, user: `{"caller_id": {"external": {"number": "3"}}}`,
			want: `{"caller_id": {"external": {"number": "2"}}}`},
		"restrictions: a deny of the account wins": {account: `{"call_restriction": {"toll_us": {"action": "deny"}}}`, device: `{}`, user: `{"call_restriction": {"toll_us": {"action": "allow"}}}`,
			want: `{"call_restriction": {"toll_us": {"action": "deny"}}}`},
		"restrictions: a deny of the user wins": {device: `{"call_restriction": {"toll_us": {"action": "allow"}}}`, user: `{"call_restriction": {"toll_us": {"action": "deny"}}}`,
			want: `{"call_restriction": {"toll_us": {"action": "deny"}}}`},
		"restrictions: the user's allow lifts the device's deny": {device: `{"call_restriction": {"toll_us": {"action": "deny"}, "caribbean": {"action": "deny"}}}`, user: `{"call_restriction": {"toll_us": {"action": "allow"}}}`,
			want: `{"call_restriction": {"toll_us": {"action": "allow"}, "caribbean": {"action": "deny"}}}`},
		"restrictions: inherited leaves the device's": {device: `{"call_restriction": {"toll_us": {"action": "deny"}}}`, user: `{"call_restriction": {"toll_us": {"action": "inherit"}}}`,
			want: `{"call_restriction": {"toll_us": {"action": "deny"}}}`},
		"two users at the desk: nothing of theirs": {device: `{"name": "D"}`, user: `{"name": "U"}`, second: `{"name": "V"}`, owners: []string{"user", "second"}, want: `{"name": "D"}`},
		"two users at the desk: what both deny": {device: `{}`, user: `{"call_restriction": {"a": {"action": "deny"}, "b": {"action": "deny"}}}`,
			second: `{"call_restriction": {"a": {"action": "deny"}}}`, owners: []string{"user", "second"}, want: `{"call_restriction": {"a": {"action": "deny"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documents := map[string]map[string]any{}
			for id, body := range map[string]string{"accounts/acme": c.account, "devices/device": c.device, "users/user": c.user, "users/second": c.second} {
				if body != "" {
					documents[id] = document(t, body)
				}
			}
			before := document(t, c.device)
			if c.owners == nil {
				c.owners = []string{"user"}
			}
			r := runner{Run: &Run{Call: &call.State{AccountID: "acme", DeviceID: "device", OwnerIDs: c.owners},
				Documents: func(collection, id string) (map[string]any, bool) {
					doc, ok := documents[collection+"/"+id]
					return doc, ok
				}}}
			got, ok := r.endpoint()
			if ok != (c.want != "") {
				t.Fatalf("there is one: %v", ok)
			}
			if ok {
				same(t, "endpoint", document(t, c.want), got)
			}
			same(t, "the device's document", before, documents["devices/device"])
		})
	}
}
