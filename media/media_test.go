package media

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"fspivot/dialplan"
)

// library has files, links, documents and prompts; NAME of the results below is a path below its media folder.
func library(t *testing.T, web string) *Library {
	t.Helper()
	l := newLibrary(t, func(c *Config) {
		c.Documents = documents{
			"acme/greeting":  {"file": "greetings/hello.wav"},
			"acme/remote":    {"source_url": web + "/remote.wav"},
			"acme/both":      {"file": "top.wav", "source_url": web + "/remote.wav"},
			"acme/neither":   {"name": "x"},
			"acme/missing":   {"file": "none.wav"},
			"acme/leaves":    {"file": "../secret.wav"},
			"acme/absolute":  {"file": "/etc/passwd"},
			"acme/shell":     {"file": "shell_stream://id"},
			"acme/number":    {"file": 7, "source_url": ""},
			"acme/file url":  {"source_url": "file:///etc/passwd"},
			"acme/top.wav":   {"file": "greetings/hello.wav"},
			"other/greeting": {"file": "top.wav"},
			"other/theirs":   {"file": "top.wav"},
		}
		outside := filepath.Dir(c.Dir)
		put(t, filepath.Join(outside, "secret.wav"), "secret")
		for _, name := range []string{"top.wav", "plain.wav", "greetings/hello.wav", "two words.wav", "Größe.wav",
			"bad:name.wav", "b!c.wav", "q'.wav", "$x.wav",
			"prompts/de-de/vm-hello.wav", "prompts/de/vm-bye.wav", "prompts/en-us/vm-only.wav",
			"prompts/en/vm-short.wav", "prompts/fr/vm-hello.wav"} {
			put(t, filepath.Join(c.Dir, name), "audio")
		}
		for link, target := range map[string]string{
			"in.wav": "greetings/hello.wav", "out.wav": "../secret.wav", "abs.wav": "/etc/passwd", "outdir": "..",
			"indir": "greetings", "dangling.wav": "none.wav",
		} {
			if err := os.Symlink(target, filepath.Join(c.Dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Mkfifo(filepath.Join(c.Dir, "pipe.wav"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	return l
}

// Names of callflows, which are relative to nothing. Source: design, The contract; callflow-engine.md 13.2, 13.3.
func TestFile(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte("audio"))
	}))
	t.Cleanup(web.Close)
	l := library(t, web.URL)
	for ref, want := range map[string]string{
		"top.wav/":                   "",
		"plain.wav":                  "NAME/plain.wav",
		"  plain.wav\n":              "NAME/plain.wav",
		"greetings/hello.wav":        "NAME/greetings/hello.wav",
		"./plain.wav":                "NAME/plain.wav",
		"greetings/../plain.wav":     "NAME/plain.wav",
		"greetings//hello.wav":       "NAME/greetings/hello.wav",
		"two words.wav":              "NAME/two words.wav",
		"Größe.wav":                  "NAME/Größe.wav",
		"in.wav":                     "NAME/in.wav",
		"indir/hello.wav":            "NAME/indir/hello.wav",
		"greeting":                   "NAME/greetings/hello.wav",
		"/acme/greeting":             "NAME/greetings/hello.wav",
		"both":                       "NAME/top.wav",
		"top.wav":                    "NAME/greetings/hello.wav", // an id comes first
		"prompt://acme/vm-hello":     "NAME/prompts/de-de/vm-hello.wav",
		"PROMPT://acme/vm-hello/":    "NAME/prompts/de-de/vm-hello.wav",
		"prompt://vm-hello":          "NAME/prompts/de-de/vm-hello.wav",
		"prompt://acme/vm-bye":       "NAME/prompts/de/vm-bye.wav",
		"prompt://acme/vm-only":      "NAME/prompts/en-us/vm-only.wav",
		"prompt://acme/vm-short":     "NAME/prompts/en/vm-short.wav",
		"prompt://a/vm-hello/FR":     "NAME/prompts/fr/vm-hello.wav",
		"prompt://a/vm-hello/fr-x":   "NAME/prompts/fr/vm-hello.wav",
		"system_media/vm-hello":      "NAME/prompts/de-de/vm-hello.wav",
		"/system_media/vm-hello":     "NAME/prompts/de-de/vm-hello.wav",
		"vm-hello":                   "NAME/prompts/de-de/vm-hello.wav",
		"tone_stream://%(500,0,440)": "tone_stream://%(500,0,440)",
		"tone_stream://%(2000,4000,440,480);loops=3": "tone_stream://%(2000,4000,440,480);loops=3",
		"Tone_Stream://L=2;v=-7;%(100,0,350)":        "tone_stream://L=2;v=-7;%(100,0,350)",
		"silence_stream://1000":                      "silence_stream://1000",
		"silence_stream://100,1400":                  "silence_stream://100",
		"silence_stream://0":                         "silence_stream://1",
		"silence_stream://-1":                        "silence_stream://-1",
		"silence_stream://-1,1400":                   "silence_stream://-1",
		"silence_stream://86400000":                  "silence_stream://86400000",
		"local_stream://moh":                         "local_stream://moh",
		"local_stream://moh/8000":                    "local_stream://moh/8000",
		"dangling.wav":                               "",
		"none.wav":                                   "",
		"":                                           "",
		"   ":                                        "",
		".":                                          "",
		"..":                                         "",
		"greetings":                                  "",
		"../secret.wav":                              "",
		"greetings/../../secret.wav":                 "",
		"/etc/passwd":                                "",
		"//etc/passwd":                               "",
		"/acme/../secret.wav":                        "",
		"out.wav":                                    "",
		"abs.wav":                                    "",
		"outdir/secret.wav":                          "",
		"pipe.wav":                                   "",
		"plain.wav\x00.txt":                          "",
		"bad:name.wav":                               "",
		"b!c.wav":                                    "",
		"q'.wav":                                     "",
		"$x.wav":                                     "",
		`..\secret.wav`:                              "",
		"neither":                                    "",
		"missing":                                    "",
		"leaves":                                     "",
		"absolute":                                   "",
		"shell":                                      "",
		"number":                                     "",
		"file url":                                   "",
		"theirs":                                     "",
		"/other/theirs":                              "",
		"say:hello":                                  "",
		"say://hello":                                "",
		"tts://hello":                                "",
		"file:///etc/passwd":                         "",
		"FILE:///etc/passwd":                         "",
		"file_string://a!b":                          "",
		"shell_stream://id":                          "",
		"http_cache://http://h/x.wav":                "",
		"httapi://http://h/x":                        "",
		"shout://h/x":                                "",
		"rtmp://h/x":                                 "",
		"vlc://x":                                    "",
		"phrase:x":                                   "",
		"${system(id)}":                              "",
		"{a=b}plain.wav":                             "",
		"ftp://h/x.wav":                              "",
		"://x":                                       "",
		"http://":                                    "",
		"http://127.0.0.9:1/x.wav":                   "",
		"tone_stream://":                             "",
		"tone_stream://path=/etc/passwd":             "",
		"tone_stream://%(1,0,1);PATH=/etc/tgml":      "",
		"tone_stream://$${x}":                        "",
		"tone_stream://%(500,0,440)\n%(1,0,1)":       "",
		"silence_stream://":                          "",
		"silence_stream://-2":                        "",
		"silence_stream://1.5":                       "",
		"silence_stream://1e3":                       "",
		"silence_stream://86400001":                  "",
		"silence_stream://9223372036854775":          "",
		"silence_stream://99999999999999999999":      "",
		"silence_stream://100,":                      "",
		"silence_stream://100,x":                     "",
		"silence_stream://100,${x}":                  "",
		"silence_stream://100!shell_stream://id":     "",
		"local_stream://":                            "",
		"local_stream://..":                          "",
		"local_stream://a/../b":                      "",
		"local_stream:///etc":                        "",
		"local_stream://a b":                         "",
		"local_stream://${x}":                        "",
		"prompt://":                                  "",
		"prompt:///":                                 "",
		"prompt://acme/none":                         "",
		"prompt://acme/../../../secret":              "",
		"prompt://acme/..":                           "",
		"prompt://acme/secret/..":                    "",
		"prompt://acme/vm-hello/de/more":             "",
		"prompt://acme//vm-hello":                    "",
		"system_media/../../secret":                  "",
		"greetings/vm-hello":                         "",
		strings.Repeat("x", 5000):                    "",
		"wav\xff":                                    "",
	} {
		t.Run(ref, func(t *testing.T) {
			t.Parallel()
			c := newCall(l)
			f, err := c.File(t.Context(), ref, nil)
			if got := strings.Replace(f.String(), l.Dir+"/", "NAME/", 1); got != want {
				t.Errorf("file %q, want %q: %v", got, want, err)
			}
			if (err != nil) != (want == "") {
				t.Errorf("error %v", err)
			}
			told := records(c)
			if want != "" && len(told) != 0 || want == "" &&
				(len(told) != 1 || !strings.HasPrefix(told[0], "error 13420: media ")) {
				t.Errorf("records %q", told)
			}
		})
	}
	t.Cleanup(func() {
		if hits.Load() != 0 {
			t.Errorf("the web server was asked %d times", hits.Load())
		}
	})
}

// Names of TwiML: a stored one first, then a URL relative to the document's. Source: twiml.md 4.2.
func TestFileOfDocument(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte(r.URL.RequestURI()))
	}))
	t.Cleanup(web.Close)
	l := library(t, web.URL)
	base := mustURL(t, web.URL+"/app/doc.php?x=1")
	for ref, want := range map[string]string{ // a path that was asked for, or a stored file
		"prompt.wav":              "GET /app/prompt.wav",
		"/prompt.wav":             "GET /prompt.wav",
		"../prompt.wav":           "GET /prompt.wav",
		"../../etc/passwd":        "GET /etc/passwd",
		"/etc/passwd":             "GET /etc/passwd",
		"?y=2":                    "GET /app/doc.php?y=2",
		"a.wav?u=http://h/x":      "GET /app/a.wav?u=http://h/x",
		"two words and more.wav":  "GET /app/two%20words%20and%20more.wav",
		"out.wav":                 "GET /app/out.wav", // the link leads out of the folder
		"bad:name.wav":            "",                 // a scheme
		"./bad:name.wav":          "GET /app/bad:name.wav",
		web.URL + "/other.wav#x":  "GET /other.wav",
		"plain.wav":               "NAME/plain.wav",
		"greetings/hello.wav":     "NAME/greetings/hello.wav",
		"greeting":                "NAME/greetings/hello.wav",
		"remote":                  "GET /remote.wav",
		"prompt://acme/vm-hello":  "NAME/prompts/de-de/vm-hello.wav",
		"vm-hello":                "GET /app/vm-hello",
		"silence_stream://5":      "silence_stream://5",
		"say:hello":               "",
		"shell_stream://id":       "",
		"file:///etc/passwd":      "",
		"tel:+15551230000":        "",
		"http://[::1":             "",
		"//127.0.0.9:1/x.wav":     "",
		"http://127.0.0.9/x.wav":  "",
		"http://127.0.0.1:1/none": "",
	} {
		t.Run(ref, func(t *testing.T) {
			t.Parallel()
			c := newCall(l)
			f, err := c.File(t.Context(), ref, base)
			got := strings.Replace(f.String(), l.Dir+"/", "NAME/", 1)
			if strings.HasPrefix(got, l.Cache+"/") {
				body, err := os.ReadFile(got)
				if err != nil {
					t.Fatal(err)
				}
				got = "GET " + string(body)
			}
			if got != want || (err != nil) != (want == "") {
				t.Errorf("%q, want %q: %v", got, want, err)
			}
		})
	}
}

