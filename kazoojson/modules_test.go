package kazoojson

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fspivot/call"
	"fspivot/dialplan"
)

func names() []string {
	var list []string
	for _, m := range Modules() {
		list = append(list, m.Name)
	}
	return list
}

// The table is sorted and complete: each module has its file, its test and a section of the reference.
func TestModules(t *testing.T) {
	t.Parallel()
	list := names()
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) || len(list) != len(registry) {
		t.Errorf("modules %q", list)
	}
	for _, m := range Modules() {
		if m.Does == "" || m.Status == "" {
			t.Errorf("%s: %+v", m.Name, m)
		}
		for _, name := range []string{m.Name + ".go", m.Name + "_test.go"} {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
		page, _, _ := strings.Cut(m.Source, " ")
		body, err := os.ReadFile("../docs/reference/" + strings.TrimSuffix(page, ","))
		if err != nil {
			t.Errorf("%s: source %q: %v", m.Name, m.Source, err)
			continue
		}
		heading := regexp.MustCompile(`(?m)^#.*\b` + m.Name + `\b`)
		if m.Name == "pivot" {
			heading = regexp.MustCompile(`(?m)^# Pivot`)
		}
		if !heading.Match(body) {
			t.Errorf("%s: %s has no section of it", m.Name, m.Source)
		}
	}
}

// No module falls over data that is empty, or of the wrong kind in every key it knows.
func TestModulesEmptyData(t *testing.T) {
	t.Parallel()
	for _, name := range names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, strict := range []bool{true, false} {
				node, err := Parse([]byte(action(name, `{}`)), strict)
				if (node == nil) == (err == nil) {
					t.Fatalf("strict %v: %v, %v", strict, node, err)
				}
				if err != nil {
					continue
				}
				s := script{answered: true, results: map[string][]result{"bridge": {answeredBy}}, state: caller}
				if err := s.run(t, node); err != nil {
					t.Errorf("strict %v: %v", strict, err)
				}
			}
			for key := range attacks[name].keys() {
				for _, value := range []string{`null`, `{}`, `[]`, `[[]]`, `[{}]`, `{"a": {}}`, `true`, `-1`, `1e99`, `0.5`, `""`, `" "`, `[null]`, `99999999999999999999`} {
					for _, strict := range []bool{true, false} {
						node, err := Parse([]byte(action(name, attacks[name].with(t, key, value), "_", say("b"))), strict)
						if (node == nil) == (err == nil) {
							t.Errorf("%s %s, strict %v: %v, %v", key, value, strict, node, err)
						}
						if err != nil {
							continue
						}
						s := script{most: 50, answered: true, results: map[string][]result{"bridge": {answeredBy}}, state: caller}
						if err := s.run(t, node); err != nil && err != errEndless {
							t.Errorf("%s %s, strict %v: %v", key, value, strict, err)
						}
						for _, p := range s.problems() {
							if strings.Contains(p, "panic") {
								t.Errorf("%s %s, strict %v: %s", key, value, strict, p)
							}
						}
					}
				}
			}
		})
	}
}

// An attack is where a module's data has text: a whole value, or, with a key of form "a/b" or "a/*", one below.
type attack struct {
	data  string   // what is needed beside it
	texts []string // keys
	lists []string // keys of lists of texts
	reach bool     // the text comes as far as an application
}

func (a attack) keys() map[string]bool {
	keys := map[string]bool{}
	for _, key := range append(slices.Clone(a.texts), a.lists...) {
		key, _, _ = strings.Cut(key, "/")
		keys[key] = true
	}
	return keys
}

// with is the data with one key set to a JSON value.
func (a attack) with(t *testing.T, key, value string) string {
	t.Helper()
	data := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(a.data), &data); err != nil {
		t.Fatal(err)
	}
	data[key] = json.RawMessage(value)
	body, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// on is the data with the attack's text in every place.
func (a attack) on(t *testing.T, text string) []string {
	t.Helper()
	q, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	quoted := string(q)
	list := []string{a.data}
	for _, key := range a.texts {
		top, below, nested := strings.Cut(key, "/")
		switch {
		case !nested:
			list = append(list, a.with(t, top, quoted))
		case below == "*":
			list = append(list, a.with(t, top, `{`+quoted+`: "value"}`), a.with(t, top, `{`+quoted+`: `+quoted+`}`))
		default:
			list = append(list, a.with(t, top, fmt.Sprintf(`{%q: %s}`, below, quoted)), a.with(t, top, fmt.Sprintf(`{%q: {%s: [%s]}}`, below, quoted, quoted)))
		}
	}
	for _, key := range a.lists {
		list = append(list, a.with(t, key, `[`+quoted+`]`), a.with(t, key, `["1", `+quoted+`, "#"]`))
	}
	return list
}

