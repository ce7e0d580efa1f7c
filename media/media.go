// Package media goes from a name in a document to something that the switch can play, and from a recording back to a
// URL. It decides which names are allowed: an http(s) URL (fetched by us and cached), a media document's id, a file
// under the media folder, prompt://, tone_stream://, silence_stream://, local_stream://. Nothing else reaches the switch.
//
// Goroutines: one for each upload, which Library.Close waits for; a fetch runs on one that the caller's wait ends.
// Start reading at Library.File.
package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/timeline"
)

// Limits of fetched audio. Source: twiml.md 4.2.
const (
	maxAudio    = 64 << 20
	fetchTime   = 15 * time.Second
	uploadTime  = time.Minute
	uploadTries = 3
)

// Documents is where media documents are looked up, by account and id.
type Documents interface {
	Document(account, collection, id string) (map[string]any, bool)
}

// Config is what a Library works with.
type Config struct {
	Dir        string            // media folder
	Recordings string            // where the switch writes recordings
	Cache      string            // fetched audio; "": "cache" beside the recordings
	Voice      dialplan.Voice    // where a document names none that is known
	Voices     map[string]string // document's voice → "voice" or "engine/voice"
	BaseURL    string            // what serves recordings, "http://host:port"; "": nothing does
	Client     *egress.Client
	Documents  Documents
}

// A Library resolves names. It is used by all calls at once.
type Library struct {
	Config
	cache   string
	uploads sync.WaitGroup
	stop    context.CancelFunc
	life    context.Context
}

// New makes the folders that are missing and a library. Paths may be relative to the working folder.
func New(c Config) (*Library, error) {
	l := &Library{Config: c}
	for _, dir := range []*string{&l.Dir, &l.Recordings} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
		*dir = abs
	}
	l.cache = l.Cache
	if l.cache == "" {
		l.cache = filepath.Join(l.Recordings, "cache")
	}
	var err error
	if l.cache, err = filepath.Abs(l.cache); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	for _, dir := range []string{l.Recordings, l.cache} {
		// The switch often runs as another user: it must be able to write recordings and read fetched audio.
		if err := os.MkdirAll(dir, 0o775); err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
		if _, err := dialplan.LocalFile(dir); err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
	}
	l.life, l.stop = context.WithCancel(context.Background())
	return l, nil
}

// Close gives uploads patience to end and then stops them.
func (l *Library) Close(patience time.Duration) {
	timer := time.AfterFunc(patience, l.stop)
	l.uploads.Wait()
	timer.Stop()
	l.stop()
}

// ErrNothing says that a name means nothing to play.
var ErrNothing = errors.New("media: nothing to play")

// Waiter is the call: it waits for a fetch and notices a hangup.
type Waiter interface {
	WaitFor(ctx context.Context, done <-chan struct{}) error
}

// Call is a library in the hands of one call.
type Call struct {
	*Library
	Account  string
	Waiter   Waiter
	Timeline *timeline.Timeline
	Language string

	recordings map[string]Recording // made and not finished yet, by id
}

// File resolves a name. base is the document's URL, against which a relative name is a URL when no file has it; nil:
// then only files. The error is dialplan.ErrGone when the caller hung up meanwhile, and otherwise has been recorded.
// Source: twiml.md 4.2; callflow-engine.md 13.3; design, The contract.
func (c *Call) File(ctx context.Context, ref string, base *egress.URL) (dialplan.File, error) {
	f, err := c.resolve(ctx, strings.TrimSpace(ref), base)
	if err != nil && !errors.Is(err, dialplan.ErrGone) && ctx.Err() == nil {
		c.Timeline.Error("13420", fmt.Sprintf("media %q: %v", clip(ref), err))
	}
	return f, err
}

