package egress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T) *Client {
	t.Helper()
	return newClient(t, mustPolicy(t, nil, nil), nil)
}

// reasonOf is an error's reason, "" for none, and fails the test over an error without one.
func reasonOf(t *testing.T, err error) Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%#v is no *Error", err)
	}
	return e.Reason
}

// echo answers with what it was asked, one line a fact.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s\n", r.Method, r.URL.RequestURI())
	for _, name := range []string{"User-Agent", "Accept", "Content-Type", "Content-Length", "Authorization", "Cookie",
		"X-One", "X-Two", "Y-Three", "Referer"} {
		for _, value := range r.Header.Values(name) {
			fmt.Fprintf(w, "%s: %s\n", name, value)
		}
	}
	if len(r.TransferEncoding) > 0 {
		fmt.Fprintf(w, "Transfer-Encoding: %s\n", r.TransferEncoding)
	}
	fmt.Fprintf(w, "\n%s", body)
}

func TestDo(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", echo)
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url     string
		request Request
		want    string
	}{
		"get": {"/a?b=c", Request{Method: "GET"}, "GET /a?b=c\nUser-Agent: fspivot/1.2\n\n"},
		"headers": {"/", Request{Method: "GET", Accept: "text/xml",
			Header: http.Header{"x-one": {"1"}, "X-Two": {"a", "b"}, "User-Agent": {"mine"}}},
			"GET /\nUser-Agent: fspivot/1.2\nAccept: text/xml\nX-One: 1\nX-Two: a\nX-Two: b\n\n"},
		"post": {"/p?x=1", Request{Method: "POST", Body: []byte("a=1"),
			ContentType: "application/x-www-form-urlencoded"},
			"POST /p?x=1\nUser-Agent: fspivot/1.2\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 3\n\na=1"},
		"post nothing": {"/", Request{Method: "POST"},
			"POST /\nUser-Agent: fspivot/1.2\nContent-Length: 0\n\n"},
		"get with an empty body": {"/", Request{Method: "GET", Body: []byte{}}, "GET /\nUser-Agent: fspivot/1.2\n\n"},
		"put a file": {"/", Request{Method: "PUT", File: file, ContentType: "audio/wav"},
			"PUT /\nUser-Agent: fspivot/1.2\nContent-Type: audio/wav\nContent-Length: 11\n\nfrom a file"},
		"fragment": {"/f#rc=3", Request{Method: "GET"}, "GET /f\nUser-Agent: fspivot/1.2\n\n"},
		"illegal query": {`/?q={"a b"}ö`, Request{Method: "GET"},
			"GET /?q=%7B%22a%20b%22%7D%C3%B6\nUser-Agent: fspivot/1.2\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.request.URL = mustParse(t, s.URL+c.url)
			response, err := open(t).Do(t.Context(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(response.Body)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if response.Status != 200 || response.URL.String() != c.request.URL.String() ||
				response.Method != c.request.Method || response.Redirects != nil {
				t.Errorf("response %+v", response)
			}
		})
	}
}

func TestDoCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		fmt.Fprintf(w, "%q %q %t %q", user, password, ok, r.URL.RequestURI())
	})
	for userinfo, want := range map[string]string{
		"":                       `"" "" false "/"`,
		"u:p@":                   `"u" "p" true "/"`,
		"u@":                     `"u" "" true "/"`,
		"@":                      `"" "" false "/"`,
		"us%20er:p%40:%2F+w%25@": `"us er" "p@:/+w%" true "/"`,
		"u:pässwort@":            `"u" "pässwort" true "/"`,
	} {
		response, err := get(t, open(t), "http://"+userinfo+s.Listener.Addr().String()+"/")
		if err != nil {
			t.Errorf("%s: %v", userinfo, err)
		} else if got := string(response.Body); got != want {
			t.Errorf("%s: the server sees %s, want %s", userinfo, got, want)
		}
	}
}

// A status is never an error. Source: pivot.md 9.
func TestDoStatus(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Location", "/elsewhere") // means nothing with these
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			_, _ = io.WriteString(w, "body")
		}
	})
	for status, body := range map[int]string{
		200: "body", 201: "body", 202: "body", 203: "body", 204: "", 206: "body", 300: "body", 304: "", 305: "body",
		400: "body", 401: "body",
		404: "body", 500: "body", 503: "body", 599: "body", 700: "body",
	} {
		response, err := get(t, open(t), s.URL+"/"+strconv.Itoa(status))
		if err != nil {
			t.Errorf("%d: %v", status, err)
			continue
		}
		if response.Status != status || string(response.Body) != body ||
			response.Header.Get("Location") != "/elsewhere" || response.Redirects != nil {
			t.Errorf("%d: response %+v", status, response)
		}
	}
	if got := len(s.seen()); got != 16 {
		t.Errorf("the server got %d requests", got)
	}
}

