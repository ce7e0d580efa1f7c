package pivot

import (
	"net/http"
	"strings"
	"testing"

	"fspivot/egress"
)

// What an answer means: pivot.md 9 and 10, row by row.
func TestRead(t *testing.T) {
	const (
		say  = `<Response><Say>x</Say></Response>`
		play = `{"module": "tts", "data": {"text": "x"}}`
	)
	for _, c := range []struct {
		status int
		header string // Content-Type; "-": none
		body   string
		want   string // twiml, flow, nothing or failure
	}{
		{200, "text/xml", say, "twiml"},
		{200, "application/xml", say, "twiml"},
		{200, "application/json", play, "flow"},
		{200, "-", say, "twiml"},
		{200, "-", play, "failure"},
		{200, "", say, "twiml"},
		{200, "text/xml; charset=utf-8", say, "twiml"},
		{200, "text/xml;charset=UTF-8", "\xef\xbb\xbf" + say, "twiml"},
		{200, "application/json;charset=UTF-8", "\xef\xbb\xbf" + play, "flow"},
		{200, "Application/JSON", play, "flow"},
		{200, "TEXT/XML", say, "twiml"},
		{200, "text/xml, application/json", say, "twiml"},
		{200, "application/json; charset=", play, "flow"},
		{200, "text/html", play, "failure"},
		{200, "text/html", say, "failure"},
		{200, "text/json", play, "failure"},
		{200, "application/vnd.x+json", play, "failure"},
		{200, "text/xml; charset=utf-16", say, "failure"},
		{200, "text/xml; charset=iso-8859-1", "<Response><Say>gr\xfc\xdf</Say></Response>", "twiml"},
		{200, "text/xml", "<Response><Say>gr\xfc\xdf</Say></Response>", "failure"},
		{200, "text/xml", "", "nothing"},
		{200, "application/json", "", "nothing"},
		{200, "text/xml", " \r\n\t", "nothing"},
		{200, "text/xml", "<Response/>", "twiml"},
		{200, "text/xml", "<?xml version=\"1.0\"?><Response></Response>", "twiml"},
		{200, "text/xml", "<Response> <!-- x --> </Response>", "twiml"},
		{200, "text/xml", "<Response><Say>", "failure"},
		{200, "text/xml", "<Foo/>", "failure"},
		{200, "text/xml", "<response/>", "failure"},
		{200, "text/xml", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Response><Say>&a;</Say></Response>`, "failure"},
		{200, "application/json", `{"module": `, "failure"},
		{200, "application/json", play + "x", "failure"},
		{200, "application/json", "{}", "failure"},
		{200, "application/json", "[]", "failure"},
		{200, "application/json", "null", "failure"},
		{200, "application/json", "5", "failure"},
		{200, "application/json", `{"flow": ` + play + `}`, "failure"},
		{200, "application/json", `{"module": "nosuch", "data": {}}`, "failure"},
		{200, "application/json", `{"module": "tts", "data": {"text": "x"}, "children": {"_": {"module": "nosuch", "data": {}}}}`, "failure"},
		{200, "application/json", `{"module": "tts"}`, "failure"},
		{200, "application/json", `{"module": "tts", "data": {"text": "x"}, "children": {"_": {}}}`, "flow"},
		{200, "application/json", strings.Repeat(`{"module":"tts","data":{"text":"x"},"children":{"_":`, 5000) + "{}" + strings.Repeat("}}", 5000), "failure"},
		{201, "text/xml", say, "failure"}, {202, "text/xml", say, "failure"}, {204, "text/xml", "", "failure"}, {206, "text/xml", say, "failure"},
		{304, "text/xml", say, "failure"}, {404, "text/xml", say, "failure"}, {500, "text/xml", say, "failure"}, {600, "text/xml", say, "failure"},
	} {
		header := http.Header{}
		if c.header != "-" {
			header.Set("Content-Type", c.header)
		}
		a, _, err := read(&egress.Response{Status: c.status, Header: header, Body: []byte(c.body)})
		got := "nothing"
		switch {
		case err != nil:
			got = "failure"
		case a.twiml != nil:
			got = "twiml"
		case a.flow != nil:
			got = "flow"
		}
		if got != c.want {
			t.Errorf("%d %q %.60q: %s (%v), want %s", c.status, c.header, c.body, got, err, c.want)
		}
		if err != nil && (a.twiml != nil || a.flow != nil) {
			t.Errorf("%d %q %.60q: an answer beside an error", c.status, c.header, c.body)
		}
	}
}

// Of several Content-Type headers the first counts.
func TestReadFirstContentType(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json", "text/xml"}}
	a, _, err := read(&egress.Response{Status: 200, Header: header, Body: []byte(`{"module": "hangup", "data": {}}`)})
	if err != nil || a.flow == nil {
		t.Errorf("%v, %v", a, err)
	}
}