func (c *Call) resolve(ctx context.Context, ref string, base *egress.URL) (dialplan.File, error) {
	if ref == "" {
		return dialplan.File{}, ErrNothing
	}
	scheme, rest, ok := strings.Cut(ref, "://")
	if !ok {
		if f, found, err := c.stored(ctx, ref, base); found || err != nil {
			return f, err
		}
		if base == nil {
			return dialplan.File{}, fmt.Errorf("there is neither a media document nor a file of this name in media.dir")
		}
		u, err := base.Resolve(ref)
		if err != nil {
			return dialplan.File{}, err
		}
		return c.fetch(ctx, u)
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		u, err := egress.ParseURL(ref)
		if err != nil {
			return dialplan.File{}, err
		}
		return c.fetch(ctx, u)
	case "tone_stream":
		return dialplan.Tone(rest)
	case "silence_stream":
		ms, err := strconv.Atoi(strings.SplitN(rest, ",", 2)[0])
		switch {
		case err != nil || ms < -1:
			return dialplan.File{}, fmt.Errorf("silence_stream wants milliseconds")
		case ms < 0:
			return dialplan.EndlessSilence(), nil
		}
		return dialplan.Silence(time.Duration(ms) * time.Millisecond), nil
	case "local_stream":
		return dialplan.LocalStream(rest)
	case "prompt":
		return c.prompt(rest)
	}
	return dialplan.File{}, fmt.Errorf("%s:// may not be played: http, https, prompt, tone_stream, silence_stream and local_stream may", clip(scheme))
}

// stored looks for a media document of that id and for a file of that name.
func (c *Call) stored(ctx context.Context, ref string, base *egress.URL) (dialplan.File, bool, error) {
	id := strings.TrimPrefix(ref, "/"+c.Account+"/")
	if name, ok := strings.CutPrefix(strings.TrimPrefix(ref, "/"), "system_media/"); ok {
		f, err := c.prompt("system_media/" + name)
		return f, true, err
	}
	if c.Documents != nil && !strings.ContainsAny(id, "/\\") {
		if doc, ok := c.Documents.Document(c.Account, "media", id); ok {
			if name, ok := doc["file"].(string); ok && name != "" {
				f, err := c.local(name)
				return f, true, err
			}
			if source, ok := doc["source_url"].(string); ok && source != "" {
				u, err := egress.ParseURL(source)
				if err != nil {
					return dialplan.File{}, true, err
				}
				f, err := c.fetch(ctx, u)
				return f, true, err
			}
			return dialplan.File{}, true, fmt.Errorf("the media document has neither file nor source_url")
		}
	}
	f, err := c.local(ref)
	if errors.Is(err, fs.ErrNotExist) || err != nil && base != nil {
		return dialplan.File{}, false, nil
	}
	return f, true, err
}

// local is a file under the media folder; neither ".." nor a link leads out of it.
func (c *Call) local(name string) (dialplan.File, error) {
	if !filepath.IsLocal(name) {
		return dialplan.File{}, fmt.Errorf("%q is not a name below media.dir", clip(name))
	}
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return dialplan.File{}, err
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(name)
	if err != nil {
		return dialplan.File{}, err
	}
	if !info.Mode().IsRegular() {
		return dialplan.File{}, fmt.Errorf("%q is not a file", clip(name))
	}
	return dialplan.LocalFile(filepath.Join(c.Dir, name))
}

// prompt is ACCOUNT/NAME[/LANGUAGE]: a file prompts/LANGUAGE/NAME.wav of the media folder, in the language, its base,
// or en-us, en. Source: callflow-engine.md 13.2.
func (c *Call) prompt(rest string) (dialplan.File, error) {
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	name, language := parts[0], strings.ToLower(c.Language)
	if len(parts) > 1 {
		name = parts[1]
	}
	if len(parts) > 2 {
		language = strings.ToLower(parts[2])
	}
	short, _, _ := strings.Cut(language, "-")
	for _, l := range []string{language, short, "en-us", "en"} {
		if l == "" {
			continue
		}
		if f, err := c.local(filepath.Join("prompts", l, name+".wav")); err == nil {
			return f, nil
		}
	}
	return dialplan.File{}, fmt.Errorf("prompt %q has no file prompts/%s/%s.wav in media.dir", name, first(short, "en"), name)
}

var extensions = map[string]string{
	"audio/wav": "wav", "audio/wave": "wav", "audio/x-wav": "wav", "audio/vnd.wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3",
	"audio/ogg": "ogg", "audio/aiff": "aiff", "audio/x-aiff": "aiff", "audio/x-aifc": "aiff", "audio/basic": "au", "audio/ulaw": "ul",
	"audio/gsm": "gsm", "audio/x-gsm": "gsm", "audio/flac": "flac",
}

// fetch gets audio into the cache. The owner of the call waits beside it, so a hangup ends it.
func (c *Call) fetch(ctx context.Context, u *egress.URL) (dialplan.File, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	var f dialplan.File
	var err error
	done := make(chan struct{})
	started := time.Now()
	go func() {
		defer close(done)
		f, err = c.download(ctx, u)
	}()
	if waitErr := c.Waiter.WaitFor(ctx, done); waitErr != nil {
		cancel()
		<-done
		return dialplan.File{}, waitErr
	}
	if err == nil {
		c.Timeline.Add(timeline.Record{Kind: timeline.KindAnswer, From: timeline.Web, To: timeline.FSPivot, Text: "audio " + u.Redacted(), Took: time.Since(started)})
	}
	return f, err
}

