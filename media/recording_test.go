package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"fspivot/egress"
)

// wav is a WAV file of n bytes of sound; whole tells that its header has its length.
func wav(n int, whole bool) string {
	length := uint32(0)
	if whole {
		length = uint32(36 + n)
	}
	head := binary.LittleEndian.AppendUint32([]byte("RIFF"), length)
	head = append(head, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(n))
	return string(head) + strings.Repeat("s", n)
}

// Source: twiml.md 5.1.
func TestRecord(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, nil)
	quiet := newLibrary(t, func(c *Config) { c.BaseURL = "" })
	for name, c := range map[string]struct {
		library                         *Library
		account, upload, method, format string
		base                            string
		url, target, how, told          string // ID is the recording's
	}{
		"kept here":       {url: "http://127.0.0.1:8088/v2/accounts/acme/recordings/ID"},
		"account escaped": {account: "a b&c=ü", url: "http://127.0.0.1:8088/v2/accounts/a%20b&c=%C3%BC/recordings/ID"},
		"served nowhere":  {library: quiet},
		"wav":             {format: "WAV", url: "http://127.0.0.1:8088/v2/accounts/acme/recordings/ID"},
		"mp3": {format: "mp3", url: "http://127.0.0.1:8088/v2/accounts/acme/recordings/ID",
			told: `warning: recording format "mp3": wav is written`},
		"uploaded": {upload: "http://h/up", url: "http://h/up/ID.wav", target: "http://h/up/ID.wav",
			how: "PUT"},
		"uploaded quietly": {library: quiet, upload: "http://h/up/", method: "put", url: "http://h/up/ID.wav",
			target: "http://h/up/ID.wav", how: "PUT"},
		"posted": {upload: "http://h/up?sig=a%2Fb", method: "post", url: "http://h/up/ID.wav?sig=a%2Fb",
			target: "http://h/up/ID.wav?sig=a%2Fb", how: "POST"},
		"method unknown": {upload: "http://h", method: "DELETE", url: "http://h/ID.wav", target: "http://h/ID.wav",
			how: "PUT"},
		"credentials": {upload: "http://u:s3cret@h/up", url: "http://h/up/ID.wav", target: "http://h/up/ID.wav",
			how: "PUT"},
		"relative": {upload: "up", base: "https://h/a/doc", url: "https://h/a/up/ID.wav",
			target: "https://h/a/up/ID.wav", how: "PUT"},
		"absolute of base": {upload: "http://k/up", base: "https://h/a/doc", url: "http://k/up/ID.wav",
			target: "http://k/up/ID.wav", how: "PUT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			library := l
			if c.library != nil {
				library = c.library
			}
			call := newCall(library)
			if c.account != "" {
				call.Account = c.account
			}
			var base *egress.URL
			if c.base != "" {
				base = mustURL(t, c.base)
			}
			r, err := call.Record(c.upload, c.method, c.format, base)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := uuid.Parse(r.ID); err != nil {
				t.Error(err)
			}
			target := ""
			if r.UploadURL != nil {
				target = r.UploadURL.String()
			}
			same(t, "recording", []string{library.Recordings + "/" + call.Account + "/ID.wav", c.url, c.target, c.how},
				[]string{strings.ReplaceAll(r.File.String(), r.ID, "ID"), strings.ReplaceAll(r.URL, r.ID, "ID"),
					strings.ReplaceAll(target, r.ID, "ID"), r.UploadMethod})
			if info, err := os.Stat(filepath.Dir(r.File.String())); err != nil || !info.IsDir() {
				t.Errorf("the folder is missing: %v", err)
			}
			same(t, "records", c.told, strings.Join(records(call), "\n"))
			again, err := call.Record("", "", "", nil)
			if err != nil || again.ID == r.ID {
				t.Errorf("a second recording: %+v, %v", again, err)
			}
		})
	}
}

