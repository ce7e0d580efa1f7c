package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sirupsen/logrus"
	node "go.yaml.in/yaml/v3"

	"fspivot/dialplan"
)

const example = "../configs/fspivot.yaml"

// keys are those of every setting, in dots, with their types.
func keys(t reflect.Type, path string) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for i := range t.NumField() {
		field := t.Field(i)
		key := join(path, field.Tag.Get("koanf"))
		if field.Type.Kind() == reflect.Struct {
			maps.Copy(all, keys(field.Type, key))
		} else {
			all[key] = field.Type
		}
	}
	return all
}

func TestDefaultIsWhatTheExampleShows(t *testing.T) {
	t.Parallel()
	got, err := Load(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-default +file):\n%s", example, diff)
	}
	none, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), none); diff != "" {
		t.Errorf("no file (-default +got):\n%s", diff)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := node.Unmarshal(body, &tree); err != nil {
		t.Fatal(err)
	}
	all := keys(reflect.TypeFor[Config](), "")
	var shown []string
	var walk func(tree map[string]any, path string)
	walk = func(tree map[string]any, path string) {
		for name, value := range tree {
			key := join(path, name)
			if below, ok := value.(map[string]any); ok && all[key] == nil {
				walk(below, key)
				continue
			}
			shown = append(shown, key)
		}
	}
	walk(tree, "")
	slices.Sort(shown)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), shown); diff != "" {
		t.Errorf("keys (-settings +file):\n%s", diff)
	}
	resource, _ := tree["dial"].(map[string]any)["resources"].([]any)[0].(map[string]any)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(keys(reflect.TypeFor[Resource](), ""))),
		slices.Sorted(maps.Keys(resource))); diff != "" {
		t.Errorf("keys of a resource (-settings +file):\n%s", diff)
	}
}

// at gives a setting by its key.
func at(c Config, key string) any {
	v := reflect.ValueOf(c)
	for name := range strings.SplitSeq(key, ".") {
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("koanf") == name {
				v = v.Field(i)
				break
			}
		}
	}
	return v.Interface()
}

// Every key has a variable, and a variable changes its key and nothing else.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"esl.listen": "0.0.0.0:9000", "http.listen": "127.0.0.2:80", "http.auth_token": "a=b,c#d",
		"http.public_url": "https://h/x",
		"store":           "postgres://u:p@h/d", "accounts": "/etc/a",
		"default_account": "0123", "pivot.unknown_verb": "hangup", "media.dir": "m", "media.recordings": "r",
		"media.cache":      "c",
		"media.tts.engine": "cepstral", "media.tts.voice": "david", "dial.device": "user/{username}",
		"dial.sip":  "sofia/x/{uri}",
		"log.level": "debug", "log.format": "json",
	}
	lists := map[string]string{"esl.allow": "10.0.0.0/8, ::1/128 ,", "pivot.blocked": "",
		"pivot.allowed": "10.0.0.0/8,h:80"}
	others := map[string]struct {
		text string
		want any
	}{
		"esl.drain_seconds":        {"0", 0},
		"pivot.request_timeout_ms": {"1", 1},
		"pivot.max_body_bytes":     {"5000000000", int64(5000000000)},
		"pivot.max_requests":       {" 7 ", 7},
		"pivot.hangup_answers":     {"false", false},
		"pivot.empty_answers":      {"true", true},
		"pivot.dial_answers":       {"False", false},
		"media.tts.voices": {`{Polly.Joanna: slt, de: "cepstral/matthias"}`,
			map[string]string{"Polly.Joanna": "slt", "de": "cepstral/matthias"}},
		"dial.resources": {`[{match: '^1', dial: 'sofia/gateway/a/{number}'}, {"match": ".", "dial": "sofia/gateway/b/{number}"}]`, []Resource{{"^1", "sofia/gateway/a/{number}"}, {".", "sofia/gateway/b/{number}"}}},
	}
	wantLists := map[string][]string{"esl.allow": {"10.0.0.0/8", "::1/128"}, "pivot.blocked": {},
		"pivot.allowed": {"10.0.0.0/8", "h:80"}}
	for key, kind := range keys(reflect.TypeFor[Config](), "") {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			var text string
			var want any
			if value, ok := texts[key]; ok {
				text, want = value, value
			} else if value, ok := lists[key]; ok {
				text, want = value, wantLists[key]
			} else if c, ok := others[key]; ok {
				text, want = c.text, c.want
			} else {
				t.Fatalf("a %s that no test sets", kind)
			}
			variable := Prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
			for _, file := range []string{"", example} {
				c, err := Load(file, []string{"PATH=/bin", "OTHER_ESL_LISTEN=x", variable + "=" + text,
					"FSPIVOT_FREESWITCH=/usr/bin/freeswitch"})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, at(c, key)); diff != "" {
					t.Errorf("file %q: %s (-want +got):\n%s", file, key, diff)
				}
				for other := range keys(reflect.TypeFor[Config](), "") {
					if diff := cmp.Diff(at(Default(), other), at(c, other), cmpopts.EquateEmpty()); diff != "" &&
						other != key {
						t.Errorf("file %q: %s changed %s (-default +got):\n%s", file, variable, other, diff)
					}
				}
			}
		})
	}
}

