package media

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fspivot/dialplan"
)

// webServer answers with what handle says, and keeps what it was asked.
type webServer struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // "GET /path [validators]"
}

func newWeb(t *testing.T, handle http.HandlerFunc) *webServer {
	t.Helper()
	s := &webServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := r.Method + " " + r.URL.RequestURI()
		for _, name := range []string{"Authorization", "If-None-Match", "If-Modified-Since"} {
			if value := r.Header.Get(name); value != "" {
				line += " " + name + "=" + value
			}
		}
		s.mu.Lock()
		s.asked = append(s.asked, line)
		s.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *webServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

// play resolves a name and gives the content of the file that is played, or "" with an error.
func play(t *testing.T, c *Call, ref string) (string, error) {
	t.Helper()
	f, err := c.File(t.Context(), ref, nil)
	if err != nil {
		return "", err
	}
	body, err := os.ReadFile(f.String())
	if err != nil {
		t.Error(err)
	}
	return filepath.Ext(f.String()) + " " + string(body), nil
}

// expire makes what is kept of an address something to ask for again.
func expire(t *testing.T, l *Library, raw string) {
	t.Helper()
	key := mustURL(t, raw).CacheKey()
	e, ok := l.cache.entry(key)
	if !ok {
		t.Fatalf("%s is not in the cache", raw)
	}
	e.Until = time.Now().Add(-time.Second)
	if err := l.cache.write(key, e); err != nil {
		t.Fatal(err)
	}
}

// Source: twiml.md 4.2.
func TestFetchKind(t *testing.T) {
	t.Parallel()
	const riff = "RIFF\x24\x00\x00\x00WAVEfmt "
	for i, c := range []struct {
		path, contentType, body string
		status                  int
		want                    string // extension of the file, "" for none
		told                    string // part of the record
	}{
		{path: "/a", contentType: "audio/wav", body: "x", want: ".wav"},
		{path: "/a", contentType: "Audio/X-Wav; rate=8000", body: "x", want: ".wav"},
		{path: "/a", contentType: "audio/wave", body: "x", want: ".wav"},
		{path: "/a", contentType: "audio/vnd.wave", body: "x", want: ".wav"},
		{path: "/a.wav", contentType: "audio/mpeg", body: "x", want: ".mp3"},
		{path: "/a", contentType: "audio/mp3", body: "x", want: ".mp3"},
		{path: "/a", contentType: "audio/ogg;codecs=opus", body: "x", want: ".ogg"},
		{path: "/a", contentType: "audio/aiff", body: "x", want: ".aiff"},
		{path: "/a", contentType: "audio/x-aifc", body: "x", want: ".aiff"},
		{path: "/a", contentType: "audio/x-gsm", body: "x", want: ".gsm"},
		{path: "/a", contentType: "audio/gsm", body: "x", want: ".gsm"},
		{path: "/a", contentType: "audio/ulaw", body: "x", want: ".ul"},
		{path: "/a", contentType: "audio/basic", body: "x", want: ".au"},
		{path: "/a", contentType: "audio/flac", body: "x", want: ".flac"},
		{path: "/a.wav", contentType: "application/octet-stream", body: "x", want: ".wav"},
		{path: "/a.MP3?x=.wav", contentType: "binary/octet-stream", body: "x", want: ".mp3"},
		{path: "/a.ogg", contentType: "", body: "x", want: ".ogg"},
		{path: "/a.wav", contentType: "audio/unheard-of", body: "x", want: ".wav"},
		{path: "/a", contentType: "application/octet-stream", body: riff, want: ".wav"},
		{path: "/a.php", contentType: "", body: "ID3\x03", want: ".mp3"},
		{path: "/a", contentType: "audio/unheard-of", body: "\xff\xfb\x90", want: ".mp3"},
		{path: "/a", contentType: "", body: "OggS", want: ".ogg"},
		{path: "/a", contentType: "", body: "fLaC", want: ".flac"},
		{path: "/a.wav", contentType: "text/html", body: "<html>",
			told: `content type "text/html" is no audio that can be played`},
		{path: "/a.wav", contentType: "text/plain; charset=utf-8", body: riff, told: "is no audio"},
		{path: "/a.wav", contentType: "application/json", body: "{}", told: "is no audio"},
		{path: "/a.mp3", contentType: "video/mp4", body: "x", told: "is no audio"},
		{path: "/a.m4a", contentType: "audio/mp4", body: "x", told: "is no audio"},
		{path: "/a.sh", contentType: "application/octet-stream", body: "x", told: "is no audio"},
		{path: "/a.php", contentType: "", body: "x", told: "is no audio"},
		{path: "/a.wav", contentType: "audio/wav", body: "", told: "the answer is empty"},
		{path: "/a.wav", contentType: "audio/wav", body: "x", status: 404, told: "answered 404"},
		{path: "/a.wav", contentType: "audio/wav", body: "x", status: 500, told: "answered 500"},
		{path: "/a.wav", contentType: "audio/wav", body: "x", status: 206, told: "answered 206"},
		{path: "/a.wav", contentType: "audio/wav", body: "", status: 204, told: "answered 204"},
		{path: "/a.wav", contentType: "audio/wav", body: "", status: 304, told: "answered 304"}, // unasked
		{path: "/a.wav", contentType: "audio/wav", body: strings.Repeat("x", maxAudio+1), told: "too_large: "},
	} {
		t.Run(fmt.Sprint(i, c.path, c.contentType, c.status), func(t *testing.T) {
			t.Parallel()
			web := newWeb(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if c.contentType != "" {
					w.Header().Set("Content-Type", c.contentType)
				}
				if c.status != 0 {
					w.WriteHeader(c.status)
				}
				_, _ = w.Write([]byte(c.body))
			})
			l := newLibrary(t, nil)
			call := newCall(l)
			f, err := call.File(t.Context(), web.URL+c.path, nil)
			if got := filepath.Ext(f.String()); got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("extension %q, want %q: %v", got, c.want, err)
			}
			told := records(call)
			if len(told) != 1 || !strings.Contains(told[0], c.told) {
				t.Errorf("records %q, want %q", told, c.told)
			}
			left, err := os.ReadDir(l.Cache)
			if want := 2 * min(len(c.want), 1); err != nil || len(left) != want {
				t.Errorf("%d files in the cache, want %d: %v", len(left), want, err)
			}
		})
	}
}

