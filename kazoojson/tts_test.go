package kazoojson

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"fspivot/dialplan"
)

func TestTTS(t *testing.T) {
	t.Parallel()
	const all = "0123456789*#"
	for name, c := range map[string]struct {
		script
		data     string
		want     apps
		spoken   []string
		kept     string
		problems []string
	}{
		"it answers and speaks":        {data: `{"text": "Welcome"}`, want: apps{dialplan.Answer{}, speak("Welcome", all)}, spoken: []string{"/de-de/"}},
		"voice, language, engine":      {data: `{"text": "Hi", "voice": "male", "language": "en-gb", "engine": "flite"}`, want: apps{dialplan.Answer{}, speak("Hi", all)}, spoken: []string{"male/en-gb/flite"}},
		"a number is a text":           {data: `{"text": 5}`, want: apps{dialplan.Answer{}, speak("5", all)}, spoken: []string{"/de-de/"}},
		"no key stops it":              {data: `{"text": "a", "terminators": []}`, want: apps{dialplan.Answer{}, speak("a", "")}, spoken: []string{"/de-de/"}},
		"some keys, and some typed":    {script: script{typed: map[string][]dialplan.Digits{"speak": {"21"}}}, data: `{"text": "a", "terminators": ["1"]}`, want: apps{dialplan.Answer{}, speak("a", "1")}, spoken: []string{"/de-de/"}, kept: "21"},
		"any text":                     {data: `{"text": "\"quotes\" | 'bars' \u00fc\u00df \u65e5\nline ${v}"}`, want: apps{dialplan.Answer{}, speak(`"quotes" | 'bars' üß 日 line $ v`, all)}, spoken: []string{"/de-de/"}},
		"nothing that can be said":     {data: `{"text": "{}\n"}`, want: apps{dialplan.Answer{}}},
		"no text, stored":              {data: `{}`, want: apps{dialplan.Answer{}}, problems: []string{"flow/data/text: is missing: nothing is said"}},
		"a long text, stored":          {data: `{"text": "` + strings.Repeat("a", 1001) + `"}`, want: apps{dialplan.Answer{}, speak(strings.Repeat("a", 1001), all)}, spoken: []string{"/de-de/"}, problems: []string{"flow/data/text: has 1001 characters, over 1000"}},
		"an unknown engine falls back": {script: script{mute: "voices"}, data: `{"text": "a", "engine": "google", "voice": "x"}`, want: apps{dialplan.Answer{}, speak("a", all)}, spoken: []string{"x/de-de/google", "/de-de/"}},
		"no speech at all": {script: script{mute: "all"}, data: `{"text": "a", "engine": "google"}`, want: apps{dialplan.Answer{}}, spoken: []string{"/de-de/google", "/de-de/"},
			problems: []string{"a text can't be spoken: no such voice"}},
		"no speech, nothing to fall back to": {script: script{mute: "all"}, data: `{"text": "a"}`, want: apps{dialplan.Answer{}}, spoken: []string{"/de-de/"}, problems: []string{"a text can't be spoken: no such voice"}},
		"endless, until a key": {script: script{typed: map[string][]dialplan.Digits{"speak": {"", "5", "#"}}}, data: `{"text": "a", "endless_playback": true, "terminators": ["#"]}`,
			want: apps{dialplan.Answer{}, speak("a", "#"), speak("a", "#"), speak("a", "#")}, spoken: []string{"/de-de/"}, kept: "5#"},
		"what an old play left is no key": {script: script{results: map[string][]result{"speak": {{vars: dialplan.Scripted{"playback_terminator_used": "#"}}, {dropped: true}}}}, data: `{"text": "a", "endless_playback": true}`,
			want: apps{dialplan.Answer{}, speak("a", all), speak("a", all)}, spoken: []string{"/de-de/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			s.state.Language = "de-de"
			if err := s.walk(t, action("tts", c.data, "_", action("hangup", `{}`))); err != nil {
				t.Error(err)
			}
			s.expect(t, append(c.want, ended)...)
			same(t, "speech", c.spoken, s.spoken)
			same(t, "problems", c.problems, s.problems())
			if got := s.state.Collections["default"]; got != c.kept {
				t.Errorf("kept %q, want %q", got, c.kept)
			}
		})
	}
}

// Keys of a speech are the first digits of what is collected next.
func TestTTSThenCollect(t *testing.T) {
	t.Parallel()
	s := script{typed: map[string][]dialplan.Digits{"speak": {"08"}}, collected: []dialplan.Collected{{Digits: "15"}}}
	if err := s.walk(t, action("tts", `{"text": "Your code"}`, "_", action("collect_dtmf", `{"max_digits": 4, "collection_name": "code"}`))); err != nil {
		t.Error(err)
	}
	same(t, "collections", map[string]string{"code": "0815"}, s.state.Collections)
}

func TestTTSEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script
		want apps
		err  error
	}{
		"the caller hangs up":           {script: script{hangupAt: "speak"}, want: apps{speak("a", "#")}},
		"the caller hangs up before":    {script: script{hangupAt: "speech"}},
		"the process is to stop":        {script: script{cancelAt: "speak"}, want: apps{speak("a", "#")}, err: errStopped},
		"the process is to stop before": {script: script{cancelAt: "speech"}, err: errStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.script
			s.answered = true
			if err := s.walk(t, action("tts", `{"text": "a", "engine": "x", "terminators": ["#"], "endless_playback": true}`, "_", say("b"))); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			s.expect(t, c.want...)
		})
	}
}

func TestTTSFaults(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]string{
		`{}`:                         {"flow/data/text"},
		`{"text": ""}`:               {"flow/data/text"},
		`{"text": {}}`:               {"flow/data/text", "flow/data/text"},
		`{"text": "a", "voice": []}`: {"flow/data/voice"},
		fmt.Sprintf(`{"text": %q}`, strings.Repeat("a", 1001)): {"flow/data/text"},
		fmt.Sprintf(`{"text": %q}`, strings.Repeat("ä", 1000)): nil,
	} {
		same(t, data[:min(len(data), 40)], want, faults(t, action("tts", data), true))
	}
}