// Source: pivot.md 9.
func TestRedirects(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.RequestURI(), "/redirect/")
		if !ok {
			echo(w, r)
			return
		}
		status, to, _ := strings.Cut(rest, "/")
		code, _ := strconv.Atoi(status)
		w.Header().Set("Location", "/"+to)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "a body that is not the answer")
	})
	const form = "\nUser-Agent: fspivot/1.2\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 3\n\na=1"
	const bare = "\nUser-Agent: fspivot/1.2\n\n"
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/redirect/301/x?y", "GET /x?y" + bare},
		{"GET", "/redirect/302/x", "GET /x" + bare},
		{"GET", "/redirect/303/x", "GET /x" + bare},
		{"GET", "/redirect/307/x", "GET /x" + bare},
		{"GET", "/redirect/308/x", "GET /x" + bare},
		{"POST", "/redirect/301/x", "GET /x" + bare},
		{"POST", "/redirect/302/x", "GET /x" + bare},
		{"POST", "/redirect/303/x", "GET /x" + bare},
		{"POST", "/redirect/307/x", "POST /x" + form},
		{"POST", "/redirect/308/x", "POST /x" + form},
		{"PUT", "/redirect/301/x", "PUT /x" + form},
		{"PUT", "/redirect/302/x", "PUT /x" + form},
		{"PUT", "/redirect/303/x", "GET /x" + bare},
		{"PUT", "/redirect/308/x", "PUT /x" + form},
		{"POST", "/redirect/307/redirect/303/redirect/307/x", "GET /x" + bare},
		{"POST", "/redirect/308/redirect/307/redirect/308/redirect/307/redirect/308/x", "POST /x" + form}, // five
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			t.Parallel()
			r := Request{Method: c.method, URL: mustParse(t, s.URL+c.path)}
			if c.method != "GET" {
				r.Body, r.ContentType = []byte("a=1"), "application/x-www-form-urlencoded"
			}
			response, err := open(t).Do(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(response.Body)); diff != "" {
				t.Errorf("last request (-want +got):\n%s", diff)
			}
			line, _, _ := strings.Cut(c.want, "\n")
			if got := response.Method + " " + strings.TrimPrefix(response.URL.String(), s.URL); got != line {
				t.Errorf("response is of %q, want %q", got, line)
			}
			var hops []string
			for rest := c.path; strings.HasPrefix(rest, "/redirect/"); {
				_, to, _ := strings.Cut(strings.TrimPrefix(rest, "/redirect/"), "/")
				rest = "/" + to
				hops = append(hops, s.URL+rest)
			}
			if diff := cmp.Diff(hops, response.Redirects); diff != "" {
				t.Errorf("redirects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedirectsThatFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		location string // "": none; HOST is the server's
		status   int
		most     int
		want     string // PORT is the server's
		hits     int
	}{
		"loop": {location: "/", status: 302,
			want: "too_many_redirects: http://127.0.0.2:PORT/: over 5 redirects", hits: 6},
		"loop of 308": {location: "/", status: 308,
			want: "too_many_redirects: http://127.0.0.2:PORT/: over 5 redirects", hits: 6},
		"most": {location: "/", status: 302, most: 2,
			want: "too_many_redirects: http://127.0.0.2:PORT/: over 2 redirects", hits: 3},
		"no Location": {status: 302, want: "bad_redirect: http://127.0.0.2:PORT/: status 302 without Location",
			hits: 1},
		"none for 307": {status: 307, want: "bad_redirect: http://127.0.0.2:PORT/: status 307 without Location",
			hits: 1},
		"blocked": {location: "http://127.0.0.1:1/x", status: 302, hits: 1,
			want: "blocked: http://127.0.0.1:1/x: address 127.0.0.1 is blocked (pivot.blocked; pivot.allowed opens exceptions)"},
		"blocked, odd": {location: "http://2130706433/", status: 307, hits: 1,
			want: "blocked: http://2130706433/: address 127.0.0.1 is blocked (pivot.blocked; pivot.allowed opens exceptions)"},
		"blocked name": {location: "//LocalHost./x", status: 302, hits: 1,
			want: "blocked: http://localhost./x: host localhost is blocked (pivot.blocked)"},
		"blocked by its address": {location: "http://inside.test/", status: 302, hits: 1,
			want: "blocked: http://127.0.0.2:PORT/: address 127.0.0.1 is blocked (pivot.blocked; pivot.allowed opens exceptions)"},
		"other scheme": {location: "file:///etc/passwd", status: 302, hits: 1,
			want: `bad_redirect: http://127.0.0.2:PORT/: address "file:///etc/passwd": the scheme must be http or https`},
		"not a URL": {location: "http://h:99999/", status: 302, hits: 1,
			want: `bad_redirect: http://127.0.0.2:PORT/: address "http://h:99999/": port 99999 is not between 1 and 65535`},
		"secret in it": {location: "http://user:sec/secret@h/", status: 302, hits: 1,
			want: `bad_redirect: http://127.0.0.2:PORT/: address "…@h/": it cannot be read; characters such as / ? # % in a password must be encoded`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) {
				if c.location != "" {
					w.Header().Set("Location", c.location)
				}
				w.WriteHeader(c.status)
			})
			client := newClient(t, mustPolicy(t, defaults, nil),
				&nameServer{answers: map[string][]string{"inside.test": {"127.0.0.1"}}})
			_, err := client.Do(t.Context(), Request{Method: "GET",
				URL: mustParse(t, "http://user:secret@127.0.0.2:"+s.port), MaxRedirects: c.most})
			if want := strings.ReplaceAll(c.want, "PORT", s.port); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if got := len(s.seen()); got != c.hits {
				t.Errorf("the server got %d requests, want %d", got, c.hits)
			}
		})
	}
}

