package pivot

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"fspivot/dialplan"
)

const testKey = "fspivot-test-key-7c2a"

// signed tells what is wrong with a request's signature, as a web server at base finds out; "": it is right.
func signed(base string, a asked) string {
	text := base + a.path
	if a.query != "" {
		text += "?" + a.query
	}
	if a.header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(a.body)
		if err != nil {
			return err.Error()
		}
		var pairs []string
		for name, values := range form {
			pairs = append(pairs, name+values[0])
		}
		slices.Sort(pairs)
		text += strings.Join(pairs, "")
	}
	mac := hmac.New(sha1.New, []byte(testKey))
	mac.Write([]byte(text))
	if want, got := base64.StdEncoding.EncodeToString(mac.Sum(nil)), a.header.Get("X-Twilio-Signature"); got != want {
		return fmt.Sprintf("%s: signature %q, want %q", a, got, want)
	}
	return ""
}

// Every request of a call whose account has a key is signed: the first, what verbs ask for, redirects, the fallback's, and
// those behind the hangup; the key is on no record. Source: twiml.md 3.8.
func TestSigned(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"form", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t)
			w.answer("/a", `<Response><Gather numDigits="2" action="b?x=%7e" method="POST"/></Response>`)
			w.handle("/b", redirect(307, "/c"))
			w.answer("/c", `<Response><Redirect>d#rc=1</Redirect></Response>`)
			w.handle("/d", redirect(302, "/e?y=1"))
			w.handle("/e", status(500))
			w.answer("/fallback", `<Response><Record action="f" method="POST" playBeep="false"/></Response>`)
			w.answer("/f", `<Response/>`)
			l := newLine()
			l.answered, l.typed = true, []dialplan.Digits{"42"}
			l.do = func(a dialplan.Application) (dialplan.Completion, dialplan.End) {
				return dialplan.Complete(a.Name(), "", nil), dialplan.End{How: dialplan.HungUp}
			}
			data := get(strings.Replace(w.URL, "http://", "http://user:pass@", 1) + "/a")
			data.Method, data.ReqFormat, data.ReqBodyFormat = http.MethodPost, formatTwiML, format
			data.FallbackURL, data.FallbackMethod = w.URL+"/fallback", http.MethodPost
			c := newCall(t, l)
			c.Key = testKey
			s := newService(t)
			_, _ = s.Run(t.Context(), c, data) // ends with the caller's hangup
			s.Close()
			diff(t, "requests", []string{"POST /a", "POST /b", "POST /c", "GET /d", "GET /e", "POST /fallback", "POST /f"}, w.lines())
			for _, a := range w.all() {
				if fault := signed(w.URL, a); fault != "" {
					t.Error(fault)
				}
				if (a.method == http.MethodPost && format == "json") != strings.Contains(a.query, "bodySHA256=") {
					t.Errorf("%s: query %q", a, a.query)
				}
			}
			for _, r := range c.Timeline.Records() {
				if all := fmt.Sprint(r); strings.Contains(all, testKey) {
					t.Errorf("a record shows the key: %s", all)
				}
			}
		})
	}
}

// Without a key nothing is signed, nor is a body's digest sent.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.answer("/a", "<Response/>")
	data := get(w.URL + "/a")
	data.Method, data.ReqBodyFormat = http.MethodPost, "json"
	run(t, newService(t), newCall(t, newLine()), data)
	got := w.all()[0]
	diff(t, "query", "", got.query)
	diff(t, "signature", []string(nil), got.header.Values("X-Twilio-Signature"))
}
