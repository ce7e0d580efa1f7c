package esl

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEvent(t *testing.T) {
	t.Parallel()
	e := newEvent([]byte("Event-Name: CHANNEL_EXECUTE_COMPLETE\nUnique-ID: u-1\nApplication-UUID: a-1\n" +
		"Application: play_and_get_digits\nApplication-Data: 1%201%20%23%0A\nvariable_digits: %31%32\n" +
		"variable_digits_more: 9\nvariable_empty: \nvariable_bad: 5%25%zz%2\n" +
		"variable_twice: first\nvariable_twice: second\nEvent-Sequence: 690\nHuge: 99999999999999999999\nno header\n\n"))
	for what, got := range map[string][2]string{
		"Name":                    {e.Name(), "CHANNEL_EXECUTE_COMPLETE"},
		"UUID":                    {e.UUID(), "u-1"},
		"Get Application":         {e.Get("Application"), "play_and_get_digits"}, // Application-UUID comes first
		"Get Application-Data":    {e.Get("Application-Data"), "1 1 #\n"},
		"Get application":         {e.Get("application"), ""},
		"Get UUID":                {e.Get("UUID"), ""},
		"Get nothing":             {e.Get(""), ""},
		"Get no header":           {e.Get("no header"), ""},
		"Variable digits":         {e.Variable("digits"), "12"},
		"Variable digits_more":    {e.Variable("digits_more"), "9"},
		"Variable digits_":        {e.Variable("digits_"), ""},
		"Variable empty":          {e.Variable("empty"), ""},
		"Variable bad":            {e.Variable("bad"), "5%%zz%2"},
		"Variable twice":          {e.Variable("twice"), "first"},
		"Variable missing":        {e.Variable("missing"), ""},
		"Variable with no prefix": {e.Variable("Application"), ""},
	} {
		if got[0] != got[1] {
			t.Errorf("%s = %q, want %q", what, got[0], got[1])
		}
	}
	for name, want := range map[string]bool{
		"variable_empty": true, "variable_missing": false, "Unique-ID": true, "Unique": false, "no header": false, "": false,
	} {
		if got := e.Has(name); got != want {
			t.Errorf("Has(%q) = %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]int64{
		"Event-Sequence": 690, "variable_digits": 12, "Application": 0, "Huge": 0, "missing": 0,
	} {
		if got := e.Number(name); got != want {
			t.Errorf("Number(%q) = %d, want %d", name, got, want)
		}
	}
	if e.Body() != nil {
		t.Errorf("Body = %q, want none", e.Body())
	}
	type header struct{ Name, Value string }
	var all []header
	e.Each(func(name, value string) { all = append(all, header{name, value}) })
	if diff := cmp.Diff([]header{
		{"Event-Name", "CHANNEL_EXECUTE_COMPLETE"}, {"Unique-ID", "u-1"}, {"Application-UUID", "a-1"},
		{"Application", "play_and_get_digits"}, {"Application-Data", "1 1 #\n"}, {"variable_digits", "12"},
		{"variable_digits_more", "9"}, {"variable_empty", ""}, {"variable_bad", "5%%zz%2"},
		{"variable_twice", "first"}, {"variable_twice", "second"},
		{"Event-Sequence", "690"}, {"Huge", "99999999999999999999"},
	}, all); diff != "" {
		t.Errorf("Each (-want +got):\n%s", diff)
	}
}

func TestEventBody(t *testing.T) {
	t.Parallel()
	type parts struct {
		Name, Inside string // Inside is a header that only the body has
		Body         []byte
	}
	for text, want := range map[string]parts{
		"":                     {},
		"\n":                   {},
		"\n\n":                 {},
		"Event-Name: DTMF":     {Name: "DTMF"},
		"Event-Name: DTMF\n":   {Name: "DTMF"},
		"Event-Name: DTMF\n\n": {Name: "DTMF"},
		"Event-Name: BG\nContent-Length: 12\n\nInside: 1\n\nx": {Name: "BG", Body: []byte("Inside: 1\n\nx")},
		"Event-Name: DETECTED_SPEECH\nContent-Length: 1\n\n\n": {Name: "DETECTED_SPEECH", Body: []byte("\n")},
		"Event-Name: DTMF\r\nInside: 1\r\n\r\n":                {Name: "DTMF", Inside: "1"},
	} {
		e := newEvent([]byte(text))
		if diff := cmp.Diff(want, parts{e.Name(), e.Get("Inside"), e.Body()}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// A header is decoded each time that it is asked for, and asking changes nothing.
func TestEventIsNotChanged(t *testing.T) {
	t.Parallel()
	text := "Event-Name: DTMF\nA: %20%zz%\n\nbody%20"
	e := newEvent([]byte(text))
	for range 2 {
		if got := e.Get("A"); got != " %zz%" {
			t.Errorf("Get(A) = %q", got)
		}
		e.Each(func(string, string) {})
	}
	if got := string(e.head) + "\n" + string(e.body); got != text {
		t.Errorf("the event is %q now, it was %q", got, text)
	}
}

// The connect reply of every capture decodes as net/url decodes it.
func TestConnectRepliesDecode(t *testing.T) {
	t.Parallel()
	for _, c := range allCaptures(t) {
		e := &Event{head: headers(c.frames[0].Head)}
		seen := map[string]bool{}
		for line := range strings.Lines(c.frames[0].Head) {
			name, escaped, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			want, err := url.PathUnescape(escaped)
			if err != nil || seen[name] {
				t.Errorf("%s: header %q is no part of this test: %v", c.name, line, err)
			}
			seen[name] = true
			if got := e.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
			}
		}
		if len(seen) < 90 {
			t.Errorf("%s: %d headers in the reply to connect", c.name, len(seen))
		}
	}
}