// What was fetched is played without asking while it is fresh, and asked for with what the server named it by later.
func TestCache(t *testing.T) {
	t.Parallel()
	const yesterday = "Mon, 02 Jan 2006 15:04:05 GMT"
	type answer struct {
		status      int
		body        string
		contentType string
		header      map[string]string
	}
	type step struct {
		expire bool
		answer answer
		want   string // extension and content; "": it cannot be played
		asked  string // "": nobody was
	}
	tagged := map[string]string{"ETag": `"1"`, "Last-Modified": yesterday}
	for name, steps := range map[string][]step{
		"fresh": {{answer: answer{200, "one", "", nil}, want: ".wav one", asked: "GET /a"}, {want: ".wav one"},
			{want: ".wav one"}},
		"for a time": {{answer: answer{200, "one", "", map[string]string{"Cache-Control": "public, Max-Age=60"}},
			want: ".wav one", asked: "GET /a"}, {want: ".wav one"}},
		"never fresh": {
			{answer: answer{200, "one", "", map[string]string{"Cache-Control": "no-cache", "ETag": `"1"`}},
				want: ".wav one", asked: "GET /a"},
			{answer: answer{304, "", "", map[string]string{"Cache-Control": "no-cache"}}, want: ".wav one",
				asked: `GET /a If-None-Match="1"`},
			{answer: answer{200, "two", "", map[string]string{"Cache-Control": "max-age=0"}}, want: ".wav two",
				asked: `GET /a If-None-Match="1"`},
			{answer: answer{200, "three", "", map[string]string{"Cache-Control": "max-age=nonsense"}},
				want: ".wav three", asked: "GET /a"},
			{answer: answer{200, "four", "", map[string]string{"Cache-Control": "no-store"}}, want: ".wav four",
				asked: "GET /a"},
			{answer: answer{200, "five", "", nil}, want: ".wav five", asked: "GET /a"},
			{want: ".wav five"},
		},
		"not modified": {
			{answer: answer{200, "one", "", tagged}, want: ".wav one", asked: "GET /a"},
			{expire: true, answer: answer{304, "", "", nil}, want: ".wav one",
				asked: `GET /a If-None-Match="1" If-Modified-Since=` + yesterday},
			{want: ".wav one"}, // fresh again
			{expire: true, answer: answer{200, "two", "", map[string]string{"ETag": `"2"`}}, want: ".wav two",
				asked: `GET /a If-None-Match="1" If-Modified-Since=` + yesterday},
			{expire: true, answer: answer{304, "", "", nil}, want: ".wav two", asked: `GET /a If-None-Match="2"`},
		},
		"without a name": {
			{answer: answer{200, "one", "", nil}, want: ".wav one", asked: "GET /a"},
			{expire: true, answer: answer{200, "two", "", nil}, want: ".wav two", asked: "GET /a"},
		},
		"other type": {
			{answer: answer{200, "one", "audio/wav", nil}, want: ".wav one", asked: "GET /a"},
			{expire: true, answer: answer{200, "two", "audio/mpeg", nil}, want: ".mp3 two", asked: "GET /a"},
			{want: ".mp3 two"},
			{expire: true, answer: answer{200, "three", "audio/wav", nil}, want: ".wav three", asked: "GET /a"},
			{want: ".wav three"},
		},
		"gone": {
			{answer: answer{200, "one", "", tagged}, want: ".wav one", asked: "GET /a"},
			{expire: true, answer: answer{404, "", "", nil},
				asked: `GET /a If-None-Match="1" If-Modified-Since=` + yesterday},
			{answer: answer{200, "two", "", nil}, want: ".wav two",
				asked: `GET /a If-None-Match="1" If-Modified-Since=` + yesterday},
		},
		"not audio any more": {
			{answer: answer{200, "one", "", tagged}, want: ".wav one", asked: "GET /a"},
			{expire: true, answer: answer{200, "<html>", "text/html", nil},
				asked: `GET /a If-None-Match="1" If-Modified-Since=` + yesterday},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now answer
			web := newWeb(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "audio/wav")
				if now.contentType != "" {
					w.Header().Set("Content-Type", now.contentType)
				}
				for name, value := range now.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(now.status)
				_, _ = w.Write([]byte(now.body))
			})
			l := newLibrary(t, nil)
			var want []string
			for i, s := range steps {
				if s.expire {
					expire(t, l, web.URL+"/a")
				}
				now = s.answer
				got, err := play(t, newCall(l), web.URL+"/a")
				if got != s.want || (err != nil) != (s.want == "") {
					t.Errorf("step %d: %q, want %q: %v", i, got, s.want, err)
				}
				if s.asked != "" {
					want = append(want, s.asked)
				}
				same(t, fmt.Sprintf("step %d: requests", i), want, web.requests())
				if files, err := os.ReadDir(l.Cache); err != nil || len(files) != 2 { // the audio and what is known of it
					t.Errorf("step %d: %d files, %v", i, len(files), err)
				}
			}
		})
	}
}

