// Package media goes from a name in a document to something that the switch can play, and from a recording back to a
// URL. It decides which names are allowed: an http(s) URL (fetched by us and cached), a media document's id, a file
// under the media folder, prompt://, tone_stream://, silence_stream://, local_stream://. Nothing else reaches the switch.
//
// Goroutines: one for each upload and one for each fetch, both of which Library.Close waits for; a fetch ends when no call
// waits for it any more. Start reading at Call.File.
package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/timeline"
)

// Documents is where media documents are looked up, by account and id.
type Documents interface {
	Document(account, collection, id string) (map[string]any, bool)
}

// Config is what a Library works with.
type Config struct {
	Dir        string            // media folder
	Recordings string            // where the switch writes recordings
	Cache      string            // fetched audio; "": "cache" in Recordings
	CacheBytes int64             // of fetched audio that are kept, what was used last; 0: 1 GiB
	Voice      dialplan.Voice    // where a document names none that is known
	Voices     map[string]string // document's voice → "voice" or "engine/voice"
	BaseURL    string            // what serves recordings, "http://host:port"; "": nothing does
	Client     *egress.Client
	Documents  Documents
}

// A Library resolves names. It is used by all calls at once.
type Library struct {
	engines sync.Map // of switches, those that are loaded
	Config
	cache   *cache
	uploads uploads
}

// New makes a library, and the folders for recordings and fetched audio where they are missing. Paths may be relative to
// the working folder. A path that the switch could not be told is an error.
func New(c Config) (*Library, error) {
	l := &Library{Config: c}
	if l.Cache == "" {
		l.Cache = filepath.Join(l.Recordings, "cache")
	}
	for _, dir := range []*string{&l.Dir, &l.Recordings, &l.Cache} {
		if *dir == "" {
			return nil, errors.New("media: a folder has no name")
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
		if _, err := dialplan.LocalFile(abs); err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
		*dir = abs
	}
	for _, dir := range []string{l.Recordings, l.Cache} {
		// The switch often runs as another user: it must be able to write recordings and read fetched audio.
		if err := os.MkdirAll(dir, 0o775); err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
	}
	l.cache = newCache(l.Cache, l.CacheBytes, l.Client)
	l.uploads.slots = make(chan struct{}, maxUploads)
	l.uploads.life, l.uploads.stop = context.WithCancel(context.Background())
	return l, nil
}

// Close gives uploads patience to end and then stops them. Nothing may be asked of the library any more.
func (l *Library) Close(patience time.Duration) {
	l.cache.close()
	l.uploads.close(patience)
}

// ErrNothing says that a name means nothing to play.
var ErrNothing = errors.New("media: nothing to play")

// Channel is the live call: it waits for a fetch and notices a hangup, and knows what its switch can do.
type Channel interface {
	WaitFor(ctx context.Context, done <-chan struct{}) error
	HasModule(ctx context.Context, name string) (bool, error)
	SwitchID() string // tells one switch from another
}

// Call is a library in the hands of one call.
type Call struct {
	*Library
	Account  string
	Channel  Channel
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
		c.Timeline.Error("13420", fmt.Sprintf("media %q: %v", egress.Shown(ref), err))
	}
	return f, err
}

func (c *Call) resolve(ctx context.Context, ref string, base *egress.URL) (dialplan.File, error) {
	if ref == "" {
		return dialplan.File{}, ErrNothing
	}
	scheme, rest, ok := strings.Cut(ref, "://")
	if !ok || strings.ContainsAny(scheme, "/?#") { // a URL in a relative one's query is none of ours
		if f, found, err := c.stored(ctx, ref, base); found || err != nil {
			return f, err
		}
		if base == nil {
			if f, err := c.prompt(ref); err == nil && !strings.Contains(ref, "/") {
				return f, nil
			}
			return dialplan.File{}, errors.New("there is no media document, file of media.dir or prompt of this name")
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
		return silence(rest)
	case "local_stream":
		return dialplan.LocalStream(rest)
	case "prompt":
		return c.prompt(rest)
	}
	return dialplan.File{}, fmt.Errorf("%s:// may not be played: http, https, prompt, tone_stream, silence_stream and local_stream may", clip(scheme))
}

// silence is MS[,LEVEL], MS at most a day, or -1 for what never ends. The level of the noise is the switch's own choice.
func silence(rest string) (dialplan.File, error) {
	text, level, noisy := strings.Cut(rest, ",")
	ms, err := strconv.Atoi(text)
	if _, levelErr := strconv.Atoi(level); err != nil || noisy && levelErr != nil || ms < -1 || ms > 24*3600*1000 {
		return dialplan.File{}, errors.New("silence_stream wants milliseconds, at most a day")
	}
	if ms < 0 {
		return dialplan.EndlessSilence(), nil
	}
	return dialplan.Silence(time.Duration(ms) * time.Millisecond), nil
}

// stored looks for a media document of that id and for a file of that name. The found one may be unusable: an error.
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
	if len(parts) > 3 || slices.ContainsFunc(parts, func(p string) bool { return p == "" || p == "." || p == ".." }) {
		return dialplan.File{}, errors.New("a prompt is ACCOUNT/NAME/LANGUAGE")
	}
	name, language := parts[0], strings.ToLower(c.Language)
	if len(parts) > 1 {
		name = parts[1]
	}
	if len(parts) > 2 {
		language = strings.ToLower(parts[2])
	}
	if language == "" {
		language = "en-us"
	}
	short, _, _ := strings.Cut(language, "-")
	for _, l := range []string{language, short, "en-us", "en"} {
		if f, err := c.local(filepath.Join("prompts", l, name+".wav")); err == nil {
			return f, nil
		}
	}
	return dialplan.File{}, fmt.Errorf("prompt %q has no file prompts/%s/%s.wav in media.dir", name, language, name)
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