func TestRedirectsNotFollowed(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/x")
		w.WriteHeader(302)
	})
	response, err := open(t).Do(t.Context(), Request{Method: "GET", URL: mustParse(t, s.URL), MaxRedirects: -1})
	if err != nil || response.Status != 302 || response.Header.Get("Location") != "/x" || len(s.seen()) != 1 {
		t.Errorf("response %+v, %v, %d requests", response, err, len(s.seen()))
	}
}

// What is for one origin goes to no other, not even when a third sends it back. Source: pivot.md 2, 3.
func TestRedirectKeepsSecretsHome(t *testing.T) {
	t.Parallel()
	var home, away *server
	home = newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/here":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/away":
			http.Redirect(w, r, away.URL+"/end", http.StatusTemporaryRedirect)
		case "/round":
			http.Redirect(w, r, away.URL+"/back", http.StatusTemporaryRedirect)
		case "/named":
			http.Redirect(w, r, "http://v:w@"+away.Listener.Addr().String()+"/end", http.StatusTemporaryRedirect)
		default:
			echo(w, r)
		}
	})
	away = newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(w, r, home.URL+"/end", http.StatusTemporaryRedirect)
			return
		}
		echo(w, r)
	})
	const common = "Content-Type: text/plain\nContent-Length: 4\n"
	for path, want := range map[string]string{
		"/here":  "POST /end\nUser-Agent: fspivot/1.2\n" + common + "Authorization: Basic dTpw\nX-One: 1\nX-Two: 2\nY-Three: 3\n\nbody",
		"/away":  "POST /end\nUser-Agent: fspivot/1.2\n" + common + "Y-Three: 3\n\nbody",
		"/round": "POST /end\nUser-Agent: fspivot/1.2\n" + common + "Y-Three: 3\n\nbody",
		"/named": "POST /end\nUser-Agent: fspivot/1.2\n" + common + "Authorization: Basic djp3\nY-Three: 3\n\nbody",
	} {
		header := http.Header{"X-One": {"1"}, "x-two": {"2"}, "Y-Three": {"3"}}
		if path == "/away" {
			header["authorization"] = []string{"Bearer secret"} // a caller's own
		}
		response, err := open(t).Do(t.Context(), Request{Method: "POST",
			URL:  mustParse(t, "http://u:p@"+home.Listener.Addr().String()+path),
			Body: []byte("body"), ContentType: "text/plain", Header: header})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if diff := cmp.Diff(want, string(response.Body)); diff != "" {
			t.Errorf("%s: last request (-want +got):\n%s", path, diff)
		}
		if strings.Contains(fmt.Sprint(response.Redirects, response.URL), "v:w") {
			t.Errorf("%s: redirects %q show credentials", path, response.Redirects)
		}
		if len(header) < 3 {
			t.Errorf("%s: the caller's headers were changed to %v", path, header)
		}
	}
}

