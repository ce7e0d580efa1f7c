package esl

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// constructors are all functions that make a Command, each with its texts in the order of its parameters.
var constructors = map[string]struct {
	texts []string
	make  func(s []string) (Command, error)
}{
	"Execute":     {[]string{"playback", "", "a-1"}, func(s []string) (Command, error) { return Execute(s[0], s[1], s[2]) }},
	"API":         {[]string{"uuid_break", "u-1 all"}, func(s []string) (Command, error) { return API(s[0], s[1]) }},
	"Filter":      {[]string{"Unique-ID", "u-1"}, func(s []string) (Command, error) { return Filter(s[0], s[1]) }},
	"Unfilter":    {[]string{"Unique-ID", "u-1"}, func(s []string) (Command, error) { return Unfilter(s[0], s[1]) }},
	"Subscribe":   {[]string{"DTMF", "CUSTOM fifo::info"}, func(s []string) (Command, error) { return Subscribe(s...) }},
	"Unsubscribe": {[]string{"DTMF", "CUSTOM fifo::info"}, func(s []string) (Command, error) { return Unsubscribe(s...) }},
}

// Every text of every constructor is refused with what ends a line or a string at the switch, wherever it stands.
// An application's argument is the exception: it is a body, where only NUL is refused.
func TestCommandsRefuse(t *testing.T) {
	t.Parallel()
	for name, c := range constructors {
		if _, err := c.make(c.texts); err != nil {
			t.Errorf("%s%q: %v", name, c.texts, err)
		}
		for i, good := range c.texts {
			argument := name == "Execute" && i == 1
			for _, bad := range []string{"\n", "\r", "\x00", "\r\n", "\n\nexit\n\n"} {
				if argument && !strings.Contains(bad, "\x00") {
					continue
				}
				middle := len(good) / 2
				for _, text := range []string{bad, bad + good, good + bad, good[:middle] + bad + good[middle:]} {
					texts := slices.Clone(c.texts)
					texts[i] = text
					if got, err := c.make(texts); err == nil || got != (Command{}) {
						t.Errorf("%s%q = %+v, %v; want a refusal", name, texts, got, err)
					}
				}
			}
		}
	}
}