func TestRecordRefuses(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, nil)
	for _, c := range []struct{ account, upload, want string }{
		{"", "", `account "" is no folder name`},
		{".", "", `account "." is no folder name`},
		{"..", "", `account ".." is no folder name`},
		{"../x", "", `account "../x" is no folder name`},
		{"a/b", "", `account "a/b" is no folder name`},
		{`a\b`, "", `account "a\\b" is no folder name`},
		{"/etc", "", `account "/etc" is no folder name`},
		{"acme", "ftp://h/", `recording url: bad_url: "ftp://h/": the scheme must be http or https`},
		{"acme", "up", `recording url: bad_url: "up": the scheme must be http or https`},
		{"acme", "http://u:s3cret@h:0/", `recording url: bad_url: "…@h:0/": port 0 is not between 1 and 65535`},
	} {
		call := newCall(l)
		call.Account = c.account
		if r, err := call.Record(c.upload, "", "", nil); err == nil || err.Error() != c.want {
			t.Errorf("account %q, upload %q: %+v, %v, want %s", c.account, c.upload, r, err, c.want)
		}
	}
	// A name that the switch could read as something else.
	call := newCall(l)
	call.Account = "a!b"
	if _, err := call.Record("", "", "", nil); err == nil {
		t.Error("a recording goes to a!b")
	}
	// A folder that cannot be made. Source: scenarios.md R6.
	put(t, filepath.Join(l.Recordings, "taken"), "")
	call.Account = "taken/x"
	if _, err := call.Record("", "", "", nil); err == nil {
		t.Error("a recording goes below a file")
	}
}

// Who may write to the folder of recordings, the switch, may write to an account's.
func TestRecordFolderMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o775, 0o777, 0o770, 0o775 | os.ModeSetgid} {
		l := newLibrary(t, nil)
		if err := os.Chmod(l.Recordings, mode); err != nil {
			t.Fatal(err)
		}
		r, err := newCall(l).Record("", "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Dir(r.File.String()))
		if err != nil || info.Mode()&(os.ModePerm|os.ModeSetgid) != mode {
			t.Errorf("recordings are %v, the account's %v: %v", mode, info.Mode(), err)
		}
	}
}

// store is a web server that takes uploads.
type store struct {
	*webServer
	mu     sync.Mutex
	bodies []string // "TYPE LENGTH: body"
}

// newStore answers its nth upload with the nth status; the last one stays. It keeps no connection: virtual time stands
// still while one is there.
func newStore(t *testing.T, statuses ...int) *store {
	t.Helper()
	s := &store{}
	n := 0
	s.webServer = newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.bodies = append(s.bodies, fmt.Sprintf("%s %d: %s", r.Header.Get("Content-Type"), r.ContentLength, body))
		status := statuses[min(n, len(statuses)-1)]
		n++
		s.mu.Unlock()
		if status/100 == 3 {
			w.Header().Set("Location", "/moved")
		}
		w.WriteHeader(status)
	})
	s.Config.SetKeepAlivesEnabled(false)
	return s
}

