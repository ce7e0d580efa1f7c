package kazoojson

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"fspivot/egress"
)

// PivotData is the data of a pivot node, which asks a web server what to do. What it does is Run's Pivot.
//
//	{"module": "pivot", "data": {"voice_url": "https://app.example.com/a", "method": "post", "req_format": "twiml"}}
//
// A Callflow JSON answer takes the flow's place; when the first request failed, the flow goes on at "_". More than 5000
// in req_timeout_ms, and a header that may not be sent, are faults of a stored flow; in what a web server returned the
// time is held to 5 s, and the header left out. Whether a URL may be asked is seen when it is. The fallback keys are our
// own. Source: pivot.md 2, 3; twiml.md 3.5.
type PivotData struct {
	VoiceURL      string            // http or https
	Method        string            // "GET" or "POST", of the first request; default GET
	ReqFormat     string            // names of the parameters: "kazoo" or "twiml"; default kazoo
	ReqBodyFormat string            // of a POST: "form" or "json"; default form
	Timeout       time.Duration     // of one request; default 5 s
	Headers       map[string]string // custom_request_headers: X-…, in canonical form
	CDRURL        string            // where call detail records are sent, "": nowhere
	Debug         bool

	FallbackURL    string // asked once when a request fails, before the node gives up; "": nobody is
	FallbackMethod string // "GET" or "POST"; default Method; "" without FallbackURL
}

const maxRequestTime = 5 * time.Second

func parsePivot(d *Data) module {
	m := &PivotData{
		VoiceURL:      d.address("voice_url"),
		Method:        d.requestMethod("method", http.MethodGet),
		ReqFormat:     d.choice("req_format", "kazoo", "twiml"),
		ReqBodyFormat: d.choice("req_body_format", "form", "json"),
		Timeout:       d.requestTime(),
		Headers:       d.requestHeaders(),
		CDRURL:        d.address("cdr_url"),
		Debug:         d.boolean("debug", false),
		FallbackURL:   d.address("fallback_url"),
	}
	if m.VoiceURL == "" {
		d.fault("voice_url", "is missing")
	}
	if method := d.requestMethod("fallback_method", m.Method); m.FallbackURL != "" {
		m.FallbackMethod = method
	}
	return m
}

// address is an http or https URL, "" when there is none.
func (d *Data) address(key string) string {
	url := strings.TrimSpace(d.text(key, ""))
	if url != "" {
		if _, err := egress.ParseURL(url); err != nil {
			d.fault(key, "%w", err)
		}
	}
	return url
}

// choice is one of words, of which the first is the default. No other makes sense of a request.
func (d *Data) choice(key string, words ...string) string {
	value := d.text(key, words[0])
	if !slices.Contains(words, value) {
		d.fault(key, "%q is none of %s", clip(value), strings.Join(words, ", "))
		return words[0]
	}
	return value
}

// requestMethod is written get, post, GET or POST; in a stored flow any case will do.
func (d *Data) requestMethod(key, otherwise string) string {
	value := d.text(key, otherwise)
	method := strings.ToUpper(value)
	switch {
	case method != http.MethodGet && method != http.MethodPost:
		d.fault(key, "%q is neither get nor post", clip(value))
		return otherwise
	case value != method && value != strings.ToLower(value):
		d.lenient(key, "%q is read as %s", value, method)
	}
	return method
}

func (d *Data) requestTime() time.Duration {
	const key = "req_timeout_ms"
	n, there := d.whole(key)
	switch most := maxRequestTime.Milliseconds(); {
	case !there:
	case n > most && !d.strict:
		d.fault(key, "%d is over %d", n, most)
	case n > most, n <= 0:
		d.warn(key, "%d is not between 1 and %d: %d is used", n, most, most)
	default:
		return time.Duration(n) * time.Millisecond
	}
	return maxRequestTime
}

// requestHeaders are sent with requests to the origin of the voice URL. Of names that differ in case alone, the last by
// the alphabet counts.
func (d *Data) requestHeaders() map[string]string {
	const key = "custom_request_headers"
	given := d.object(key)
	if len(given) == 0 {
		return nil
	}
	headers := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value, err := requestHeader(name, given[name])
		switch {
		case err == nil:
			headers[http.CanonicalHeaderKey(name)] = value
		case d.strict:
			d.warn(key, "%v: it is left out", err)
		default:
			d.fault(key, "%w", err)
		}
	}
	return headers
}

func requestHeader(name string, value any) (string, error) {
	rest, ok := strings.CutPrefix(strings.ToUpper(name), "X-")
	if !ok || rest == "" || strings.ContainsFunc(rest, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) {
		return "", fmt.Errorf("%q is no header name that begins with X-", clip(name))
	}
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case json.Number, bool:
		text = fmt.Sprint(v)
	default:
		return "", fmt.Errorf("header %s: its value is no text", clip(name))
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "", fmt.Errorf("header %s: its value has a control character", clip(name))
	}
	return text, nil
}

func (m *PivotData) run(ctx context.Context, c *runner) (step, error) {
	got, err := c.Pivot(ctx, *m)
	switch {
	case err != nil:
		return stop(), err
	case got.Flow != nil:
		return replace(got.Flow), nil
	case got.Failed:
		return next(), nil
	case got.Left:
		return leave(), nil
	}
	return hardStop(), nil
}
