package api

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	id    = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	other = "6ba7b811-9dad-11d1-80b4-00c04fd430c8"
	sound = "0123456789"
)

// newHandler has a recording of account acme, one of account "two words", and what must not be served.
func newHandler(t *testing.T, token string) *Handler {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"recordings/acme/" + id + ".wav":      sound,
		"recordings/two words/" + id + ".wav": "two",
		"recordings/acme/notes.wav":           "secret",
		"recordings/" + id + ".wav":           "secret",
		"secret/" + id + ".wav":               "secret",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"recordings/link": "../secret", "recordings/acme/" + other + ".wav": "../../secret/" + id + ".wav",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "recordings/dir", id+".wav"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &Handler{Token: token, Recordings: filepath.Join(dir, "recordings")}
}

// ask sends a request as it is on the wire, "GET /path", with further header lines.
func ask(t *testing.T, h http.Handler, line string, headers ...string) *http.Response {
	t.Helper()
	text := line + " HTTP/1.1\r\n"
	if !strings.Contains(strings.Join(headers, "\n"), "Host:") {
		headers = append(headers, "Host: 127.0.0.1:8088")
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text + strings.Join(headers, "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Source: RFC 9457.
func checkProblem(t *testing.T, what string, r *http.Response, status int, detail string) {
	t.Helper()
	var got map[string]any
	body := bodyOf(t, r)
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Errorf("%s: %v in %q", what, err, body)
	}
	want := map[string]any{"status": float64(status), "title": http.StatusText(status), "detail": detail}
	if diff := cmp.Diff(want, got); diff != "" || r.StatusCode != status {
		t.Errorf("%s: status %d, problem (-want +got):\n%s", what, r.StatusCode, diff)
	}
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: content type %q", what, got)
	}
	if strings.Contains(body, "secret") || strings.Contains(body, "/recordings/") {
		t.Errorf("%s: told %s", what, body)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "token") // none is asked for here
	for _, c := range []struct {
		line, want string
		status     int
	}{
		{"GET /healthz", "ok\n", 200}, {"HEAD /healthz", "ok\n", 200}, {"GET /healthz/", "ok\n", 200},
		{"GET /healthz?x=1", "ok\n", 200},
		{"GET /readyz", "ready\n", 200}, {"GET //readyz", "ready\n", 200},
	} {
		r := ask(t, h, c.line, "Host: pivot.example.com")
		if got := bodyOf(t, r); r.StatusCode != c.status || got != c.want ||
			r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %q %v", c.line, r.StatusCode, got, r.Header)
		}
	}
	h.Drain()
	h.Drain()
	checkProblem(t, "readyz of a service that stops", ask(t, h, "GET /readyz"), 503, "the service is stopping")
	if r := ask(t, h, "GET /healthz"); r.StatusCode != 200 {
		t.Errorf("healthz of a service that stops: %d", r.StatusCode)
	}
	if r := ask(t, h, "GET /v2/accounts/acme/recordings/"+id, "X-Auth-Token: token"); r.StatusCode != 200 {
		t.Errorf("a recording of a service that stops: %d", r.StatusCode)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "token")
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"} {
		for _, path := range []string{"/healthz", "/readyz", "/v2/accounts/acme/recordings/" + id, "/nothing"} {
			r := ask(t, h, method+" "+path)
			checkProblem(t, method+" "+path, r, 405, "only GET and HEAD are served here")
			if got := r.Header.Get("Allow"); got != "GET, HEAD" {
				t.Errorf("%s %s: Allow %q", method, path, got)
			}
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "s3cret")
	path := "GET /v2/accounts/acme/recordings/" + id
	for _, headers := range [][]string{
		nil, {"X-Auth-Token:"}, {"X-Auth-Token: S3CRET"}, {"X-Auth-Token: s3cre"}, {"X-Auth-Token: s3cret2"},
		{"X-Auth-Token: wrong", "X-Auth-Token: s3cret"},
		{"Authorization: Bearer s3cret"}, {"Cookie: X-Auth-Token=s3cret"}, {"X-Auth-Token: s3cret, s3cret"},
	} {
		r := ask(t, h, path, headers...)
		checkProblem(t, strings.Join(headers, ", "), r, 401, "send the configured http.auth_token as X-Auth-Token")
		if got := r.Header.Get("WWW-Authenticate"); got != `X-Auth-Token realm="fspivot"` {
			t.Errorf("WWW-Authenticate %q", got)
		}
	}
	for _, line := range []string{path + "?auth_token=s3cret", "GET /v2/", "GET /v2/x",
		"GET /x/../v2/accounts/acme/recordings/" + id, "GET //v2/accounts/acme/recordings/" + id} {
		checkProblem(t, line, ask(t, h, line), 401, "send the configured http.auth_token as X-Auth-Token")
	}
	for _, headers := range [][]string{{"X-Auth-Token: s3cret"}, {"x-auth-token:  s3cret "},
		{"X-Auth-Token: s3cret", "Host: pivot.example.com"}} {
		if r := ask(t, h, path, headers...); r.StatusCode != 200 || bodyOf(t, r) != sound {
			t.Errorf("%q: %d", headers, r.StatusCode)
		}
	}
}

