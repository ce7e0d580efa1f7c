package kazoojson

import (
	"testing"

	"fspivot/dialplan"
)

func exported(name, value string) dialplan.Export {
	return dialplan.Export{Variable: set(name, value).Variable}
}

func TestSetVariable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data     string
		want     apps
		vars     map[string]string
		problems []string
	}{
		"call priority": {data: `{"variable": "call_priority", "value": "7"}`, want: apps{set("ecallmgr_Call-Priority", "7")}, vars: map[string]string{"Call-Priority": "7", "Group-ID": "old"}},
		"a number":      {data: `{"variable": "call_priority", "value": 7, "channel": "a"}`, want: apps{set("ecallmgr_Call-Priority", "7")}, vars: map[string]string{"Call-Priority": "7", "Group-ID": "old"}},
		"group":         {data: `{"variable": "group_id", "value": "new", "channel": "both"}`, want: apps{exported("ecallmgr_Group-ID", "new")}, vars: map[string]string{"Group-ID": "new"}},
		"value 0":       {data: `{"variable": "group_id", "value": 0}`, want: apps{set("ecallmgr_Group-ID", "0")}, vars: map[string]string{"Group-ID": "0"}},
		"the call has the exact value": {data: `{"variable": "group_id", "value": "${system(id)}\n"}`, want: apps{set("ecallmgr_Group-ID", "$ {system(id)} ")},
			vars: map[string]string{"Group-ID": "${system(id)}\n"}},
		"an unknown name": {data: `{"variable": "Call-Priority", "value": "7"}`, vars: map[string]string{"Group-ID": "old"},
			problems: []string{`flow/data/variable: "Call-Priority" is neither call_priority nor group_id: nothing is set`}},
		"no name": {data: `{"value": "7"}`, vars: map[string]string{"Group-ID": "old"},
			problems: []string{`flow/data/variable: "" is neither call_priority nor group_id: nothing is set`}},
		"an empty value leaves the old one": {data: `{"variable": "group_id", "value": ""}`, vars: map[string]string{"Group-ID": "old"},
			problems: []string{"flow/data/value: is missing: nothing is set"}},
		"another channel, stored": {data: `{"variable": "group_id", "value": "new", "channel": "b"}`, vars: map[string]string{"Group-ID": "old"},
			problems: []string{`flow/data/channel: "b" is neither a nor both: the module is passed over`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s script
			s.state.SetChannelVar("Group-ID", "old")
			if err := s.walk(t, action("set_variable", c.data, "_", action("hangup", `{}`))); err != nil {
				t.Error(err)
			}
			s.expect(t, append(c.want, ended)...)
			same(t, "variables", c.vars, s.state.ChannelVars)
			same(t, "problems", c.problems, s.problems())
		})
	}
	same(t, "faults", []string{"flow/data/channel"}, faults(t, action("set_variable", `{"channel": "b"}`), true))
	same(t, "no faults", []string(nil), faults(t, action("set_variable", `{}`), true))
}