// peer is a server below HTTP: what it does with its nth connection, from 0, is a test's.
type peer struct {
	listener *net.TCPListener
	url      string
	count    atomic.Int32
}

func newPeer(t *testing.T, serve func(n int, conn *net.TCPConn)) *peer {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{listener: listener, url: "http://" + listener.Addr().String() + "/"}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			n := int(p.count.Add(1)) - 1
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(n, conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return p
}

// readRequest reads a request up to its body.
func readRequest(conn net.Conn) {
	var got []byte
	buffer := make([]byte, 4096)
	for !bytes.Contains(got, []byte("\r\n\r\n")) {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		got = append(got, buffer[:n]...)
	}
}

// reset closes a connection so that the other side sees a reset.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// hang holds a connection until the other side closes it.
func hang(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) }

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone"

// A request is sent once more when its connection failed before any byte of an answer, and never otherwise.
// Source: design, Rulings.
func TestRetries(t *testing.T) {
	t.Parallel()
	say := func(text string, end func(*net.TCPConn)) func(*net.TCPConn) {
		return func(conn *net.TCPConn) {
			readRequest(conn)
			_, _ = io.WriteString(conn, text)
			if end != nil {
				end(conn)
			}
		}
	}
	for name, c := range map[string]struct {
		serve   []func(*net.TCPConn) // connection by connection; the last one stays
		retries int
		want    Reason
		count   int32
	}{
		"answered":                  {[]func(*net.TCPConn){say(ok, nil)}, 1, "", 1},
		"reset at once":             {[]func(*net.TCPConn){reset}, 1, Reset, 2},
		"reset after the request":   {[]func(*net.TCPConn){say("", reset)}, 1, Reset, 2},
		"closed after the request":  {[]func(*net.TCPConn){say("", nil)}, 1, Reset, 2},
		"no retries":                {[]func(*net.TCPConn){say("", reset)}, 0, Reset, 1},
		"three retries":             {[]func(*net.TCPConn){say("", reset)}, 3, Reset, 4},
		"reset, then answered":      {[]func(*net.TCPConn){say("", reset), say(ok, nil)}, 1, "", 2},
		"closed, then answered":     {[]func(*net.TCPConn){say("", nil), say(ok, nil)}, 1, "", 2},
		"reset in the status line":  {[]func(*net.TCPConn){say("HTTP/1.1 20", reset)}, 1, Protocol, 1},
		"closed in the status line": {[]func(*net.TCPConn){say("HTTP/1.1 20", nil)}, 1, Protocol, 1},
		"closed in the headers":     {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nX: y\r\n", nil)}, 1, Truncated, 1},
		"reset in the headers":      {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nX: y\r\n", reset)}, 1, Truncated, 1},
		"closed in the body": {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
			nil)}, 1, Truncated, 1},
		"reset in the body": {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
			reset)}, 1, Truncated, 1},
		"closed in a chunk": {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort", nil)}, 1, Truncated, 1},
		"closed before a chunk": {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
			nil)}, 1, Truncated, 1},
		"reset after a 100":   {[]func(*net.TCPConn){say("HTTP/1.1 100 Continue\r\n\r\n", reset)}, 1, Reset, 1},
		"not HTTP":            {[]func(*net.TCPConn){say("SSH-2.0-OpenSSH\r\n\r\n", nil)}, 1, Protocol, 1},
		"switching protocols": {[]func(*net.TCPConn){say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", hang)}, 1, Protocol, 1},
		"headers without end": {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 70<<10),
			hang)}, 1, Protocol, 1},
		"two lengths": {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ndone", nil)}, 1, Protocol, 1},
		"500 is an answer": {[]func(*net.TCPConn){say("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", nil)}, 1,
			"", 1},
		"503 with Retry-After is": {[]func(*net.TCPConn){say("HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", nil)}, 1, "", 1},
		"accepts and hangs":       {[]func(*net.TCPConn){say("", hang)}, 1, Timeout, 1},
		"hangs in the headers":    {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nConte", hang)}, 1, Timeout, 1},
		"hangs in the body": {[]func(*net.TCPConn){say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
			hang)}, 1, Timeout, 1},
		"reset, then hangs": {[]func(*net.TCPConn){say("", reset), say("", hang)}, 1, Timeout, 2},
		"redirect shares the retry": {[]func(*net.TCPConn){reset,
			say("HTTP/1.1 302 Go\r\nLocation: /x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", nil), reset}, 1,
			Reset, 3},
		"redirect has it all": {[]func(*net.TCPConn){say("HTTP/1.1 302 Go\r\nLocation: /x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", nil), reset}, 1, Reset, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(n int, conn *net.TCPConn) { c.serve[min(n, len(c.serve)-1)](conn) })
			timeout := 10 * time.Second
			if c.want == Timeout {
				timeout = 150 * time.Millisecond
			}
			started := time.Now()
			_, err := open(t).Do(t.Context(), Request{Method: "POST", URL: mustParse(t, p.url), Body: []byte("a=1"),
				Retries: c.retries, Timeout: timeout})
			if got := reasonOf(t, err); got != c.want {
				t.Errorf("reason %q, want %q: %v", got, c.want, err)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if got := p.count.Load(); got != c.count {
				t.Errorf("%d connections, want %d", got, c.count)
			}
		})
	}
}