func TestFresh(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]time.Duration{
		"": freshFor, "public": freshFor, "max-age=10": 10 * time.Second, `max-age="10"`: 10 * time.Second,
		"private, max-age=5, x": 5 * time.Second,
		"max-age=31536000":      freshAtMost, "max-age=99999999999": 0, "max-age=-1": 0, "max-age": 0, "no-store": 0,
		"max-age=0": 0, "No-Cache": 0,
		"s-maxage=10": freshFor,
	} {
		before := time.Now()
		got := fresh(http.Header{"Cache-Control": {control}}).Sub(before)
		if got < want || got > want+time.Second {
			t.Errorf("%q: fresh for %s, want %s", control, got, want)
		}
	}
}

// Credentials make another address: what one account may hear, another may not.
func TestCacheKeepsCredentialsApart(t *testing.T) {
	t.Parallel()
	web := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		user, _, ok := r.BasicAuth()
		if !ok {
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte("for " + user))
	})
	l := newLibrary(t, nil)
	for _, c := range []struct{ userinfo, want string }{{"a:b@", ".wav for a"}, {"c:d@", ".wav for c"}, {"", ""},
		{"a:b@", ".wav for a"}} {
		got, err := play(t, newCall(l), strings.Replace(web.URL, "://", "://"+c.userinfo, 1)+"/x")
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q: %q, want %q: %v", c.userinfo, got, c.want, err)
		}
	}
	if got := web.requests(); len(got) != 3 {
		t.Errorf("requests %q", got)
	}
}