// Source: twiml.md 5.1: three tries, after 1 s and 5 s.
func TestUpload(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method   string
		statuses []int
		want     []string // methods that came
		took     time.Duration
		told     string // STORE is the server's address, ID the recording's
	}{
		"put": {statuses: []int{200}, want: []string{"PUT /up/ID.wav?s=1"},
			told: "answer: recording stored: STORE/up/ID.wav?s=1"},
		"post": {method: "post", statuses: []int{201}, want: []string{"POST /up/ID.wav?s=1"},
			told: "answer: recording stored: STORE/up/ID.wav?s=1"},
		"second try": {statuses: []int{500, 204}, want: []string{"PUT /up/ID.wav?s=1", "PUT /up/ID.wav?s=1"},
			took: time.Second, told: "answer: recording stored: STORE/up/ID.wav?s=1"},
		"third try": {statuses: []int{500, 403, 200}, want: []string{"PUT /up/ID.wav?s=1", "PUT /up/ID.wav?s=1",
			"PUT /up/ID.wav?s=1"}, took: 6 * time.Second, told: "answer: recording stored: STORE/up/ID.wav?s=1"},
		"never": {statuses: []int{503}, want: []string{"PUT /up/ID.wav?s=1", "PUT /up/ID.wav?s=1",
			"PUT /up/ID.wav?s=1"}, took: 6 * time.Second,
			told: "error: recording ID stays in media.recordings: STORE/up/ID.wav?s=1 answered 503"},
		"moved": {statuses: []int{307, 200}, want: []string{"PUT /up/ID.wav?s=1", "PUT /moved"},
			told: "answer: recording stored: STORE/up/ID.wav?s=1"},
		"see other": {statuses: []int{303, 200, 200}, want: []string{"PUT /up/ID.wav?s=1", "GET /moved",
			"PUT /up/ID.wav?s=1"}, took: time.Second, told: "answer: recording stored: STORE/up/ID.wav?s=1"},
		"lost by post": {method: "post", statuses: []int{302, 200, 302, 200, 302, 200}, want: []string{"POST /up/ID.wav?s=1", "GET /moved", "POST /up/ID.wav?s=1", "GET /moved", "POST /up/ID.wav?s=1", "GET /moved"}, took: 6 * time.Second, told: "error: recording ID stays in media.recordings: STORE/moved was asked with GET: a redirect with 307 or 308 would have kept the recording"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, c.statuses...)
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(t, nil)
				call := newCall(l)
				r, err := call.Record(strings.Replace(s.URL, "://", "://u:s3cret@", 1)+"/up?s=1", c.method, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				content := wav(1000, true)
				put(t, r.File.String(), content)
				started := time.Now()
				call.Finished(r.ID, time.Second)
				l.Close(time.Hour)
				if took := time.Since(started); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
				var asked []string
				for _, line := range s.requests() {
					line, authorization, _ := strings.Cut(line, " Authorization=")
					if authorization != "Basic dTpzM2NyZXQ=" {
						t.Errorf("%s came with credentials %q", line, authorization)
					}
					asked = append(asked, strings.ReplaceAll(line, r.ID, "ID"))
				}
				same(t, "requests", c.want, asked)
				for i, body := range s.bodies {
					want := fmt.Sprintf("audio/wav %d: %s", len(content), content)
					if strings.HasPrefix(asked[i], "GET") {
						want = " 0: "
					}
					if body != want {
						t.Errorf("request %d had %d bytes, want %d", i, len(body), len(want))
					}
				}
				told := strings.NewReplacer(r.ID, "ID", s.URL, "STORE").Replace(strings.Join(records(call), "\n"))
				same(t, "records", c.told, told)
				if _, err := os.Stat(r.File.String()); err != nil {
					t.Errorf("the recording itself: %v", err)
				}
			})
		})
	}
}

// What is not to be sent is not.
func TestFinishedWithoutUpload(t *testing.T) {
	t.Parallel()
	s := newStore(t, 200)
	l := newLibrary(t, nil)
	call := newCall(l)
	here, err := call.Record("", "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := call.Record(s.URL, "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	call.Finished(here.ID, time.Second)
	call.Finished(empty.ID, 0)
	call.Finished(empty.ID, time.Second) // again: it is finished
	call.Finished("unknown", time.Second)
	newCall(l).Finished(empty.ID, time.Second) // another call's
	l.Close(time.Minute)
	if got := s.requests(); len(got) != 0 || len(records(call)) != 0 {
		t.Errorf("requests %q, records %q", got, records(call))
	}
}

// A file that is missing is an error after all tries, not before.
func TestUploadOfMissingFile(t *testing.T) {
	t.Parallel()
	s := newStore(t, 200)
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, nil)
		call := newCall(l)
		r, err := call.Record(s.URL, "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		call.Finished(r.ID, time.Second)
		synctest.Wait()
		if len(records(call)) != 0 {
			t.Errorf("records %q after the first try", records(call))
		}
		l.Close(time.Hour)
		if took := time.Since(started); took != 6*time.Second || len(s.requests()) != 0 {
			t.Errorf("took %s, requests %q", took, s.requests())
		}
		if told := records(call); len(told) != 1 || !strings.HasPrefix(told[0],
			"error: recording "+r.ID+" stays in media.recordings: open ") {
			t.Errorf("records %q", told)
		}
	})
}