// Each attempt at a name looks it up anew, so that look-ups count attempts; nothing listens on 127.0.0.3.
func TestRetriesOfRefusedAndUnknown(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", nil)
	for name, c := range map[string]struct {
		answers []string
		retries int
		want    Reason
		count   int
	}{
		"refused":                   {[]string{"127.0.0.3"}, 1, Refused, 2},
		"refused, no retries":       {[]string{"127.0.0.3"}, 0, Refused, 1},
		"refused, then answered":    {[]string{"127.0.0.3", "127.0.0.1"}, 1, "", 2},
		"refused twice":             {[]string{"127.0.0.3", "127.0.0.3", "127.0.0.1"}, 1, Refused, 2},
		"unknown name":              {nil, 1, DNS, 2},
		"no address, then answered": {[]string{"", "127.0.0.1"}, 1, "", 2},
		"all refused":               {[]string{"127.0.0.3 127.0.0.4 127.0.0.5"}, 0, Refused, 1},
		"blocked":                   {[]string{"169.254.169.254"}, 1, Blocked, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &nameServer{answers: map[string][]string{}}
			if c.answers != nil {
				n.answers["web.test"] = c.answers
			}
			client := newClient(t, mustPolicy(t, nil, nil), n)
			_, err := client.Do(t.Context(), Request{Method: "GET", URL: mustParse(t, "http://web.test:"+s.port),
				Retries: c.retries})
			if got := reasonOf(t, err); got != c.want {
				t.Errorf("reason %q, want %q: %v", got, c.want, err)
			}
			if n.count() != c.count {
				t.Errorf("%d attempts, want %d", n.count(), c.count)
			}
		})
	}
}

// A server may close a connection that it kept just when the next request is on its way.
func TestRetriesOfKeptConnection(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]Reason{0: Reset, 1: ""} {
		for name, end := range map[string]func(*net.TCPConn){
			"closed":            func(*net.TCPConn) {},
			"closed on request": func(conn *net.TCPConn) { readRequest(conn) },
			"reset on request":  func(conn *net.TCPConn) { readRequest(conn); reset(conn) },
		} {
			p := newPeer(t, func(n int, conn *net.TCPConn) {
				readRequest(conn)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
				if n == 0 {
					end(conn)
					return
				}
				hang(conn)
			})
			client := open(t)
			for i := range 2 {
				_, err := client.Do(t.Context(), Request{Method: "POST", URL: mustParse(t, p.url), Body: []byte("a=1"),
					Retries: retries})
				got := reasonOf(t, err)
				if i == 0 && got != "" || i == 1 && got != "" && got != want {
					t.Errorf("%s, %d retries: request %d: reason %q: %v", name, retries, i, got, err)
				}
				if i == 1 && strings.HasSuffix(name, "on request") && got != want {
					t.Errorf("%s, %d retries: reason %q, want %q: %v", name, retries, got, want, err)
				}
			}
		}
	}
}