func (l *Library) download(ctx context.Context, u *egress.URL) (dialplan.File, error) {
	sum := sha256.Sum256([]byte(u.String()))
	key := hex.EncodeToString(sum[:])
	request := egress.Request{Method: http.MethodGet, URL: u, Accept: "audio/*", MaxBody: maxAudio, Timeout: fetchTime, Header: http.Header{}}
	known, modified := l.cached(key)
	if known != "" {
		if time.Since(modified) < freshFor {
			return dialplan.LocalFile(known)
		}
		request.Header.Set("If-Modified-Since", modified.UTC().Format(http.TimeFormat))
	}
	temp, err := os.CreateTemp(l.cache, "fetch-*")
	if err != nil {
		return dialplan.File{}, err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	response, err := l.Client.Fetch(ctx, request, temp)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return dialplan.File{}, err
	}
	if response.Status == http.StatusNotModified && known != "" {
		now := time.Now()
		_ = os.Chtimes(known, now, now)
		return dialplan.LocalFile(known)
	}
	if response.Status != http.StatusOK {
		return dialplan.File{}, fmt.Errorf("the server answered %d", response.Status)
	}
	extension, err := kind(response.Header.Get("Content-Type"), response.URL.String(), temp.Name())
	if err != nil {
		return dialplan.File{}, err
	}
	name := filepath.Join(l.cache, key+"."+extension)
	if err := os.Chmod(temp.Name(), 0o644); err != nil {
		return dialplan.File{}, err
	}
	if err := os.Rename(temp.Name(), name); err != nil {
		return dialplan.File{}, err
	}
	return dialplan.LocalFile(name)
}

// freshFor is how long fetched audio is played without asking the server again.
const freshFor = time.Minute

func (l *Library) cached(key string) (string, time.Time) {
	names, err := filepath.Glob(filepath.Join(l.cache, key+".*"))
	if err != nil || len(names) == 0 {
		return "", time.Time{}
	}
	info, err := os.Stat(names[0])
	if err != nil {
		return "", time.Time{}
	}
	return names[0], info.ModTime()
}

// kind tells what audio it is: by Content-Type, by the address's extension, by its first bytes. Source: twiml.md 4.2.
func kind(contentType, address, file string) (string, error) {
	media, _, _ := mime.ParseMediaType(contentType)
	if e, ok := extensions[strings.ToLower(media)]; ok {
		return e, nil
	}
	path, _, _ := strings.Cut(address, "?")
	switch e := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), ".")); e {
	case "wav", "mp3", "ogg", "gsm", "aiff", "au", "ul", "flac":
		return e, nil
	}
	head := make([]byte, 12)
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	n, _ := io.ReadFull(f, head)
	switch s := string(head[:n]); {
	case strings.HasPrefix(s, "RIFF") && strings.HasSuffix(s, "WAVE"):
		return "wav", nil
	case strings.HasPrefix(s, "ID3"), strings.HasPrefix(s, "\xff\xfb"), strings.HasPrefix(s, "\xff\xf3"):
		return "mp3", nil
	case strings.HasPrefix(s, "OggS"):
		return "ogg", nil
	}
	return "", fmt.Errorf("content type %q is no audio that can be played", clip(contentType))
}

// Built-in voices. Source: twiml.md 4.1.1.
var voices = map[string]string{"man": "rms", "male": "rms", "woman": "slt", "female": "slt", "alice": "slt"}

// Speech gives the application that says text. A voice that is not known is said with the default one, with a record; so
// is an engine. Source: twiml.md 4.1.1.
func (c *Call) Speech(text dialplan.Text, voice, language, engine string, stop dialplan.Digits) (dialplan.Application, error) {
	if text.Empty() {
		return nil, ErrNothing
	}
	v := c.Voice
	switch named, ok := lookup(c.Voices, voice); {
	case voice == "":
	case ok:
		e, name, both := strings.Cut(named, "/")
		if !both {
			e, name = c.Voice.Engine, named
		}
		if parsed, err := dialplan.ParseVoice(e, name); err == nil {
			v = parsed
		}
	default:
		if name, ok := lookup(voices, voice); ok && c.Voice.Engine == "flite" {
			v.Name = name
		} else {
			c.Timeline.Warn("13511", fmt.Sprintf("voice %q is not configured: %s speaks", clip(voice), v.Name))
		}
	}
	if engine != "" && !strings.EqualFold(engine, v.Engine) {
		c.Timeline.Warn("13511", fmt.Sprintf("speech engine %q is not configured: %s speaks", clip(engine), v.Engine))
	}
	_ = language // one language: the engines at hand have no other
	return dialplan.Speak{Voice: v, Text: text, Stop: stop}, nil
}