// Two calls that want one address wait for one fetch; it goes on when one of them hangs up, and ends when both do.
func TestFetchIsShared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hangUp [2]bool
		want   [2]string
	}{
		"both stay":       {want: [2]string{".wav audio", ".wav audio"}},
		"first hangs up":  {hangUp: [2]bool{true, false}, want: [2]string{"", ".wav audio"}},
		"second hangs up": {hangUp: [2]bool{false, true}, want: [2]string{".wav audio", ""}},
		"both hang up":    {hangUp: [2]bool{true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release, cancelled := make(chan struct{}), make(chan struct{})
			web := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-release:
				case <-r.Context().Done():
					close(cancelled)
					return
				}
				w.Header().Set("Content-Type", "audio/wav")
				_, _ = w.Write([]byte("audio"))
			})
			l := newLibrary(t, nil)
			key := mustURL(t, web.URL+"/a").CacheKey()
			var calls sync.WaitGroup
			var got [2]string
			var errs [2]error
			var callers [2]caller
			for i := range 2 {
				callers[i] = caller{make(chan struct{})}
				call := newCall(l)
				call.Channel = callers[i]
				calls.Go(func() { got[i], errs[i] = play(t, call, web.URL+"/a") })
			}
			waitUntil(t, func() bool {
				l.cache.mu.Lock()
				defer l.cache.mu.Unlock()
				f := l.cache.flights[key]
				return f != nil && f.waiters == 2 && len(web.requests()) == 1
			})
			stay := 0
			for i, hangUp := range c.hangUp {
				if hangUp {
					close(callers[i].gone)
				} else {
					stay++
				}
			}
			waitUntil(t, func() bool {
				l.cache.mu.Lock()
				defer l.cache.mu.Unlock()
				f := l.cache.flights[key]
				return stay == 0 && f == nil || stay > 0 && f.waiters == stay
			})
			if stay == 0 {
				select {
				case <-cancelled:
				case <-time.After(5 * time.Second):
					t.Error("the fetch goes on with nobody waiting")
				}
			}
			close(release)
			calls.Wait()
			same(t, "played", c.want, got)
			for i, err := range errs {
				if c.hangUp[i] != errors.Is(err, dialplan.ErrGone) {
					t.Errorf("call %d: %v", i, err)
				}
			}
			same(t, "requests", []string{"GET /a"}, web.requests())
		})
	}
}

// waitUntil waits for what another goroutine brings about.
func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it does not come about")
		}
	}
}

// The call's end ends the wait, whatever its cause.
func TestFetchEndsWithContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	web := newWeb(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	stopping := errors.New("the service stops")
	ctx, cancel := context.WithCancelCause(t.Context())
	var ending sync.WaitGroup
	ending.Go(func() {
		<-asked
		cancel(stopping)
	})
	c := newCall(newLibrary(t, nil))
	_, err := c.File(ctx, web.URL+"/a", nil)
	ending.Wait()
	if !errors.Is(err, stopping) || len(records(c)) != 0 {
		t.Errorf("%v, records %q", err, records(c))
	}
}

// Close ends what is fetched and lets nothing begin.
func TestCloseEndsFetches(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	web := newWeb(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	l := newLibrary(t, nil)
	var closing sync.WaitGroup
	closing.Go(func() {
		<-asked
		l.Close(time.Minute)
	})
	c := newCall(l)
	if _, err := c.File(t.Context(), web.URL+"/a", nil); err == nil || !strings.Contains(err.Error(), "cancelled: ") {
		t.Errorf("fetch under way: %v", err)
	}
	closing.Wait()
	if _, err := c.File(t.Context(), web.URL+"/b", nil); err == nil || len(web.requests()) != 1 {
		t.Errorf("after Close: %v, requests %q", err, web.requests())
	}
}

// The cache is bounded: what was used longest ago goes first, files that are not its own stay.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	web := newWeb(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = w.Write(make([]byte, 100))
	})
	l := newLibrary(t, func(c *Config) { c.CacheBytes = 1000 })
	foreign := filepath.Join(l.Cache, "mine.wav")
	put(t, foreign, strings.Repeat("x", 5000))
	address := func(i int) string { return fmt.Sprintf("%s/%d", web.URL, i) }
	age := func(i int, by time.Duration) {
		used := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(l.Cache, mustURL(t, address(i)).CacheKey()+".wav"), used, used); err != nil {
			t.Fatal(err)
		}
	}
	c := newCall(l)
	fetch := func(i int) {
		if _, err := play(t, c, address(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 { // exactly what fits
		fetch(i)
		age(i, time.Duration(20-i)*time.Minute)
	}
	fetch(0) // used again, from the cache
	fetch(10)
	var kept []int
	for i := range 11 {
		if _, ok := l.cache.entry(mustURL(t, address(i)).CacheKey()); ok {
			kept = append(kept, i)
		}
	}
	same(t, "kept", []int{0, 3, 4, 5, 6, 7, 8, 9, 10}, kept)
	if got := len(web.requests()); got != 11 {
		t.Errorf("%d requests", got)
	}
	total := int64(0)
	files, err := os.ReadDir(l.Cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name(), ".wav") && f.Name() != "mine.wav" {
			total += info.Size()
		}
	}
	if total != 900 || len(files) != 2*9+1 {
		t.Errorf("%d bytes in %d files", total, len(files))
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not the cache's: %v", err)
	}
}

// What is about to be played is there, however small the cache is, until something else comes.
func TestCacheKeepsWhatIsPlayed(t *testing.T) {
	t.Parallel()
	web := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte(r.URL.Path + " longer than the cache"))
	})
	l := newLibrary(t, func(c *Config) { c.CacheBytes = 10 })
	for _, path := range []string{"/a", "/b"} {
		got, err := play(t, newCall(l), web.URL+path)
		if want := ".wav " + path + " longer than the cache"; err != nil || got != want {
			t.Errorf("%q, want %q: %v", got, want, err)
		}
	}
	if _, ok := l.cache.entry(mustURL(t, web.URL+"/a").CacheKey()); ok {
		t.Error("both are kept")
	}
}