// Without a token a page in a browser on this machine must not come in by a name of its own.
func TestWithoutToken(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "")
	path := "GET /v2/accounts/acme/recordings/" + id
	for host, want := range map[string]int{
		"127.0.0.1:8088": 200, "127.0.0.1": 200, "127.9.9.9:1": 200, "localhost": 200, "LocalHost:8088": 200,
		"localhost.:1": 200, "[::1]:8088": 200, "[::1]": 200, "": 200,
		"evil.example": 421, "evil.example:8088": 421, "localhost.evil.example": 421, "10.0.0.1": 421,
		"[2001:db8::1]:8088": 421, "0.0.0.0": 421, "127.0.0.1.evil.example": 421,
	} {
		r := ask(t, h, path, "Host: "+host)
		if want == 421 {
			checkProblem(t, host, r, 421, "without http.auth_token only localhost is served")
		} else if r.StatusCode != want || bodyOf(t, r) != sound {
			t.Errorf("host %q: %d", host, r.StatusCode)
		}
	}
	if r := ask(t, h, path, "X-Auth-Token: anything"); r.StatusCode != 200 {
		t.Errorf("a token that nobody asked for: %d", r.StatusCode)
	}
}

func TestRecording(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "")
	modified := time.Unix(1e9, 0).UTC().Format(http.TimeFormat)
	later := time.Unix(1e9+1, 0).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		line    string
		headers []string
		status  int
		body    string
		length  string
		rng     string
	}{
		{line: "GET /v2/accounts/acme/recordings/" + id, status: 200, body: sound, length: "10"},
		{line: "GET /v2/accounts/acme/recordings/" + id + ".wav", status: 200, body: sound, length: "10"},
		{line: "GET /v2/accounts/acme/recordings/" + strings.ToUpper(id), status: 200, body: sound, length: "10"},
		{line: "GET /v2/accounts/acme/recordings/" + id + "/", status: 200, body: sound, length: "10"},
		{line: "GET /v2/accounts/acme/recordings/" + id + "?x=1", status: 200, body: sound, length: "10"},
		{line: "GET /v2/accounts/two%20words/recordings/" + id, status: 200, body: "two", length: "3"},
		{line: "HEAD /v2/accounts/acme/recordings/" + id, status: 200, body: "", length: "10"},
		{line: "GET /v2/accounts/acme/recordings/" + id, headers: []string{"Range: bytes=0-0"}, status: 206, body: "0",
			length: "1", rng: "bytes 0-0/10"},
		{line: "GET /v2/accounts/acme/recordings/" + id, headers: []string{"Range: bytes=2-4"}, status: 206,
			body: "234", length: "3", rng: "bytes 2-4/10"},
		{line: "GET /v2/accounts/acme/recordings/" + id, headers: []string{"Range: bytes=7-"}, status: 206, body: "789",
			length: "3", rng: "bytes 7-9/10"},
		{line: "GET /v2/accounts/acme/recordings/" + id, headers: []string{"Range: bytes=-2"}, status: 206, body: "89",
			length: "2", rng: "bytes 8-9/10"},
		{line: "GET /v2/accounts/acme/recordings/" + id, headers: []string{"Range: bytes=8-99"}, status: 206,
			body: "89", length: "2", rng: "bytes 8-9/10"},
		{line: "HEAD /v2/accounts/acme/recordings/" + id, headers: []string{"Range: bytes=2-4"}, status: 206,
			length: "3", rng: "bytes 2-4/10"},
		{line: "GET /v2/accounts/acme/recordings/" + id, headers: []string{"Range: bytes=2-4", "If-Range: " + later},
			status: 200, body: sound, length: "10"},
		{line: "GET /v2/accounts/acme/recordings/" + id, headers: []string{"If-Modified-Since: " + modified},
			status: 304},
	} {
		r := ask(t, h, c.line, c.headers...)
		body := bodyOf(t, r)
		if r.StatusCode != c.status || body != c.body || r.Header.Get("Content-Length") != c.length ||
			r.Header.Get("Content-Range") != c.rng {
			t.Errorf("%s %q: %d %q %v", c.line, c.headers, r.StatusCode, body, r.Header)
		}
		if c.status != 304 && (r.Header.Get("Content-Type") != "audio/wav" ||
			r.Header.Get("Accept-Ranges") != "bytes" || r.Header.Get("Cache-Control") != "private") {
			t.Errorf("%s %q: %v", c.line, c.headers, r.Header)
		}
	}
	r := ask(t, h, "GET /v2/accounts/acme/recordings/"+id, "Range: bytes=10-")
	if r.StatusCode != 416 || r.Header.Get("Content-Range") != "bytes */10" {
		t.Errorf("a range behind the end: %d %v", r.StatusCode, r.Header)
	}
	r = ask(t, h, "GET /v2/accounts/acme/recordings/"+id, "Range: bytes=0-1,4-5")
	if body := bodyOf(t, r); r.StatusCode != 206 || !strings.HasPrefix(r.Header.Get("Content-Type"),
		"multipart/byteranges") || !strings.Contains(body, "\r\n\r\n01\r\n") ||
		!strings.Contains(body, "\r\n\r\n45\r\n") {
		t.Errorf("two ranges: %d %v %q", r.StatusCode, r.Header, body)
	}
}