func lookup(m map[string]string, key string) (string, bool) {
	v, ok := m[key]
	if !ok {
		v, ok = m[strings.ToLower(key)]
	}
	return v, ok
}

// A Recording is a file that the switch writes and where it will be found.
type Recording struct {
	ID           string
	File         dialplan.File
	URL          string // "" when nothing will serve it
	UploadURL    *egress.URL
	UploadMethod string
}

// Record makes a new recording. upload is where it is to be sent, "" for nowhere: the generated name goes at the end of
// its path. Source: twiml.md 5.1.
func (c *Call) Record(upload, method, format string, base *egress.URL) (Recording, error) {
	id := uuid.NewString()
	name := id + ".wav"
	if format != "" && format != "wav" {
		c.Timeline.Warn("", fmt.Sprintf("recording format %q: wav is written", clip(format)))
	}
	dir := filepath.Join(c.Recordings, c.Account)
	if !filepath.IsLocal(c.Account) {
		return Recording{}, fmt.Errorf("account %q is no folder name", clip(c.Account))
	}
	if err := os.MkdirAll(dir, 0o775); err != nil {
		return Recording{}, err
	}
	file, err := dialplan.LocalFile(filepath.Join(dir, name))
	if err != nil {
		return Recording{}, err
	}
	r := Recording{ID: id, File: file}
	if c.BaseURL != "" {
		r.URL = c.BaseURL + "/v2/accounts/" + c.Account + "/recordings/" + id
	}
	if upload != "" {
		u, err := target(base, upload)
		if err != nil {
			return Recording{}, fmt.Errorf("recording url: %w", err)
		}
		if r.UploadURL, err = u.Append(name); err != nil {
			return Recording{}, fmt.Errorf("recording url: %w", err)
		}
		r.URL = r.UploadURL.String()
		r.UploadMethod = strings.ToUpper(method)
		if r.UploadMethod != http.MethodPost {
			r.UploadMethod = http.MethodPut
		}
	}
	if c.recordings == nil {
		c.recordings = map[string]Recording{}
	}
	c.recordings[id] = r
	return r, nil
}

func target(base *egress.URL, ref string) (*egress.URL, error) {
	if base == nil {
		return egress.ParseURL(ref)
	}
	return base.Resolve(ref)
}

// Finished uploads the recording of that id in the background, when it has somewhere to go and something in it.
func (c *Call) Finished(id string, length time.Duration) {
	r := c.recordings[id]
	delete(c.recordings, id)
	if r.UploadURL == nil || length <= 0 {
		return
	}
	c.uploads.Go(func() { c.upload(r) })
}

func (c *Call) upload(r Recording) {
	var err error
	for try := range uploadTries {
		if try > 0 {
			pause := time.NewTimer(time.Duration(try*try) * time.Second)
			select {
			case <-pause.C:
			case <-c.life.Done():
				pause.Stop()
			}
		}
		if err = c.send(r); err == nil {
			c.Timeline.Add(timeline.Record{Kind: timeline.KindAnswer, From: timeline.Web, To: timeline.FSPivot, Text: "recording stored: " + r.UploadURL.Redacted()})
			return
		}
		if c.life.Err() != nil {
			break
		}
	}
	c.Timeline.Error("", fmt.Sprintf("recording %s stays in media.recordings: %v", r.ID, err))
}

func (c *Call) send(r Recording) error {
	body, err := os.ReadFile(r.File.String())
	if err != nil {
		return err
	}
	response, err := c.Client.Do(c.life, egress.Request{Method: r.UploadMethod, URL: r.UploadURL, Body: body, ContentType: "audio/wav", Timeout: uploadTime})
	if err != nil {
		return err
	}
	if response.Status/100 != 2 {
		return fmt.Errorf("%s answered %d", r.UploadURL.Redacted(), response.Status)
	}
	return nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