// Text that the switch would take for another command than it is.
func TestCommandsRefuseOtherMeanings(t *testing.T) {
	t.Parallel()
	for what, make := range map[string]func() (Command, error){
		"no application":            func() (Command, error) { return Execute("", "x", "a-1") },
		"two applications":          func() (Command, error) { return Execute("play back", "x", "a-1") },
		"no uuid: no completion":    func() (Command, error) { return Execute("playback", "x", "") },
		"uuid with a tab":           func() (Command, error) { return Execute("playback", "x", "a\t1") },
		"no api command":            func() (Command, error) { return API("", "status") },
		"api command of two words":  func() (Command, error) { return API("uuid_kill u-1", "") },
		"filter without a header":   func() (Command, error) { return Filter("", "u-1") },
		"filter of two words":       func() (Command, error) { return Filter("Unique-ID u-2", "u-1") },
		"filter delete":             func() (Command, error) { return Filter("delete", "Unique-ID") },
		"filter add":                func() (Command, error) { return Filter("Add", "Unique-ID") },
		"delete all filters":        func() (Command, error) { return Unfilter("all", "u-1") },
		"delete a header's filters": func() (Command, error) { return Unfilter("Unique-ID", "") },
		"filter for nothing":        func() (Command, error) { return Filter("Unique-ID", "") },
		"no kind of event":          func() (Command, error) { return Subscribe() },
		"an empty kind of event":    func() (Command, error) { return Subscribe("") },
		"no kind of event to drop":  func() (Command, error) { return Unsubscribe() },
		"unload in an argument":     func() (Command, error) { return API("uuid_setvar", "u-1 v unload mod_event_socket") },
		"reload in any case":        func() (Command, error) { return API("uuid_setvar", "u-1 Mod_Event_Socket RELOAD") },
		"unload in a filter":        func() (Command, error) { return Filter("Unique-ID", "unload,mod_event_socket") },
	} {
		if got, err := make(); err == nil || got != (Command{}) {
			t.Errorf("%s: %+v, %v; want a refusal", what, got, err)
		}
	}
	for what, make := range map[string]func() (Command, error){
		"unload alone":          func() (Command, error) { return API("uuid_setvar", "u-1 name unload") },
		"the module alone":      func() (Command, error) { return API("module_exists", "mod_event_socket") },
		"api without arguments": func() (Command, error) { return API("status", "") },
		"both in an argument":   func() (Command, error) { return Execute("speak", "unload mod_event_socket", "a-1") },
	} {
		if _, err := make(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWireForm(t *testing.T) {
	t.Parallel()
	must := func(c Command, err error) string {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return c.wire
	}
	for _, test := range []struct{ got, want string }{
		{must(API("uuid_break", "u-1 all")), "api uuid_break u-1 all"},
		{must(API("status", "")), "api status "},
		{must(Filter("Unique-ID", "u-1")), "filter Unique-ID u-1"},
		{must(Unfilter("Unique-ID", "u-1")), "filter delete Unique-ID u-1"},
		{must(Subscribe("DTMF", "CUSTOM conference::maintenance")), "event plain DTMF CUSTOM conference::maintenance"},
		{must(Unsubscribe("DTMF", "CHANNEL_ANSWER")), "nixevent plain DTMF CHANNEL_ANSWER"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

// An execute's header lines have no order, everything else of it has: lines end in \r\n, the body follows the blank
// line untouched and its length is in bytes.
func TestWireFormOfExecute(t *testing.T) {
	t.Parallel()
	common := []string{"Call-Command: execute", "Content-Type: text/plain", "Event-Uuid: a-1",
		"Execute-App-Name: playback", "Loops: 1", "event-lock: true"}
	for argument, length := range map[string]int{
		"":                    0,
		"file.wav":            8,
		"two\nlines\r\n\r\n":  13,
		"\n\nexit\n\n":        8,
		" blanks and äöü ":    19,
		"Content-Length: 999": 19,
	} {
		c, err := Execute("playback", argument, "a-1")
		if err != nil {
			t.Errorf("%q: %v", argument, err)
		}
		head, body, found := strings.Cut(c.wire, "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		want := slices.Clone(common)
		if length > 0 {
			want = append(want, fmt.Sprint("Content-Length: ", length))
		}
		slices.Sort(want)
		got := slices.Clone(lines[1:])
		slices.Sort(got)
		if lines[0] != "sendmsg " || body != argument || found != (length > 0) {
			t.Errorf("%q: wire form %q", argument, c.wire)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: headers (-want +got):\n%s", argument, diff)
		}
		if c.app != "playback" || c.uuid != "a-1" || c.must {
			t.Errorf("%q: %+v", argument, c)
		}
	}
}

// Whatever the argument, the switch reads the commands that were sent and no other, with the argument as it was.
func TestCommandsCannotBecomeOthers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hostile := rapid.StringOf(rapid.SampledFrom([]rune("ab \t\r\n:${}\x00%ä")))
		var wire strings.Builder
		var want []sent
		for range rapid.IntRange(1, 5).Draw(t, "commands") {
			text := hostile.Draw(t, "text")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				c, err := Execute("speak", text, "a-1")
				if err != nil {
					continue
				}
				wire.WriteString(c.wire + "\n\n")
				headers := map[string]string{"call-command": "execute", "content-type": "text/plain", "event-uuid": "a-1",
					"execute-app-name": "speak", "loops": "1", "event-lock": "true"}
				if text != "" {
					headers["content-length"] = fmt.Sprint(len(text))
				}
				want = append(want, sent{"sendmsg", headers, text})
			case 1:
				c, err := API("uuid_setvar", text)
				if err != nil {
					continue
				}
				wire.WriteString(c.wire + "\n\n")
				want = append(want, sent{strings.TrimSpace("api uuid_setvar " + text), map[string]string{}, ""})
			case 2:
				c, err := Filter("Unique-ID", text)
				if err != nil {
					continue
				}
				wire.WriteString(c.wire + "\n\n")
				want = append(want, sent{strings.TrimSpace("filter Unique-ID " + text), map[string]string{}, ""})
			}
		}
		in := bufio.NewReader(strings.NewReader(wire.String()))
		var got []sent
		for {
			c, err := readSent(in)
			if err != nil {
				break
			}
			got = append(got, c)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: commands (-want +got):\n%s", wire.String(), diff)
		}
	})
}