// What is told of a name that cannot be played shows no credentials.
func TestFileHidesCredentials(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, nil)
	for _, ref := range []string{
		"http://user:s3cret@127.0.0.9/x.wav", "http://user:s3cret@127.0.0.1:1/x.wav", "http://user:s3cret@h:99999/",
		"ftp://user:s3cret@h/x",
		"user:s3cret@h/x", "//user:s3cret@127.0.0.9/x", "http://user:s3/cret@h/",
	} {
		c := newCall(l)
		_, err := c.File(t.Context(), ref, mustURL(t, "http://127.0.0.9/"))
		told := records(c)
		if err == nil || len(told) != 1 {
			t.Errorf("%s: %v, records %q", ref, err, told)
		}
		if text := strings.Join(told, "\n") + err.Error(); strings.Contains(text, "s3") ||
			strings.Contains(text, "cret") || strings.Contains(text, "user:") {
			t.Errorf("%s: told %s", ref, text)
		}
	}
}

func TestFileAfterHangup(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, nil)
	gone := caller{make(chan struct{})}
	close(gone.gone)
	c := newCall(l)
	c.Channel = gone
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(web.Close)
	_, err := c.File(t.Context(), web.URL+"/x.wav", nil)
	if !errors.Is(err, dialplan.ErrGone) || len(records(c)) != 0 {
		t.Errorf("%v, records %q", err, records(c))
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := New(Config{Dir: filepath.Join(dir, "none"), Recordings: filepath.Join(dir, "a", "b")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(0) })
	for _, name := range []string{"a/b", "a/b/cache"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			t.Errorf("%s was not made: %v", name, err)
		}
	}
	c := newCall(l)
	if _, err := c.File(t.Context(), "x.wav", nil); err == nil {
		t.Error("a file of no folder is played")
	}
	put(t, filepath.Join(dir, "file"), "")
	for name, c := range map[string]Config{
		"no media":              {Recordings: dir},
		"no recordings":         {Dir: dir},
		"name that splits":      {Dir: dir + "/a!b", Recordings: dir},
		"variable":              {Dir: dir, Recordings: dir + "/${x}"},
		"below a file":          {Dir: dir, Recordings: dir + "/file/x"},
		"cache name with quote": {Dir: dir, Recordings: dir, Cache: dir + "/a'b"},
	} {
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "media: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