func TestDeadlineIsOne(t *testing.T) {
	t.Parallel()
	// Every piece is well in time, all of them are not.
	p := newPeer(t, func(_ int, conn *net.TCPConn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
	})
	started := time.Now()
	_, err := open(t).Do(t.Context(), Request{Method: "GET", URL: mustParse(t, p.url), Timeout: 200 * time.Millisecond})
	if took := time.Since(started); reasonOf(t, err) != Timeout || took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

// The caller's own deadline is a timeout as well; only a cancellation is one.
func TestCancel(t *testing.T) {
	t.Parallel()
	hungUp := errors.New("the caller hung up")
	for name, c := range map[string]struct {
		text string // that the server sends before it hangs
		end  func(context.Context) (context.Context, func())
		want Reason
	}{
		"before an answer": {"", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(hungUp) }
		}, Cancelled},
		"in the body": {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
			func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancelCause(ctx)
				return ctx, func() { cancel(hungUp) }
			}, Cancelled},
		"deadline": {"", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			t.Cleanup(cancel)
			return ctx, func() {}
		}, Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hanging := make(chan struct{})
			p := newPeer(t, func(_ int, conn *net.TCPConn) {
				readRequest(conn)
				_, _ = io.WriteString(conn, c.text)
				close(hanging)
				hang(conn)
			})
			ctx, cancel := c.end(t.Context())
			var ending sync.WaitGroup
			ending.Go(func() {
				<-hanging
				cancel()
			})
			started := time.Now()
			_, err := open(t).Do(ctx, Request{Method: "GET", URL: mustParse(t, p.url), Timeout: 30 * time.Second,
				Retries: 1})
			ending.Wait()
			if got := reasonOf(t, err); got != c.want {
				t.Errorf("reason %q, want %q: %v", got, c.want, err)
			}
			if c.want == Cancelled && !errors.Is(err, hungUp) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if p.count.Load() != 1 {
				t.Errorf("%d connections", p.count.Load())
			}
		})
	}
}

// A request that is cancelled before it starts asks nobody.
func TestCancelledBefore(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t).Do(ctx, Request{Method: "GET", URL: mustParse(t, s.URL), Retries: 1})
	if reasonOf(t, err) != Cancelled || len(s.seen()) != 0 {
		t.Errorf("%v, %d requests", err, len(s.seen()))
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	packed := func(n int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(make([]byte, n))
		_ = z.Close()
		return b.Bytes()
	}
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", strconv.Itoa(n))
			_, _ = w.Write(make([]byte, n))
		case "/chunks":
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(make([]byte, n))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed(n))
		}
	})
	for _, path := range []string{"/length", "/chunks", "/gzip"} {
		for n, want := range map[int]Reason{0: "", 999: "", 1000: "", 1001: TooLarge, 5000000: TooLarge} {
			response, err := open(t).Do(t.Context(), Request{Method: "GET",
				URL: mustParse(t, fmt.Sprintf("%s%s?n=%d", s.URL, path, n)), MaxBody: 1000})
			if got := reasonOf(t, err); got != want {
				t.Errorf("%s of %d: reason %q, want %q: %v", path, n, got, want, err)
			}
			if err == nil && len(response.Body) != n {
				t.Errorf("%s of %d: %d bytes", path, n, len(response.Body))
			}
		}
	}
	response, err := get(t, open(t), fmt.Sprintf("%s/length?n=%d", s.URL, DefaultMaxBody))
	if err != nil || len(response.Body) != DefaultMaxBody {
		t.Errorf("a body of the default limit: %v", err)
	}
	if _, err := get(t, open(t), fmt.Sprintf("%s/chunks?n=%d", s.URL, DefaultMaxBody+1)); reasonOf(t, err) != TooLarge {
		t.Errorf("a body over the default limit: %v", err)
	}
}

func TestFetchWrites(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Location", "/x")
			w.WriteHeader(302)
			_, _ = io.WriteString(w, "not this")
			return
		}
		_, _ = io.WriteString(w, "this")
	})
	var b strings.Builder
	response, err := open(t).Fetch(t.Context(), Request{Method: "GET", URL: mustParse(t, s.URL)}, &b)
	if err != nil || b.String() != "this" || response.Body != nil {
		t.Errorf("wrote %q, body %q, %v", b.String(), response.Body, err)
	}
	full := errors.New("no space left")
	if _, err = open(t).Fetch(t.Context(), Request{Method: "GET", URL: mustParse(t, s.URL)}, broken{full}); reasonOf(t,
		err) != Local || !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
	_, err = open(t).Do(t.Context(), Request{Method: "PUT", URL: mustParse(t, s.URL),
		File: filepath.Join(t.TempDir(), "none")})
	if reasonOf(t, err) != Local || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// A file is read anew for each attempt, and as long as it is then.
func TestFileIsSentAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, bytes.Repeat([]byte("0123456789"), 100000), 0o600); err != nil {
		t.Fatal(err)
	}
	var got atomic.Int64
	p := newPeer(t, func(n int, conn *net.TCPConn) {
		if n == 0 {
			readRequest(conn)
			reset(conn)
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			t.Error(err)
			return
		}
		size, _ := io.Copy(io.Discard, r.Body)
		got.Store(size)
		if r.ContentLength != size {
			t.Errorf("Content-Length %d, %d bytes", r.ContentLength, size)
		}
		_, _ = io.WriteString(conn, ok)
	})
	response, err := open(t).Do(t.Context(), Request{Method: "PUT", URL: mustParse(t, p.url), File: file, Retries: 1})
	if err != nil || response.Status != 200 || got.Load() != 1000000 || p.count.Load() != 2 {
		t.Errorf("%+v, %v: %d bytes at %d connections", response, err, got.Load(), p.count.Load())
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/in" {
			http.SetCookie(w, &http.Cookie{Name: "hop", Value: "1"})
			http.Redirect(w, r, "/out", http.StatusFound)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "end", Value: "2"})
		echo(w, r)
	})
	other := newServer(t, "127.0.0.2", echo)
	client := open(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url  string
		jar  http.CookieJar
		want string
	}{
		{s.URL + "/in", jar, "hop=1"},
		{s.URL + "/out", jar, "hop=1; end=2"},
		{s.URL + "/out", nil, ""},
		{other.URL + "/out", jar, ""},
	} {
		response, err := client.Do(t.Context(), Request{Method: "GET", URL: mustParse(t, c.url), Jar: c.jar})
		if err != nil {
			t.Fatal(err)
		}
		_, cookie, _ := strings.Cut(string(response.Body), "Cookie: ")
		cookie, _, _ = strings.Cut(cookie, "\n")
		if cookie != c.want {
			t.Errorf("%s: cookies %q, want %q", c.url, cookie, c.want)
		}
	}
}

// A proxy would be dialled past the policy.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	s := newServer(t, "127.0.0.1", nil)
	client := newClient(t, mustPolicy(t, nil, nil),
		&nameServer{answers: map[string][]string{"web.test": {"127.0.0.1"}}})
	if _, err := get(t, client, "http://web.test:"+s.port); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	serve := func(t *testing.T, c *tls.Config) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_,
				_ = io.WriteString(w, r.Proto)
		}))
		s.TLS, s.EnableHTTP2 = c, c == nil
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	plain := newServer(t, "127.0.0.1", nil)
	noise := newPeer(t, func(_ int, conn *net.TCPConn) { _, _ = io.WriteString(conn, "no TLS here\n"); hang(conn) })
	shut := newPeer(t, func(_ int, conn *net.TCPConn) { reset(conn) })
	silent := newPeer(t, func(_ int, conn *net.TCPConn) { hang(conn) })
	for name, c := range map[string]struct {
		config *tls.Config
		url    string // instead of a server of config
		host   string
		trust  bool
		want   Reason
		code   string
	}{
		"good":              {trust: true, host: "example.com"},
		"unknown authority": {host: "example.com", want: TLS, code: "11220"},
		"wrong name":        {trust: true, host: "wrong.test", want: TLS, code: "11220"},
		"too old": {config: &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
			trust: true, host: "example.com", want: TLS, code: "11220"},
		"wants certificate": {config: &tls.Config{ClientAuth: tls.RequireAnyClientCert}, trust: true,
			host: "example.com", want: TLS, code: "11220"},
		"wants it, TLS 1.2": {config: &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12},
			trust: true, host: "example.com", want: TLS, code: "11220"},
		"plain HTTP":         {url: plain.URL, want: TLS, code: "11220"},
		"no TLS":             {url: noise.url, want: TLS, code: "11220"},
		"reset in handshake": {url: shut.url, want: Reset, code: "11205"},
		"hangs in handshake": {url: silent.url, want: Timeout, code: "11200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, authorities := "", x509.NewCertPool()
			if c.url != "" {
				target = strings.Replace(c.url, "http:", "https:", 1)
			} else {
				s := serve(t, c.config)
				_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
				target = "https://" + c.host + ":" + port
				if c.trust {
					authorities.AddCert(s.Certificate())
				}
			}
			client := NewClient(Config{Policy: mustPolicy(t, nil, nil), RootCAs: authorities,
				Resolver: &nameServer{answers: map[string][]string{c.host: {"127.0.0.1"}}}})
			t.Cleanup(client.Close)
			timeout := 10 * time.Second
			if c.want == Timeout {
				timeout = 100 * time.Millisecond
			}
			response, err := client.Do(t.Context(), Request{Method: "GET", URL: mustParse(t, target), Timeout: timeout})
			if got := reasonOf(t, err); got != c.want {
				t.Fatalf("reason %q, want %q: %v", got, c.want, err)
			}
			if e, ok := errors.AsType[*Error](err); ok {
				if e.Code() != c.code {
					t.Errorf("code %s, want %s", e.Code(), c.code)
				}
			} else if string(response.Body) != "HTTP/2.0" {
				t.Errorf("spoken: %s", response.Body)
			}
		})
	}
}