// Nothing but a recording is served, however it is asked for.
func TestRecordingRefuses(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "")
	const nothing, none = "there is nothing here", "there is no such recording"
	for path, detail := range map[string]string{
		"/":                                                               nothing,
		"/nothing":                                                        nothing,
		"/v2":                                                             nothing,
		"/v2/":                                                            nothing,
		"/v2/accounts":                                                    nothing,
		"/v2/accounts/acme":                                               nothing,
		"/v2/accounts/acme/recordings":                                    nothing,
		"/v2/accounts/acme/recordings/":                                   nothing,
		"/v2/accounts/acme/cdrs/" + id:                                    nothing,
		"/v2/users/acme/recordings/" + id:                                 nothing,
		"/v2/accounts/recordings/" + id:                                   nothing,
		"/v2/accounts//recordings/" + id:                                  nothing,
		"/v2/accounts/./recordings/" + id:                                 nothing,
		"/v2/accounts/../recordings/" + id:                                nothing,
		"/v2/accounts/%2e%2e/recordings/" + id:                            nothing,
		"/v2/accounts/../../recordings/" + id:                             nothing,
		"/v3/accounts/acme/recordings/" + id:                              nothing,
		"/recordings/acme/" + id:                                          nothing,
		"/recordings/acme/" + id + ".wav":                                 nothing,
		"/v2/accounts/a/b/recordings/" + id:                               nothing,
		"/v2/accounts/a%2Fb/recordings/" + id:                             nothing,
		"/v2/accounts/acme/recordings/x/" + id:                            nothing,
		"/v2/accounts/acme/recordings/" + other:                           none, // a link that leads out
		"/v2/accounts/link/recordings/" + id:                              none, // a folder that does
		"/v2/accounts/dir/recordings/" + id:                               none, // a folder in a recording's place
		"/v2/accounts/ACME/recordings/" + id:                              none,
		"/v2/accounts/none/recordings/" + id:                              none,
		"/v2/accounts/acme/recordings/notes":                              none,
		"/v2/accounts/acme/recordings/notes.wav":                          none,
		"/v2/accounts/acme/recordings/..":                                 nothing,
		"/v2/accounts/acme/recordings/..%2f..%2fsecret%2f" + id:           nothing,
		"/v2/accounts/acme/recordings/..%5c" + id:                         none,
		"/v2/accounts/..%5csecret/recordings/" + id:                       none,
		"/v2/accounts/acme/recordings/" + id + ".wav.wav":                 none,
		"/v2/accounts/acme/recordings/" + id + ".mp3":                     none,
		"/v2/accounts/acme/recordings/" + id + "%00":                      none,
		"/v2/accounts/acme%00/recordings/" + id:                           none,
		"/v2/accounts/acme/recordings/%7B" + id + "%7D":                   none,
		"/v2/accounts/acme/recordings/urn:uuid:" + id:                     none,
		"/v2/accounts/acme/recordings/" + strings.ReplaceAll(id, "-", ""): none,
		"/v2/accounts/acme/recordings/%252e%252e":                         none,
	} {
		checkProblem(t, path, ask(t, h, "GET "+path), 404, detail)
	}
	gone := &Handler{Recordings: filepath.Join(t.TempDir(), "none")}
	checkProblem(t, "no folder", ask(t, gone, "GET /v2/accounts/acme/recordings/"+id), 404, "there are no recordings")
}

// On a real connection too, where net/http has its own ideas of paths.
func TestServed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newHandler(t, ""))
	t.Cleanup(server.Close)
	for line, want := range map[string]string{
		"GET /v2/accounts/acme/recordings/" + id + " HTTP/1.1":                    "HTTP/1.1 200 OK",
		"HEAD /v2/accounts/acme/recordings/" + id + " HTTP/1.1":                   "HTTP/1.1 200 OK",
		"GET /v2/accounts/../../etc/passwd HTTP/1.1":                              "HTTP/1.1 404 Not Found",
		"GET /../../../etc/passwd HTTP/1.1":                                       "HTTP/1.1 404 Not Found",
		"POST /v2/accounts/acme/recordings/" + id + " HTTP/1.1":                   "HTTP/1.1 405 Method Not Allowed",
		"GET http://evil.example/v2/accounts/acme/recordings/" + id + " HTTP/1.1": "HTTP/1.1 421 Misdirected Request",
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, line+"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		got, err := io.ReadAll(conn)
		_ = conn.Close()
		if first, _, _ := strings.Cut(string(got), "\r\n"); err != nil || first != want {
			t.Errorf("%s: %q, %v", line, first, err)
		}
	}
}
