package kazoojson

import (
	"errors"
	"testing"
	"time"

	"fspivot/dialplan"
)

func TestPlay(t *testing.T) {
	t.Parallel()
	const url = "https://media.example.net/a.wav"
	answers := apps{dialplan.Answer{}, dialplan.Sleep{For: 100 * time.Millisecond}}
	stopped := result{response: "FILE PLAYED", vars: dialplan.Scripted{"playback_terminator_used": "#"}}
	played := result{response: "FILE PLAYED"}
	missing := result{response: "FILE NOT FOUND"}
	broken := result{response: "PLAYBACK ERROR"}
	for name, c := range map[string]struct {
		script
		data string
		want apps
		kept string
	}{
		"it answers and plays":           {data: `{"id": "` + url + `"}`, want: append(answers[:2:2], playback(url, "0123456789*#"))},
		"an answered call is not waited": {script: script{answered: true}, data: `{"id": "` + url + `"}`, want: apps{playback(url, "0123456789*#")}},
		"answer as a text":               {data: `{"id": "` + url + `", "answer": "false"}`, want: apps{playback(url, "0123456789*#")}},
		"answer null is the default":     {data: `{"id": "` + url + `", "answer": null}`, want: append(answers[:2:2], playback(url, "0123456789*#"))},
		"answer 0 is no false":           {data: `{"id": "` + url + `", "answer": 0}`, want: append(answers[:2:2], playback(url, "0123456789*#"))},
		"early media":                    {data: `{"id": "` + url + `", "answer": false}`, want: apps{playback(url, "0123456789*#")}},
		"nothing to play":                {data: `{}`},
		"an empty id":                    {data: `{"id": ""}`},
		"an id that is a number":         {script: script{answered: true}, data: `{"id": 5}`, want: apps{playback("5", "0123456789*#")}},
		"no key stops it":                {script: script{answered: true}, data: `{"id": "a", "terminators": []}`, want: apps{playback("a", "")}},
		"some keys, twice the same":      {script: script{answered: true}, data: `{"id": "a", "terminators": ["#", "1", "#"]}`, want: apps{playback("a", "#1")}},
		"what is no key is ignored":      {script: script{answered: true}, data: `{"id": "a", "terminators": ["#", "A", "12", "", "${x}"]}`, want: apps{playback("a", "#")}},
		"keys as one text":               {script: script{answered: true}, data: `{"id": "a", "terminators": "1#"}`, want: apps{playback("a", "1#")}},
		"another key does not stop it":   {script: script{answered: true, typed: map[string][]dialplan.Digits{"playback": {"5"}}}, data: `{"id": "a", "terminators": ["#"], "loop_count": 2}`, want: apps{playback("a", "#"), playback("a", "#")}, kept: "5"},
		"the key that stops it is kept":  {script: script{answered: true, typed: map[string][]dialplan.Digits{"playback": {"", "1#"}}}, data: `{"id": "a", "terminators": ["#"], "loop_count": 3}`, want: apps{playback("a", "#"), playback("a", "#")}, kept: "1#"},
		"the switch knows that it did":   {script: script{answered: true, results: map[string][]result{"playback": {played, stopped}}}, data: `{"id": "a", "loop_count": 3}`, want: apps{playback("a", "0123456789*#"), playback("a", "0123456789*#")}},
		"keys from before stop nothing":  {script: script{answered: true, digits: "9#"}, data: `{"id": "a", "loop_count": 2}`, want: apps{playback("a", "0123456789*#"), playback("a", "0123456789*#")}, kept: "9#"},
		"three times":                    {script: script{answered: true}, data: `{"id": "a", "terminators": [], "loop_count": "3"}`, want: apps{playback("a", ""), playback("a", ""), playback("a", "")}},
		"a file that is missing there":   {script: script{answered: true, results: map[string][]result{"playback": {missing}}}, data: `{"id": "a", "loop_count": 3}`, want: apps{playback("a", "0123456789*#")}},
		"media that can't be had":        {script: script{missing: "404"}, data: `{"id": "http://h/404.wav"}`, want: answers},
		"endless, until it breaks":       {script: script{answered: true, results: map[string][]result{"playback": {played, played, played, broken}}}, data: `{"id": "a", "endless_playback": true}`, want: apps{playback("a", ""), playback("a", ""), playback("a", ""), playback("a", "")}},
		"endless beats the count and keys": {script: script{answered: true, typed: map[string][]dialplan.Digits{"playback": {"#", "*"}}, results: map[string][]result{"playback": {played, played, missing}}},
			data: `{"id": "a", "endless_playback": "true", "loop_count": 2, "terminators": ["#"]}`, want: apps{playback("a", ""), playback("a", ""), playback("a", "")}, kept: "#*"},
		"dropped by the switch": {script: script{answered: true, results: map[string][]result{"playback": {{dropped: true}}}}, data: `{"id": "a", "loop_count": 5}`, want: apps{playback("a", "0123456789*#")}},
		"a tone":                {script: script{answered: true}, data: `{"id": "tone_stream://%(250,250,480,620);loops=4"}`, want: apps{playback("tone_stream://%(250,250,480,620);loops=4", "0123456789*#")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			if err := s.walk(t, action("play", c.data, "_", action("hangup", `{}`))); err != nil {
				t.Error(err)
			}
			s.expect(t, append(c.want, ended)...)
			if got := s.state.Collections["default"]; got != c.kept {
				t.Errorf("kept %q, want %q", got, c.kept)
			}
		})
	}
}

func TestPlayEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		want apps
		err  error
	}{
		"the caller hangs up":               {script: script{hangupAt: "playback"}, want: apps{playback("a", "")}},
		"while the media is being fetched":  {script: script{hangupAt: "file"}},
		"the process is to stop":            {script: script{cancelAt: "playback"}, want: apps{playback("a", "")}, err: errStopped},
		"it is to stop during the fetching": {script: script{cancelAt: "file"}, err: errStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			s.answered = true
			s.flows = map[string]string{"plays": action("play", `{"id": "a", "terminators": [], "loop_count": 3}`, "_", say("b"))}
			if err := s.walk(t, action("callflow", `{"id": "plays"}`, "_", say("c"))); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t, c.want...)
		})
	}
}

// Keys pressed for hours are not kept for ever.
func TestKeptDigitsAreBounded(t *testing.T) {
	t.Parallel()
	var keys []dialplan.Digits
	for range 100 {
		keys = append(keys, "1234567890")
	}
	s := script{answered: true, typed: map[string][]dialplan.Digits{"playback": keys}}
	if err := s.walk(t, action("play", `{"id": "a", "terminators": [], "loop_count": 100}`)); err != nil {
		t.Error(err)
	}
	if got := len(s.state.Collections["default"]); got != maxKept {
		t.Errorf("kept %d digits", got)
	}
}

func TestPlayFaults(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]string{
		`{"loop_count": 0}`:                       {"flow/data/loop_count"},
		`{"loop_count": "often"}`:                 {"flow/data/loop_count"},
		`{"loop_count": {}}`:                      {"flow/data/loop_count"},
		`{"id": {}}`:                              {"flow/data/id"},
		`{"terminators": {}}`:                     {"flow/data/terminators"},
		`{"terminators": [{}]}`:                   {"flow/data/terminators"},
		`{"id": "a", "terminators": ["A"]}`:       nil,
		`{"answer": "no", "endless_playback": 1}`: nil,
	} {
		same(t, data, want, faults(t, action("play", data), true))
	}
	m, warnings := moduleOf(t, "play", `{"id": "a", "loop_count": 0, "terminators": ["x"]}`, false)
	same(t, "stored", &play{Ref: "a", Answer: true, Times: 1}, m)
	same(t, "warnings", []string{`terminators: ["x"] are no keys (0-9 * #): they are ignored`, "loop_count: 0 is not between 1 and 1000000: 1 is used"}, warnings)
}
