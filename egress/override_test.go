package egress

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// wish is what a fragment can change of a request.
type wish struct {
	Retries              int
	When                 When
	Connect, Read, Total time.Duration
}

func wishOf(r Request) wish {
	return wish{r.Retries, r.RetryWhen, r.ConnectTime, r.ReadTime, r.Timeout}
}

// Source: twiml.md 3.6.
func TestOverride(t *testing.T) {
	t.Parallel()
	const s, ms = time.Second, time.Millisecond
	for fragment, c := range map[string]struct {
		want     wish // of a request with one retry and 5 s
		problems []string
	}{
		"":                                    {want: wish{1, 0, 0, 0, 5 * s}},
		"section":                             {want: wish{1, 0, 0, 0, 5 * s}},
		"rc=2&rp=5xx&ct=2000&rt=4000&tt=4500": {want: wish{2, Status5xx, 2 * s, 4 * s, 4500 * ms}},
		"rc=0":                                {want: wish{0, 0, 0, 0, 5 * s}},
		"rc=5&rp=4xx,5xx":                     {want: wish{5, Status4xx | Status5xx, 0, 0, 5 * s}},
		"rp=ct%2Crt":                          {want: wish{1, NoConnection | Silence, 0, 0, 5 * s}},
		"rp=ALL":                              {want: wish{1, NoConnection | Silence | Status4xx | Status5xx, 0, 0, 5 * s}},
		"rc=1&rc=3":                           {want: wish{3, 0, 0, 0, 5 * s}},
		"ct=100&rt=100":                       {want: wish{1, 0, 100 * ms, 100 * ms, 5 * s}},
		"ct=10000&rt=15000":                   {want: wish{1, 0, 10 * s, 15 * s, 5 * s}},
		"tt=15000":                            {want: wish{1, 0, 0, 0, 5 * s}}, // never more than there is
		"tt=100":                              {want: wish{1, 0, 0, 0, 100 * ms}},
		"tt=300&tt=4000":                      {want: wish{1, 0, 0, 0, 300 * ms}},
		"e=ashburn&sni=n&&x":                  {want: wish{1, 0, 0, 0, 5 * s}, problems: []string{`connection setting "x" is not known: it is left out`}},
		"rc=6":                                {want: wish{5, 0, 0, 0, 5 * s}, problems: []string{"connection setting rc=6 is not between 0 and 5: 5 is used"}},
		"rc=-1":                               {want: wish{0, 0, 0, 0, 5 * s}, problems: []string{"connection setting rc=-1 is not between 0 and 5: 0 is used"}},
		"ct=99&rt=15001&tt=1": {want: wish{1, 0, 100 * ms, 15 * s, 100 * ms}, problems: []string{
			"connection setting ct=99 is not between 100 and 10000: 100 is used",
			"connection setting rt=15001 is not between 100 and 15000: 15000 is used",
			"connection setting tt=1 is not between 100 and 15000: 100 is used"}},
		"rc=&rt=2s": {want: wish{1, 0, 0, 0, 5 * s}, problems: []string{
			`connection setting rc="" is no whole number: it is left out`,
			`connection setting rt="2s" is no whole number: it is left out`}},
		"rp=5xx,never": {want: wish{1, Status5xx, 0, 0, 5 * s}, problems: []string{
			`connection setting rp="never" is none of ct, rt, 4xx, 5xx, all: it is left out`}},
		"RC=2": {want: wish{1, 0, 0, 0, 5 * s}, problems: []string{`connection setting "RC" is not known: it is left out`}},
		strings.Repeat("rc=2&", 16) + "rc=3": {want: wish{2, 0, 0, 0, 5 * s}, problems: []string{
			"connection setting number 17 and those behind it are left out"}},
	} {
		t.Run(fragment, func(t *testing.T) {
			t.Parallel()
			r := Request{URL: mustParse(t, "http://h/a?b#"+fragment), Retries: 1, Timeout: 5 * s}
			var problems []string
			for _, p := range r.Override() {
				problems = append(problems, p.Error())
			}
			if diff := cmp.Diff(c.want, wishOf(r)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// No text gets a request out of its bounds, or a fragment onto the wire.
func TestOverrideBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fragment := strings.Join(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"rc", "rp", "ct", "rt", "tt", "e", "x"}).Draw(t, "key") + "=" +
				rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,20}`), rapid.StringMatching(`[a-z0-9,%]{0,6}`)).Draw(t, "value")
		}), 0, 20).Draw(t, "pairs"), "&")
		u, err := ParseURL("http://h/a?b=c#" + fragment)
		if err != nil {
			t.Skip("no URL")
		}
		r := Request{URL: u, Retries: 1, Timeout: 3 * time.Second}
		r.Override()
		in := func(d, least, most time.Duration) bool { return d == 0 || d >= least && d <= most }
		if r.Retries < 0 || r.Retries > 5 || r.RetryWhen > NoConnection|Silence|Status4xx|Status5xx || !in(r.ConnectTime, 100*time.Millisecond, 10*time.Second) ||
			!in(r.ReadTime, 100*time.Millisecond, 15*time.Second) || r.Timeout < 100*time.Millisecond || r.Timeout > 3*time.Second {
			t.Fatalf("#%s: %+v", fragment, wishOf(r))
		}
		if r.Key = testKey; r.Target().String() != "http://h/a?b=c" {
			t.Fatalf("asked %s", r.Target())
		}
	})
}

func answer(status string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nRetry-After: 60\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
	}
}

func silent(conn *net.TCPConn) { readRequest(conn); hang(conn) }

// What is asked again, how often, and what becomes of it. Source: twiml.md 3.6; scenarios.md, W5 and W6.
func TestOverrideRetries(t *testing.T) {
	t.Parallel()
	slow := func(conn *net.TCPConn) { // its body never ends
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 503 No\r\nContent-Length: 4000\r\n\r\nwait")
		hang(conn)
	}
	cut := func(conn *net.TCPConn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
		reset(conn)
	}
	for name, c := range map[string]struct {
		fragment string
		serve    []func(*net.TCPConn) // connection by connection; the last one stays
		want     string               // status or reason
		attempts []string             // those that another followed
		count    int32
	}{
		"two lost, then an answer":  {"rc=3", []func(*net.TCPConn){reset, reset, answer("200 OK")}, "200", []string{"1 reset", "2 reset"}, 3},
		"one retry, always lost":    {"rc=1", []func(*net.TCPConn){reset}, "reset", []string{"1 reset"}, 2},
		"none at all":               {"rc=0", []func(*net.TCPConn){reset}, "reset", nil, 1},
		"404 with 5xx":              {"rc=2&rp=5xx", []func(*net.TCPConn){answer("404 No")}, "404", nil, 1},
		"404 with 4xx":              {"rc=2&rp=4xx", []func(*net.TCPConn){answer("404 No"), answer("200 OK")}, "200", []string{"1 404"}, 2},
		"503 with 5xx":              {"rc=2&rp=5xx", []func(*net.TCPConn){answer("503 No"), answer("200 OK")}, "200", []string{"1 503"}, 2},
		"503 for good":              {"rc=2&rp=5xx", []func(*net.TCPConn){answer("503 No")}, "503", []string{"1 503", "2 503"}, 3},
		"503 with a slow body":      {"rc=1&rp=5xx", []func(*net.TCPConn){slow, answer("200 OK")}, "200", []string{"1 503"}, 2},
		"503 without a policy":      {"rc=2", []func(*net.TCPConn){answer("503 No")}, "503", nil, 1},
		"lost with 5xx":             {"rc=2&rp=5xx", []func(*net.TCPConn){reset}, "reset", nil, 1},
		"silent with rt":            {"rc=1&rp=rt&rt=100", []func(*net.TCPConn){silent, answer("200 OK")}, "200", []string{"1 timeout"}, 2},
		"silent for good":           {"rc=2&rp=rt&rt=100", []func(*net.TCPConn){silent}, "timeout", []string{"1 timeout", "2 timeout"}, 3},
		"silent without a policy":   {"rc=2&rt=100", []func(*net.TCPConn){silent}, "timeout", nil, 1},
		"all of it":                 {"rc=5&rp=all&rt=100", []func(*net.TCPConn){reset, answer("500 No"), silent, answer("400 No"), answer("200 OK")}, "200", []string{"1 reset", "2 500", "3 timeout", "4 400"}, 5},
		"cut in its body":           {"rc=5&rp=all", []func(*net.TCPConn){cut}, "truncated", nil, 1},
		"tt ends it":                {"rc=5&rp=rt&rt=200&tt=300", []func(*net.TCPConn){silent}, "timeout", []string{"1 timeout"}, 2},
		"rt leaves the body alone":  {"rc=5&rp=all&rt=100", []func(*net.TCPConn){slowly}, "200", nil, 1},
		"rt is of the first byte":   {"rc=5&rp=all&rt=100", []func(*net.TCPConn){stutter}, "200", nil, 1},
		"the redirect shares them":  {"rc=1&rp=all", []func(*net.TCPConn){answer("500 No"), answer("302 Go\r\nLocation: /x"), answer("500 No")}, "500", []string{"1 500"}, 3},
		"an anchor is no policy":    {"rc", []func(*net.TCPConn){reset}, "reset", []string{"1 reset"}, 2},
		"an answer from the second": {"", []func(*net.TCPConn){reset, answer("200 OK")}, "200", []string{"1 reset"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(n int, conn *net.TCPConn) { c.serve[min(n, len(c.serve)-1)](conn) })
			var attempts []string
			r := Request{Method: "POST", URL: mustParse(t, p.url+"#"+c.fragment), Body: []byte("a=1"), ContentType: formType,
				Retries: 1, Timeout: 10 * time.Second, Again: func(a Attempt) {
					what := fmt.Sprint(a.Status)
					if a.Err != nil {
						what = string(reasonOf(t, a.Err))
					}
					attempts = append(attempts, fmt.Sprintf("%d %s", a.Number, what))
				}}
			r.Override()
			started := time.Now()
			response, err := open(t).Do(t.Context(), r)
			got := string(reasonOf(t, err))
			if err == nil {
				got = fmt.Sprint(response.Status)
				if response.Attempts != len(c.attempts)+1 {
					t.Errorf("answer of attempt %d, want %d", response.Attempts, len(c.attempts)+1)
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s: %v", got, c.want, err)
			}
			if diff := cmp.Diff(c.attempts, attempts); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
			if n := p.count.Load(); n != c.count {
				t.Errorf("%d connections, want %d", n, c.count)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// slowly begins an answer at once and ends it later than a short rt would allow.
func slowly(conn *net.TCPConn) {
	readRequest(conn)
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndo")
	<-time.After(250 * time.Millisecond)
	_, _ = io.WriteString(conn, "ne")
}

// stutter begins a status line at once and ends it later than a short rt would allow.
func stutter(conn *net.TCPConn) {
	readRequest(conn)
	_, _ = io.WriteString(conn, ok[:12])
	<-time.After(250 * time.Millisecond)
	_, _ = io.WriteString(conn, ok[12:])
}

// A connection that does not come about in time is tried again like one that was refused: here TLS hangs.
func TestOverrideConnectTime(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int32{"": 3, "&rp=ct": 3, "&rp=rt": 1} {
		p := newPeer(t, func(_ int, conn *net.TCPConn) { hang(conn) })
		r := Request{Method: "GET", URL: mustParse(t, "https"+strings.TrimPrefix(p.url, "http")+"#rc=2&ct=100"+policy), Timeout: 10 * time.Second}
		r.Override()
		_, err := open(t).Do(t.Context(), r)
		if reasonOf(t, err) != Timeout || !strings.Contains(err.Error(), "no connection within 100ms (ct)") {
			t.Errorf("%q: %v", policy, err)
		}
		if n := p.count.Load(); n != want {
			t.Errorf("%q: %d connections, want %d", policy, n, want)
		}
	}
}

// Attempts are alike to the byte, cookies and signature included, and the fragment is in none. Source: scenarios.md, W6, W8.
func TestRetriesAreAlike(t *testing.T) {
	t.Parallel()
	var got []string
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprint(r.Method, r.RequestURI, r.Header, string(body)))
		if len(got) < 4 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Method: "POST", URL: mustParse(t, s.URL+"/a?x=1#rc=3&rp=5xx"), Body: []byte("a=1"), ContentType: formType, Jar: jar,
		Key: testKey, Header: http.Header{"I-Twilio-Idempotency-Token": {"0815"}}}
	jar.SetCookies(&r.URL.u, []*http.Cookie{{Name: "session", Value: "7"}})
	r.Override()
	if _, err := open(t).Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || len(slices.Compact(slices.Clone(got))) != 1 {
		t.Errorf("requests differ: %q", got)
	}
	if !strings.Contains(got[0], "session=7") || strings.Contains(got[0], "rc=3") || !strings.Contains(got[0], "0815") {
		t.Errorf("request %s", got[0])
	}
}
