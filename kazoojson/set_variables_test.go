package kazoojson

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"fspivot/dialplan"
)

func TestSetVariables(t *testing.T) {
	t.Parallel()
	old := func() map[string]any {
		return map[string]any{"kept": "k", "n": json.Number("1"), "nested": map[string]any{"a": "b"}}
	}
	with := func(change func(map[string]any)) map[string]any {
		m := old()
		change(m)
		return m
	}
	long := strings.Repeat("x", 4097)
	for name, c := range map[string]struct {
		data     string
		want     apps
		vars     map[string]any
		problems []string
	}{
		"none":     {data: `{"custom_application_vars": {}}`, vars: old()},
		"in order": {data: `{"custom_application_vars": {"b": "2", "a": "1 2"}}`, want: apps{set("cav_a", "1 2"), set("cav_b", "2")}, vars: with(func(m map[string]any) { m["a"], m["b"] = "1 2", "2" })},
		"what has characters of the switch's own": {data: `{"custom_application_vars": {"a": "it's, \"x\" | y; ^z ${v}\n"}}`, want: apps{set("cav_a", `it's, "x" | y; ^z ${v}`+"\n")},
			vars: with(func(m map[string]any) { m["a"] = "it's, \"x\" | y; ^z ${v}\n" })},
		"an object":             {data: `{"custom_application_vars": {"survey": {"lang": "en", "n": 1}}}`, want: apps{set("json_cav_survey", `{"lang":"en","n":1}`)}, vars: with(func(m map[string]any) { m["survey"] = map[string]any{"lang": "en", "n": json.Number("1")} })},
		"a list":                {data: `{"custom_application_vars": {"l": [1, "a<b"]}}`, want: apps{set("cav_l", `[1,"a<b"]`)}, vars: with(func(m map[string]any) { m["l"] = []any{json.Number("1"), "a<b"} })},
		"number and boolean":    {data: `{"custom_application_vars": {"f": 1.50, "t": true}}`, want: apps{set("cav_f", "1.50"), set("cav_t", "true")}, vars: with(func(m map[string]any) { m["f"], m["t"] = json.Number("1.50"), true })},
		"the same again":        {data: `{"custom_application_vars": {"kept": "k", "n": 1, "nested": {"a": "b"}}}`, vars: old()},
		"another value":         {data: `{"custom_application_vars": {"kept": "j"}}`, want: apps{set("cav_kept", "j")}, vars: with(func(m map[string]any) { m["kept"] = "j" })},
		"an empty value":        {data: `{"custom_application_vars": {"kept": ""}}`, want: apps{set("cav_kept", "")}, vars: with(func(m map[string]any) { m["kept"] = "" })},
		"null removes it":       {data: `{"custom_application_vars": {"kept": null, "other": null}}`, want: apps{set("cav_kept", "")}, vars: with(func(m map[string]any) { delete(m, "kept") })},
		"an object is no more":  {data: `{"custom_application_vars": {"nested": "x"}}`, want: apps{set("json_cav_nested", ""), set("cav_nested", "x")}, vars: with(func(m map[string]any) { m["nested"] = "x" })},
		"an object is replaced": {data: `{"custom_application_vars": {"nested": {"c": "d"}}}`, want: apps{set("json_cav_nested", `{"c":"d"}`)}, vars: with(func(m map[string]any) { m["nested"] = map[string]any{"c": "d"} })},
		"legs get them, too":    {data: `{"custom_application_vars": {"a": "1"}, "export": "true"}`, want: apps{exported("cav_a", "1")}, vars: with(func(m map[string]any) { m["a"] = "1" })},
		"names that can't be": {data: `{"custom_application_vars": {"a b": "1", "": "2", "${x}": "3", "ok-1.x": "4", "a=b": "5"}}`, want: apps{set("cav_ok-1.x", "4")}, vars: with(func(m map[string]any) { m["ok-1.x"] = "4" }),
			problems: []string{
				`flow/data/custom_application_vars: "" is no name (letters, digits, _, - and . may be used): it is left out`,
				`flow/data/custom_application_vars: "${x}" is no name (letters, digits, _, - and . may be used): it is left out`,
				`flow/data/custom_application_vars: "a b" is no name (letters, digits, _, - and . may be used): it is left out`,
				`flow/data/custom_application_vars: "a=b" is no name (letters, digits, _, - and . may be used): it is left out`}},
		"a long one is the call's alone": {data: `{"custom_application_vars": {"a": "` + long + `"}}`, want: apps{set("cav_a", "")}, vars: with(func(m map[string]any) { m["a"] = long }),
			problems: []string{"variable a: over 4096 bytes: the switch does not get it"}},
		"none given, stored":     {data: `{}`, vars: old(), problems: []string{"flow/data/custom_application_vars: is missing, or no object: nothing is set"}},
		"no object, stored":      {data: `{"custom_application_vars": "a=1"}`, vars: old(), problems: []string{"flow/data/custom_application_vars: is missing, or no object: nothing is set"}},
		"a list of them, stored": {data: `{"custom_application_vars": [1]}`, vars: old(), problems: []string{"flow/data/custom_application_vars: is missing, or no object: nothing is set"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s script
			s.state.AppVars = old()
			if err := s.walk(t, action("set_variables", c.data, "_", action("hangup", `{}`))); err != nil {
				t.Error(err)
			}
			s.expect(t, append(c.want, ended)...)
			same(t, "variables", c.vars, s.state.AppVars)
			same(t, "problems", c.problems, s.problems())
		})
	}
	same(t, "faults", []string{"flow/data/custom_application_vars"}, faults(t, action("set_variables", `{}`), true))
	same(t, "faults of a list", []string{"flow/data/custom_application_vars"}, faults(t, action("set_variables", `{"custom_application_vars": []}`), true))
}

// A call's variables have a limit, over however many answers they come.
func TestSetVariablesAreBounded(t *testing.T) {
	t.Parallel()
	var s script
	for i := range 100 {
		vars := fmt.Sprintf(`{"custom_application_vars": {"v%03d": %q, "w%03d": {"x": "1"}}}`, i, strings.Repeat("x", 5000), i)
		s.gone = false
		if err := s.walk(t, action("set_variables", vars)); err != nil {
			t.Fatal(err)
		}
	}
	size, err := json.Marshal(s.state.AppVars)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.state.AppVars) < 50 || len(size) > mostVariables+20000 {
		t.Errorf("%d variables of %d bytes", len(s.state.AppVars), len(size))
	}
	// What is there can still be changed, to something that is not longer.
	s.gone, s.apps = false, nil
	if err := s.walk(t, action("set_variables", `{"custom_application_vars": {"v000": "short"}}`)); err != nil {
		t.Error(err)
	}
	s.expect(t, set("cav_v000", "short"), dialplan.Hangup{})
}