// attacks are by module; a module without an entry fails the test.
var attacks = map[string]attack{
	"answer":          {data: `{}`},
	"branch_variable": {data: `{"variable": "a"}`, texts: []string{"variable", "scope"}, lists: []string{"variable"}},
	"callflow":        {data: `{"id": "a"}`, texts: []string{"id"}},
	"collect_dtmf": {data: `{}`, texts: []string{"collection_name", "max_digits", "timeout", "interdigit_timeout", "terminator", "terminators"},
		lists: []string{"terminators"}},
	"dead_air":   {data: `{}`},
	"flush_dtmf": {data: `{}`, texts: []string{"collection_name"}},
	"hangup":     {data: `{}`, texts: []string{"cause"}},
	"noop":       {data: `{}`},
	"pivot": {data: `{"voice_url": "http://h/"}`, texts: []string{"voice_url", "method", "req_format", "req_body_format", "req_timeout_ms", "cdr_url", "debug",
		"fallback_url", "fallback_method",
		"custom_request_headers/*", "custom_request_headers/X-A"}},
	"play":          {data: `{"id": "a"}`, texts: []string{"id", "answer", "terminators", "endless_playback", "loop_count"}, lists: []string{"terminators"}},
	"record_caller": {data: `{}`, texts: []string{"url", "method", "format", "time_limit"}},
	"resources": {data: `{"to_did": "12345"}`, texts: []string{"to_did", "caller_id_type", "hunt_account_id", "ringback", "timeout", "media", "resource_type", "from_uri_realm",
		"outbound_flags", "dynamic_flags", "custom_sip_headers/*", "custom_sip_headers/X-A", "custom_sip_headers/Alert-Info"}, lists: []string{"outbound_flags", "dynamic_flags"}, reach: true},
	"response":        {data: `{}`, texts: []string{"code", "message", "media"}, reach: true},
	"send_dtmf":       {data: `{"digits": "1"}`, texts: []string{"digits", "duration_ms"}},
	"set_variable":    {data: `{"variable": "group_id", "value": "1"}`, texts: []string{"variable", "value", "channel"}, reach: true},
	"set_variables":   {data: `{"custom_application_vars": {}}`, texts: []string{"custom_application_vars", "custom_application_vars/*", "custom_application_vars/a", "export"}, reach: true},
	"sleep":           {data: `{"duration": 1}`, texts: []string{"duration", "unit"}},
	"tts":             {data: `{"text": "a"}`, texts: []string{"text", "voice", "language", "engine", "terminators", "endless_playback"}, lists: []string{"terminators"}, reach: true},
	"wait_for_hangup": {data: `{}`},
}

// hostile are texts of which a switch would make commands, settings, legs or files.
var hostile = []string{
	"${system(touch /tmp/x)}",
	"a${system(touch /tmp/x)}b",
	"$${system(touch /tmp/x)}",
	`\${system(touch /tmp/x)}`,
	`$\{system(touch /tmp/x)}`,
	`$'{system(touch /tmp/x)}'`,
	"$\"\\'{system(touch /tmp/x)}",
	"$\x00{system(touch /tmp/x)}",
	"$\u200b{system(touch /tmp/x)}",
	"$\n{system(touch /tmp/x)}",
	"touch\n\nsendmsg\ncall-command: execute\nexecute-app-name: system\n\n",
	"touch\r\nEvent-Name: X",
	"touch'|,;[{<\"$",
	"[api_on_answer='system touch /tmp/x']touch",
	"{execute_on_answer='system touch /tmp/x'}touch",
	"touch,loopback/app=system:touch",
	"touch|error/user_busy",
	"touch:_:x",
	"+1415$\\{touch}",
	"tone_stream://%(500,0,440);path=/etc/touch",
	"tone_stream://${touch}",
	"local_stream://../touch",
	"file_string:///etc/passwd!touch",
	"shell_stream://touch /tmp/x",
	"touch ^^;a=b",
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	quotes := strings.NewReplacer(`\`, "", `'`, "", `"`, "")
	for _, name := range names() {
		a, ok := attacks[name]
		if !ok {
			t.Errorf("%s is not attacked", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := false
			for _, text := range hostile {
				for _, data := range a.on(t, text) {
					for _, strict := range []bool{true, false} {
						node, err := Parse([]byte(action(name, data, "_", say("b"))), strict)
						if err != nil {
							continue // what is refused does no harm
						}
						s := script{most: 50, state: call.State{ID: text, AccountID: text, CallerName: text, CallerNumber: text, Language: text, DeviceID: "desk",
							Request: call.Address{User: text, Host: text}, Dialled: text, Collections: map[string]string{"default": text}},
							documents: map[string]map[string]any{"devices/desk": {"dial_plan": map[string]any{"^.": map[string]any{"prefix": text, "suffix": text}}}}}
						if err := s.run(t, node); err != nil && err != errEndless {
							t.Errorf("%s, strict %v: %v", data, strict, err)
						}
						for _, app := range s.apps {
							sent := dialplan.Describe(app)
							reached = reached || strings.Contains(sent, "touch")
							if strings.Contains(quotes.Replace(sent), "${") || strings.ContainsAny(sent, "\x00\r\n") {
								t.Errorf("%s, strict %v: sends %q", data, strict, sent)
							}
							if _, ok := app.(dialplan.Bridge); ok && (strings.Count(sent, "sofia/gateway/carrier/") != 1 || strings.Contains(sent, "|")) {
								t.Errorf("%s, strict %v: dials %q", data, strict, sent)
							}
						}
					}
				}
			}
			if reached != a.reach {
				t.Errorf("a text came as far as an application: %v, want %v", reached, a.reach)
			}
		})
	}
}