// What is set takes the place of the default, lists and maps as a whole; what is not keeps it.
func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body        string
		environment []string
		want        func(*Config)
	}{
		"empty":          {body: "", want: func(*Config) {}},
		"comment":        {body: "# nothing\n", want: func(*Config) {}},
		"empty sections": {body: "esl:\npivot:\n  blocked:\n  max_requests: ~\n", want: func(*Config) {}},
		"one key":        {body: "pivot: {max_requests: 5}", want: func(c *Config) { c.Pivot.MaxRequests = 5 }},
		"no lists": {body: "pivot: {blocked: []}\nesl: {allow: []}\ndial: {resources: []}",
			want: func(c *Config) { c.Pivot.Blocked, c.ESL.Allow, c.Dial.Resources = nil, nil, nil }},
		"shorter list": {body: "pivot: {blocked: [10.0.0.0/8]}",
			want: func(c *Config) { c.Pivot.Blocked = []string{"10.0.0.0/8"} }},
		"list as text": {body: "pivot: {blocked: '10.0.0.0/8, h'}",
			want: func(c *Config) { c.Pivot.Blocked = []string{"10.0.0.0/8", "h"} }},
		"longer list": {body: "pivot:\n  allowed:\n  - a\n  - b:80\n",
			want: func(c *Config) { c.Pivot.Allowed = []string{"a", "b:80"} }},
		"other resource": {body: "dial: {resources: [{match: a, dial: 'x/{number}'}]}",
			want: func(c *Config) { c.Dial.Resources = []Resource{{"a", "x/{number}"}} }},
		"more resources": {body: "dial: {resources: [{match: a, dial: 'x/{number}'}, {match: b, dial: 'y/{number}'}]}",
			want: func(c *Config) { c.Dial.Resources = []Resource{{"a", "x/{number}"}, {"b", "y/{number}"}} }},
		"voices with dots": {body: "media: {tts: {voices: {Polly.Joanna: slt, '*': kal}}}",
			want: func(c *Config) { c.Media.TTS.Voices = map[string]string{"Polly.Joanna": "slt", "*": "kal"} }},
		"zero values": {body: "esl: {drain_seconds: 0}\npivot: {hangup_answers: false, dial_answers: false}",
			want: func(c *Config) { c.ESL.DrainSeconds, c.Pivot.HangupAnswers, c.Pivot.DialAnswers = 0, false, false }},
		"quoted number": {body: "default_account: '0123'\nhttp: {auth_token: '42'}",
			want: func(c *Config) { c.DefaultAccount, c.HTTP.AuthToken = "0123", "42" }},
		"anchors": {body: "accounts: &a x\nmedia: {dir: *a}",
			want: func(c *Config) { c.Accounts, c.Media.Dir = "x", "x" }},
		"environment over": {body: "log: {level: warn, format: json}",
			environment: []string{"FSPIVOT_LOG_LEVEL=error"},
			want:        func(c *Config) { c.Log.Level, c.Log.Format = "error", "json" }},
		"environment mends": {body: "http: {listen: '0.0.0.0:80'}", environment: []string{"FSPIVOT_HTTP_AUTH_TOKEN=t"},
			want: func(c *Config) { c.HTTP.Listen, c.HTTP.AuthToken = "0.0.0.0:80", "t" }},
		"empty variable": {environment: []string{"FSPIVOT_MEDIA_CACHE=", "FSPIVOT_ESL_ALLOW="},
			want: func(c *Config) { c.ESL.Allow = nil }},
		"last one counts": {environment: []string{"FSPIVOT_LOG_LEVEL=warn", "FSPIVOT_LOG_LEVEL=error"},
			want: func(c *Config) { c.Log.Level = "error" }},
		"not a variable": {environment: []string{"FSPIVOT_LOG_LEVEL", "XFSPIVOT_A=b", "fspivot_a=b"},
			want: func(*Config) {}},
		"null, then set": {body: "pivot:\n", environment: []string{"FSPIVOT_PIVOT_MAX_REQUESTS=3"},
			want: func(c *Config) { c.Pivot.MaxRequests = 3 }},
		"off loopback": {body: "http: {listen: ':8088', auth_token: secret}",
			want: func(c *Config) { c.HTTP.Listen, c.HTTP.AuthToken = ":8088", "secret" }},
		"loopback": {body: "http: {listen: '[::1]:0'}", want: func(c *Config) { c.HTTP.Listen = "[::1]:0" }},
		"loopback by name": {body: "http: {listen: 'LocalHost:1'}",
			want: func(c *Config) { c.HTTP.Listen = "LocalHost:1" }},
		"other loopback": {body: "http: {listen: '127.9.9.9:1'}",
			want: func(c *Config) { c.HTTP.Listen = "127.9.9.9:1" }},
		"no default account": {body: "default_account: ''", want: func(c *Config) { c.DefaultAccount = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := Default()
			c.want(&want)
			got, err := Parse("f.yaml", []byte(c.body), c.environment)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

// Every fault is told with its key and where it was set.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const pivot = "allowed, blocked, dial_answers, empty_answers, hangup_answers, max_body_bytes, max_requests, request_timeout_ms, unknown_verb"
	for _, c := range []struct {
		body        string
		environment []string
		want        []string
	}{
		{body: "pivto: {}", want: []string{"f.yaml:1: pivto: there is no such setting; there are accounts, default_account, dial, esl, http, log, media, pivot, store"}},
		{body: "# x\nlog: {level: info}\npivot:\n  blocked: []\n  timeout: 5\n",
			want: []string{"f.yaml:5: pivot.timeout: there is no such setting; there are " + pivot}},
		{body: "pivot.max_requests: 5", want: []string{"f.yaml:1: pivot.max_requests: there is no such setting; there are accounts, default_account, dial, esl, http, log, media, pivot, store"}},
		{body: "dial:\n  resources:\n  - match: a\n    dail: x\n",
			want: []string{"f.yaml:4: dial.resources[0].dail: there is no such setting; there are dial, match",
				"f.yaml:3: dial.resources[0].dial: …"}},
		{body: "a: 1\nb: 2\nesl: {c: 3}", want: []string{
			"f.yaml:1: a: there is no such setting; there are accounts, default_account, dial, esl, http, log, media, pivot, store",
			"f.yaml:2: b: there is no such setting; there are accounts, default_account, dial, esl, http, log, media, pivot, store",
			"f.yaml:3: esl.c: there is no such setting; there are allow, drain_seconds, listen"}},

		{body: "esl: 5", want: []string{"f.yaml:1: esl: it is a section: settings stand below it"}},
		{body: "esl: [a]", want: []string{"f.yaml:1: esl: it is a section: settings stand below it"}},
		{body: "store: {a: b}", want: []string{"f.yaml:1: store: text is wanted: put it in quotes"}},
		{body: "default_account: 0123", want: []string{"f.yaml:1: default_account: text is wanted: put it in quotes"}},
		{body: "http:\n  auth_token: 123456",
			want: []string{"f.yaml:2: http.auth_token: text is wanted: put it in quotes"}},
		{body: "pivot: {max_requests: many}",
			want: []string{"f.yaml:1: pivot.max_requests: a whole number is wanted, not many"}},
		{body: "pivot: {max_requests: 1.5}",
			want: []string{"f.yaml:1: pivot.max_requests: a whole number is wanted, not 1.5"}},
		{body: "pivot: {max_requests: '5'}",
			want: []string{"f.yaml:1: pivot.max_requests: a whole number is wanted, not 5"}},
		{body: "pivot: {max_requests: 99999999999999999999}",
			want: []string{"f.yaml:1: pivot.max_requests: a whole number is wanted, not 1e+20"}},
		{body: "pivot: {hangup_answers: 1}",
			want: []string{"f.yaml:1: pivot.hangup_answers: true or false is wanted, not 1"}},
		{body: "pivot: {hangup_answers: yes}",
			want: []string{"f.yaml:1: pivot.hangup_answers: true or false is wanted, not yes"}},
		{body: "pivot: {blocked: {a: b}}", want: []string{"f.yaml:1: pivot.blocked: a list is wanted"}},
		{body: "pivot:\n  blocked:\n  - h\n  - 5\n",
			want: []string{"f.yaml:2: pivot.blocked: [1]: text is wanted: put it in quotes"}},
		{body: "dial: {resources: x}", want: []string{"f.yaml:1: dial.resources: a list is wanted"}},
		{body: "dial: {resources: [x]}",
			want: []string{"f.yaml:1: dial.resources: [0]: it is a section: settings stand below it"}},
		{body: "media: {tts: {voices: [a]}}",
			want: []string{"f.yaml:1: media.tts.voices: names with texts are wanted: {name: text}"}},
		{body: "media: {tts: {voices: {a: 1}}}",
			want: []string{"f.yaml:1: media.tts.voices: a: text is wanted: put it in quotes"}},

		{body: "esl: {listen: '8084'}", want: []string{`f.yaml:1: esl.listen: "8084" is not host:port`}},
		{body: "esl: {listen: 'h:sip'}",
			want: []string{`f.yaml:1: esl.listen: "h:sip": the port is not a number below 65536`}},
		{body: "esl: {listen: 'h:65536'}",
			want: []string{`f.yaml:1: esl.listen: "h:65536": the port is not a number below 65536`}},
		{body: "esl: {allow: ['10.0.0.1', x]}", want: []string{`f.yaml:1: esl.allow: "10.0.0.1" is not a network such as 10.0.0.0/8`, `f.yaml:1: esl.allow: "x" is not a network such as 10.0.0.0/8`}},
		{body: "esl: {drain_seconds: -1}", want: []string{"f.yaml:1: esl.drain_seconds: -1 is below 0"}},
		{body: "http: {listen: '0.0.0.0:8088'}",
			want: []string{"f.yaml:1: http.listen: 0.0.0.0:8088 is not a loopback address: set http.auth_token"}},
		{body: "http: {listen: ':8088'}",
			want: []string{"f.yaml:1: http.listen: :8088 is not a loopback address: set http.auth_token"}},
		{body: "http: {listen: '[::]:8088'}",
			want: []string{"f.yaml:1: http.listen: [::]:8088 is not a loopback address: set http.auth_token"}},
		{body: "http: {listen: '10.0.0.1:8088'}",
			want: []string{"f.yaml:1: http.listen: 10.0.0.1:8088 is not a loopback address: set http.auth_token"}},
		{body: "http: {listen: 'localhost.example:8088'}",
			want: []string{"f.yaml:1: http.listen: localhost.example:8088 is not a loopback address: set http.auth_token"}},
		{body: "http: {public_url: 'pbx.example.com'}",
			want: []string{`f.yaml:1: http.public_url: "pbx.example.com": the scheme must be http or https`}},
		{body: "http: {public_url: 'https://u:secret@pbx.example.com'}",
			want: []string{"f.yaml:1: http.public_url: credentials, a query or a fragment have no place in it"}},
		{body: "http: {public_url: 'https://pbx.example.com/?a=1'}",
			want: []string{"f.yaml:1: http.public_url: credentials, a query or a fragment have no place in it"}},
		{body: "http: {listen: '127.0.0.1'}", want: []string{`f.yaml:1: http.listen: "127.0.0.1" is not host:port`}},
		{body: "http: {listen: ':8088', auth_token: '   '}",
			want: []string{"f.yaml:1: http.auth_token: a token has no blanks, and only ASCII characters"}},
		{body: "http: {auth_token: 's3cret\ttoken'}",
			want: []string{"f.yaml:1: http.auth_token: a token has no blanks, and only ASCII characters"}},
		{body: "store: 'mysql://u:s3cret@h'",
			want: []string{"f.yaml:1: store: it must begin with sqlite: or postgres://"}},
		{body: "accounts: ''", want: []string{"f.yaml:1: accounts: the folder has no name"}},
		{body: "default_account: ../x", want: []string{`f.yaml:1: default_account: "../x" is no account's folder`}},
		{body: "media: {dir: '', recordings: ' '}", want: []string{"f.yaml:1: media.dir: the folder has no name",
			"f.yaml:1: media.recordings: the folder has no name"}},
		{body: "media: {tts: {engine: 'a|b'}}",
			want: []string{`f.yaml:1: media.tts: speech engine "a|b": letters, digits, _, - and . may be used`}},
		{body: "media:\n  tts:\n    voices:\n      Polly.Joanna: a b\n",
			want: []string{`f.yaml:4: media.tts.voices.Polly.Joanna: speech voice "a b": letters, digits, _, - and . may be used`}},
		{body: "pivot: {request_timeout_ms: 0}",
			want: []string{"f.yaml:1: pivot.request_timeout_ms: 0 is not between 1 and 5000"}},
		{body: "pivot: {request_timeout_ms: 5001}",
			want: []string{"f.yaml:1: pivot.request_timeout_ms: 5001 is not between 1 and 5000"}},
		{body: "pivot: {max_body_bytes: 0}", want: []string{"f.yaml:1: pivot.max_body_bytes: 0 is not a size"}},
		{body: "pivot: {max_requests: 0}", want: []string{"f.yaml:1: pivot.max_requests: 0 is below 1"}},
		{body: "pivot: {unknown_verb: stop}",
			want: []string{`f.yaml:1: pivot.unknown_verb: "stop" is neither skip nor hangup`}},
		{body: "pivot: {blocked: [10.0.0.1, 'a b']}", want: []string{`f.yaml:1: pivot.blocked: "10.0.0.1" is an address: write it as a network, 10.0.0.1/32`, `f.yaml:1: pivot.blocked: "a b" is neither a network nor a host name`}},
		{body: "pivot: {allowed: ['h:0']}",
			want: []string{`f.yaml:1: pivot.allowed: "h:0" is neither a network nor a host name`}},
		{body: "dial:\n  resources:\n  - {match: '(', dial: 'x/{number}'}\n  - {match: '', dial: 'x/{number}'}\n",
			want: []string{
				"f.yaml:3: dial.resources[0].match: error parsing regexp: missing closing ): `(`",
				"f.yaml:4: dial.resources[1].match: it is empty, which would match everything"}},
		{body: "log: {level: loud}", want: []string{`f.yaml:1: log.level: "loud" is none of debug, info, warn, error`}},
		{body: "log: {level: Info}", want: []string{`f.yaml:1: log.level: "Info" is none of debug, info, warn, error`}},
		{body: "log: {format: xml}", want: []string{`f.yaml:1: log.format: "xml" is neither text nor json`}},

		{environment: []string{"FSPIVOT_ESL_LISTN=x"}, want: []string{"FSPIVOT_ESL_LISTN: there is no such setting"}},
		{environment: []string{"FSPIVOT_ESL=x", "FSPIVOT_=y", "FSPIVOT_STORE_X=z"},
			want: []string{"FSPIVOT_ESL: there is no such setting", "FSPIVOT_: there is no such setting",
				"FSPIVOT_STORE_X: there is no such setting"}},
		{environment: []string{"FSPIVOT_PIVOT_MAX_REQUESTS=many"},
			want: []string{"FSPIVOT_PIVOT_MAX_REQUESTS: pivot.max_requests: a whole number is wanted, not many"}},
		{environment: []string{"FSPIVOT_PIVOT_MAX_REQUESTS="},
			want: []string{"FSPIVOT_PIVOT_MAX_REQUESTS: pivot.max_requests: a whole number is wanted, not "}},
		{environment: []string{"FSPIVOT_PIVOT_EMPTY_ANSWERS=on"},
			want: []string{"FSPIVOT_PIVOT_EMPTY_ANSWERS: pivot.empty_answers: true or false is wanted, not on"}},
		{environment: []string{"FSPIVOT_LOG_LEVEL=loud"},
			want: []string{`FSPIVOT_LOG_LEVEL: log.level: "loud" is none of debug, info, warn, error`}},
		{body: "log: {level: loud}", environment: []string{"FSPIVOT_LOG_LEVEL=louder"},
			want: []string{`FSPIVOT_LOG_LEVEL: log.level: "louder" is none of debug, info, warn, error`}},
		{environment: []string{"FSPIVOT_PIVOT_BLOCKED=10.0.0.1"},
			want: []string{`FSPIVOT_PIVOT_BLOCKED: pivot.blocked: "10.0.0.1" is an address: write it as a network, 10.0.0.1/32`}},
		{environment: []string{"FSPIVOT_DIAL_RESOURCES=[{match: a, dail: b}]"},
			want: []string{"FSPIVOT_DIAL_RESOURCES: dial.resources: dial.resources[0].dail: there is no such setting; there are dial, match"}},
		{environment: []string{"FSPIVOT_DIAL_RESOURCES=[{match: a, dial: b}]"},
			want: []string{"FSPIVOT_DIAL_RESOURCES: dial.resources[0].dial: …"}},
		{environment: []string{"FSPIVOT_DIAL_RESOURCES=[{"},
			want: []string{"FSPIVOT_DIAL_RESOURCES: dial.resources: a list is wanted"}},
		{environment: []string{"FSPIVOT_MEDIA_TTS_VOICES=slt"},
			want: []string{"FSPIVOT_MEDIA_TTS_VOICES: media.tts.voices: names with texts are wanted: {name: text}"}},
		{environment: []string{"FSPIVOT_HTTP_LISTEN=0.0.0.0:80"},
			want: []string{"FSPIVOT_HTTP_LISTEN: http.listen: 0.0.0.0:80 is not a loopback address: set http.auth_token"}},
	} {
		t.Run(c.body+strings.Join(c.environment, " "), func(t *testing.T) {
			t.Parallel()
			_, err := Parse("f.yaml", []byte(c.body), c.environment)
			var got []string
			for _, e := range flatten(err) {
				if _, ok := errors.AsType[*Error](e); !ok {
					t.Errorf("%#v is no *Error", e)
				}
				text := e.Error()
				if i := len(got); i < len(c.want) {
					if start, ok := strings.CutSuffix(c.want[i], "…"); ok && strings.HasPrefix(text, start) {
						text = c.want[i] // the rest is package dialplan's
					}
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if strings.Contains(fmt.Sprint(err), "s3cret") || strings.Contains(fmt.Sprint(err), "123456") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

func TestParseRefusesWhatIsNotYAML(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"a: b: c", "\tx: y", "- a\n- b", "just text", "esl: {listen: a\n",
		"log: {level: info}\nlog: {format: json}\n", "esl: {allow: *none}"} {
		_, err := Parse("f.yaml", []byte(body), nil)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.File != "f.yaml" || !strings.HasPrefix(err.Error(), "f.yaml: ") {
			t.Errorf("%q: %v", body, err)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestErrorNamesItsPlace(t *testing.T) {
	t.Parallel()
	inner := errors.New("inner")
	for want, e := range map[string]*Error{
		"inner":            {Err: inner},
		"a.b: inner":       {Key: "a.b", Err: inner},
		"line 3: a: inner": {Line: 3, Key: "a", Err: inner},
		"f: a: inner":      {File: "f", Key: "a", Err: inner},
		"f:3: a: inner":    {File: "f", Line: 3, Key: "a", Err: inner},
		"V: a: inner":      {File: "f", Line: 3, Variable: "V", Key: "a", Err: inner},
	} {
		if e.Error() != want || !errors.Is(e, inner) {
			t.Errorf("%q, want %q", e, want)
		}
	}
}

// What the settings are made into.
func TestSettings(t *testing.T) {
	t.Parallel()
	c := Default()
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if got := c.Pivot.Timeout(); got != 5*time.Second {
		t.Errorf("timeout %s", got)
	}
	if _, err := c.Pivot.Policy(); err != nil {
		t.Error(err)
	}
	peers, err := c.ESL.Peers()
	if err != nil || fmt.Sprint(peers) != "[127.0.0.0/8 ::1/128]" {
		t.Errorf("peers %v, %v", peers, err)
	}
	routes, err := c.Dial.Parse()
	if err != nil {
		t.Fatal(err)
	}
	number, err := dialplan.ParseNumber("+15551230000")
	if err != nil {
		t.Fatal(err)
	}
	if len(routes.Resources) != 1 || !routes.Resources[0].Match.MatchString(string(number)) ||
		routes.Resources[0].Match.MatchString("911") {
		t.Errorf("resources %v", routes.Resources)
	}
	for _, l := range levels {
		if _, err := logrus.ParseLevel(l); err != nil {
			t.Error(err)
		}
	}
	c.Dial.Device, c.Dial.SIP = "", "sofia/a,b"
	if _, err := c.Dial.Parse(); err == nil || !strings.Contains(err.Error(), "dial.device: ") ||
		!strings.Contains(err.Error(), "dial.sip: ") {
		t.Errorf("templates that are none: %v", err)
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		http HTTP
		want string
	}{
		{HTTP{Listen: "127.0.0.1:8088"}, "http://127.0.0.1:8088"},
		{HTTP{Listen: "0.0.0.0:8088", PublicURL: "https://pbx.example.com"}, "https://pbx.example.com"},
		{HTTP{Listen: "0.0.0.0:8088", PublicURL: " https://pbx.example.com/voice// "}, "https://pbx.example.com/voice"},
	} {
		if got := c.http.Base(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.http, got, c.want)
		}
	}
}