// A recording that is still being written is sent when the switch has finished it.
func TestUploadWaitsForTheFile(t *testing.T) {
	t.Parallel()
	s := newStore(t, 200)
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, nil)
		call := newCall(l)
		r, err := call.Record(s.URL, "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		put(t, r.File.String(), wav(100, false))
		call.Finished(r.ID, time.Second)
		for size := 200; size <= 1000; size += 100 {
			<-time.After(500 * time.Millisecond)
			put(t, r.File.String()+".new", wav(size, size == 1000))
			if err := os.Rename(r.File.String()+".new", r.File.String()); err != nil { // never seen half written
				t.Fatal(err)
			}
		}
		l.Close(time.Hour)
		if want := fmt.Sprintf("audio/wav 1044: %s", wav(1000, true)); len(s.bodies) != 1 || s.bodies[0] != want {
			t.Errorf("%d uploads", len(s.bodies))
		}
	})
}

func TestSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content func(after time.Duration) string
		took    time.Duration
		fails   string
	}{
		"whole": {func(time.Duration) string { return wav(100, true) }, 0, ""},
		"odd":   {func(time.Duration) string { return wav(101, true)[:144] }, 0, ""},
		// the header counts the byte behind it
		"no WAV file":        {func(time.Duration) string { return "ID3" }, quietTime, ""},
		"header never made":  {func(time.Duration) string { return wav(100, false) }, quietTime, ""},
		"whole after a time": {func(d time.Duration) string { return wav(100, d >= time.Second) }, time.Second, ""},
		"empty":              {func(time.Duration) string { return "" }, settleTime, "x.wav is still being written"},
		"grows": {func(d time.Duration) string { return wav(int(d/time.Millisecond), false) }, settleTime,
			"x.wav is still being written"},
		"grows, then stops": {func(d time.Duration) string {
			return wav(int(min(d, 2*time.Second)/time.Millisecond),
				false)
		}, 5 * time.Second, ""},
		"shorter than said": {func(time.Duration) string { return wav(100, true)[:100] }, quietTime, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x.wav")
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				put(t, file, c.content(0))
				done := make(chan struct{})
				var writing sync.WaitGroup
				writing.Go(func() {
					tick := time.NewTicker(settlePoll / 2)
					defer tick.Stop()
					for {
						select {
						case <-tick.C:
							put(t, file+".new", c.content(time.Since(started)))
							if err := os.Rename(file+".new", file); err != nil { // never seen half written
								t.Error(err)
							}
						case <-done:
							return
						}
					}
				})
				err := settled(t.Context(), file)
				took := time.Since(started)
				close(done)
				writing.Wait()
				if (err != nil) != (c.fails != "") || err != nil && err.Error() != c.fails {
					t.Errorf("%v, want %q", err, c.fails)
				}
				if took < c.took || took > c.took+2*settlePoll {
					t.Errorf("took %s, want %s", took, c.took)
				}
			})
		})
	}
	if err := settled(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Close gives uploads patience, then stops them; each is told of.
func TestCloseStopsUploads(t *testing.T) {
	t.Parallel()
	s := newStore(t, 500)
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, nil)
		call := newCall(l)
		for range 20 { // more than are sent at a time
			r, err := call.Record(s.URL, "", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			put(t, r.File.String(), wav(10, true))
			call.Finished(r.ID, time.Second)
		}
		started := time.Now()
		l.Close(3 * time.Second)
		if took := time.Since(started); took != 3*time.Second {
			t.Errorf("Close took %s", took)
		}
		// Eight at a time, each twice: the third tries would have come after 6 s.
		if got := len(s.requests()); got != 16 {
			t.Errorf("%d requests", got)
		}
		told := records(call)
		if len(told) != 20 {
			t.Errorf("%d records", len(told))
		}
		for _, r := range told {
			if !strings.HasPrefix(r, "error: recording ") {
				t.Errorf("record %q", r)
			}
		}
	})
}