// A request that fails leaves the connections of others alone.
func TestFailureKeepsConnections(t *testing.T) {
	t.Parallel()
	var fresh atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			fresh.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	client := newClient(t, mustPolicy(t, nil, nil),
		&nameServer{answers: map[string][]string{"refused.test": {"127.0.0.3"}}})
	for range 3 {
		if _, err := get(t, client, s.URL); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, client, "http://refused.test:1/"); reasonOf(t, err) != Refused {
			t.Fatal(err)
		}
	}
	if got := fresh.Load(); got != 1 {
		t.Errorf("%d connections for 3 requests", got)
	}
}

// stuck is a name server that never answers.
type stuck struct{ left chan struct{} }

func (s stuck) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	close(s.left)
	return nil, ctx.Err()
}

// net/http goes on connecting for a request that has given up: Close ends that.
func TestCloseEndsConnecting(t *testing.T) {
	t.Parallel()
	resolver := stuck{make(chan struct{})}
	client := NewClient(Config{Policy: mustPolicy(t, nil, nil), Resolver: resolver})
	_, err := client.Do(t.Context(), Request{Method: "GET", URL: mustParse(t, "http://web.test/"),
		Timeout: 30 * time.Millisecond})
	if reasonOf(t, err) != Timeout {
		t.Error(err)
	}
	select {
	case <-resolver.left:
		t.Error("the look-up ended by itself")
	default:
	}
	client.Close()
	select {
	case <-resolver.left:
	case <-time.After(5 * time.Second):
		t.Error("the look-up goes on")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	inner := errors.New("inner")
	for err, want := range map[*Error]string{
		{Reason: DNS, Err: inner}:                                 "dns: inner",
		{Reason: Blocked, URL: "http://h/", Err: inner}:           "blocked: http://h/: inner",
		{Reason: TooManyRedirects, URL: "http://h/x", Err: inner}: "too_many_redirects: http://h/x: inner",
	} {
		if err.Error() != want || !errors.Is(err, inner) {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	for _, r := range []Reason{BadURL, Blocked, DNS, Refused, Unreachable, TLS, Timeout, Reset, TooManyRedirects,
		BadRedirect, TooLarge, Truncated,
		Cancelled, Protocol, Local} {
		if (&Error{Reason: r}).Code() == "" {
			t.Errorf("reason %s has no code", r)
		}
	}
}

// No error shows credentials, however the request fails.
func TestNoErrorShowsCredentials(t *testing.T) {
	t.Parallel()
	resetting := newPeer(t, func(_ int, conn *net.TCPConn) { reset(conn) })
	noise := newPeer(t, func(_ int, conn *net.TCPConn) {
		readRequest(conn)
		_,
			_ = io.WriteString(conn, "noise\r\n\r\n")
	})
	silent := newPeer(t, func(_ int, conn *net.TCPConn) { hang(conn) })
	bad := newServer(t, "127.0.0.1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://other:s3cret@h:port/")
		w.WriteHeader(302)
	})
	client := newClient(t, mustPolicy(t, []string{"blocked.test"}, nil),
		&nameServer{answers: map[string][]string{"refused.test": {"127.0.0.3"}}})
	for _, c := range []struct {
		url    string
		header http.Header
	}{
		{resetting.url, nil}, {noise.url, nil}, {silent.url, nil}, {bad.URL, nil}, {"http://blocked.test/", nil},
		{"http://refused.test:1/", nil},
		{"http://unknown.test/", nil}, {strings.Replace(noise.url, "http:", "https:", 1), nil},
		{bad.URL, http.Header{"X-Bad": {"s3cret\r\nHost: x"}}},
		{bad.URL, http.Header{"X s3cret": {"a"}}},
	} {
		raw := strings.Replace(c.url, "://", "://user:s3cret@", 1)
		_, err := client.Do(t.Context(), Request{Method: "GET", URL: mustParse(t, raw), Timeout: 100 * time.Millisecond,
			Retries: 1, Header: c.header})
		if err == nil {
			t.Errorf("%s: no error", c.url)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if text := e.Error(); strings.Contains(text, "user:") || len(c.header) == 0 &&
				strings.Contains(text, "s3cret") || strings.Contains(text, "dXNlc") {
				t.Errorf("%s: shown: %s", c.url, text)
			}
		}
	}
}