// A fetch that was given up ends late: it must not make others forget the one that took its place.
func TestDropOnlyItself(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, nil)
	old, now := &flight{}, &flight{}
	l.cache.flights["key"] = now
	l.cache.drop("key", old)
	if l.cache.flights["key"] != now {
		t.Error("the other one is forgotten")
	}
	l.cache.drop("key", now)
	if len(l.cache.flights) != 0 {
		t.Error("it is not forgotten")
	}
}

// A library that starts finds what another has left: it uses it, counts it, and clears away what was never finished.
func TestCacheOfAnEarlierProcess(t *testing.T) {
	t.Parallel()
	web := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte(r.URL.Path + strings.Repeat("x", 98)))
	})
	dir := t.TempDir()
	first := newLibrary(t, func(c *Config) { c.Cache = dir })
	for i := range 5 {
		if _, err := play(t, newCall(first), fmt.Sprintf("%s/%d", web.URL, i)); err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(filepath.Join(dir, mustURL(t, fmt.Sprintf("%s/%d", web.URL, i)).CacheKey()+".wav"), used,
			used); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "fetch-old"), "x")
	put(t, filepath.Join(dir, "fetch-new"), "x")
	long := time.Now().Add(-2 * leftoverTime)
	if err := os.Chtimes(filepath.Join(dir, "fetch-old"), long, long); err != nil {
		t.Fatal(err)
	}
	second := newLibrary(t, func(c *Config) { c.Cache, c.CacheBytes = dir, 400 })
	for i, want := range []string{2: "2", 3: "3", 4: "4"} {
		if want == "" {
			continue
		}
		if got, err := play(t, newCall(second), fmt.Sprintf("%s/%d", web.URL, i)); err != nil ||
			!strings.HasPrefix(got, ".wav /"+want) {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
	if got := len(web.requests()); got != 5 {
		t.Errorf("%d requests", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "fetch-old")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("fetch-old: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "fetch-new")); err != nil {
		t.Errorf("fetch-new: %v", err)
	}
}

// What is told of a file is not trusted: it may only name the file of its own address.
func TestCacheEntryIsChecked(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, nil)
	key := mustURL(t, "http://h/a").CacheKey()
	put(t, filepath.Join(l.Cache, key+".wav"), "x")
	put(t, filepath.Join(l.Recordings, "secret.wav"), "x")
	for body, want := range map[string]bool{
		`{"file":"` + key + `.wav"}`:                   true,
		`{"file":"../secret.wav"}`:                     false,
		`{"file":"` + strings.Repeat("0", 64) + `.wav`: false,
		`{"file":"` + key + `.mp3"}`:                   false, // is not there
		`{}`:                                           false,
		`{`:                                            false,
		`[]`:                                           false,
	} {
		put(t, filepath.Join(l.Cache, key+".json"), body)
		if e, ok := l.cache.entry(key); ok != want {
			t.Errorf("%s: %+v, %t", body, e, ok)
		}
	}
}

// The switch may be another user: it can read what was fetched.
func TestCacheFilesCanBeRead(t *testing.T) {
	t.Parallel()
	web := newWeb(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte("x"))
	})
	f, err := newCall(newLibrary(t, nil)).File(t.Context(), web.URL+"/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(f.String())
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info, err)
	}
}

func TestFetchRecords(t *testing.T) {
	t.Parallel()
	web := newWeb(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte("x"))
	})
	c := newCall(newLibrary(t, nil))
	raw := strings.Replace(web.URL, "://", "://u:s3cret@", 1) + "/a?b=c"
	for range 2 {
		if _, err := c.File(t.Context(), raw, nil); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "records", []string{"answer: audio " + web.URL + "/a?b=c",
		"result: audio from the cache: " + web.URL + "/a?b=c"}, records(c))
}
