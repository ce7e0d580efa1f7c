package kazoojson

import "maps"

// endpoint is the calling device with what it inherits from its user and the account; false for a stranger, and for a
// device that is disabled. Documents are never changed: what is merged is new. Source: callflow-modules-a-d.md 0.8;
// callflow-engine.md 17.3.
func (c *runner) endpoint() (map[string]any, bool) {
	if c.Call.DeviceID == "" {
		return nil, false
	}
	device, ok := c.Documents("devices", c.Call.DeviceID)
	if enabled, there := device["enabled"].(bool); !ok || there && !enabled || device["pvt_deleted"] == true {
		return nil, false
	}
	account, _ := c.Documents("accounts", c.Call.AccountID)
	var user map[string]any
	if len(c.Call.OwnerIDs) == 1 {
		user, _ = c.Documents("users", c.Call.OwnerIDs[0])
	}
	out := maps.Clone(device)
	set := func(key string, value any) {
		if value != nil {
			out[key] = value
		}
	}
	for _, key := range []string{
		"music_on_hold", "ringtones", "formatters", "dial_plan", "caller_id_options", "metaflows", "media",
	} {
		set(key, merged(account[key], device[key], user[key]))
	}
	for _, key := range []string{"name", "language", "presence_id"} {
		set(key, first(user[key], device[key], account[key]))
	}
	set("call_waiting", merged(account["call_waiting"], user["call_waiting"], device["call_waiting"]))
	set("caller_id", callerIDs(account, device, user))
	set("call_restriction", c.restrictions(account, device, user))
	for _, doc := range []map[string]any{account, device, user} {
		if object(doc["do_not_disturb"])["enabled"] == true {
			set("do_not_disturb", merged(device["do_not_disturb"], map[string]any{"enabled": true}))
		}
	}
	return out, true
}

func object(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// merged lays objects over each other, the last on top; nil when there is none.
func merged(values ...any) any {
	var out map[string]any
	for _, value := range values {
		for key, v := range object(value) {
			if out == nil {
				out = map[string]any{}
			}
			if below, above := object(out[key]), object(v); below != nil && above != nil {
				v = merged(below, above)
			}
			out[key] = v
		}
	}
	if out == nil {
		return nil
	}
	return out
}

// first is the first value that is not missing or empty.
func first(values ...any) any {
	for _, v := range values {
		if v != nil && v != "" {
			return v
		}
	}
	return nil
}

func callerIDs(account, device, user map[string]any) any {
	const key = "caller_id"
	ids := merged(account[key], device[key], user[key])
	if account["prefer_device_caller_id"] == true {
		ids = merged(account[key], user[key], device[key])
	}
	if emergency := object(object(device[key])["emergency"]); emergency != nil {
		ids = merged(ids, map[string]any{"emergency": emergency})
	}
	return ids
}

// restrictions are by class of number: a deny of the account or the user wins, then the user's allow, then the device's
// own. Several hot-desked users deny only what all of them deny.
func (c *runner) restrictions(account, device, user map[string]any) any {
	const key = "call_restriction"
	users := []map[string]any{user}
	if len(c.Call.OwnerIDs) > 1 {
		users = nil
		for _, id := range c.Call.OwnerIDs {
			doc, _ := c.Documents("users", id)
			users = append(users, doc)
		}
	}
	out := map[string]any{}
	maps.Copy(out, object(device[key]))
	action := func(doc map[string]any, class string) any { return object(object(doc[key])[class])["action"] }
	for _, doc := range append([]map[string]any{account}, users...) {
		for class := range object(doc[key]) {
			denied := true
			for _, u := range users {
				denied = denied && action(u, class) == "deny"
			}
			switch {
			case denied, action(account, class) == "deny":
				out[class] = map[string]any{"action": "deny"}
			case action(user, class) == "allow":
				out[class] = map[string]any{"action": "allow"}
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
