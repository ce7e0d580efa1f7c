package media

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
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

// Limits of fetched audio. Source: twiml.md 4.2.
const (
	maxAudio     = 64 << 20
	fetchTime    = 15 * time.Second
	maxFetches   = 32             // at a time; more wait
	freshFor     = time.Minute    // without asking the server again, where it says nothing of that
	freshAtMost  = 24 * time.Hour // whatever it says
	cacheBytes   = 1 << 30        // kept, when the configuration does not say
	leftoverTime = time.Hour      // after which a file that was never finished is no running fetch's
)

// cache is fetched audio: for each address a file KEY.wav and KEY.json, which tells of it. What was used last is kept.
// Processes may share a folder. A file is never written in place, so what the switch plays stays as it is.
type cache struct {
	dir    string
	most   int64
	client *egress.Client
	slots  chan struct{} // one for each running fetch

	running sync.WaitGroup
	mu      sync.Mutex
	size    int64 // of all files, as far as this process knows
	flights map[string]*flight
	closed  bool
}

// entry is what is known of a file. Source: RFC 9111.
type entry struct {
	File     string    `json:"file"` // its name
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"modified,omitempty"` // Last-Modified, as the server wrote it
	Until    time.Time `json:"until"`              // it is played until then without asking
}

// flight is a fetch that any number of calls wait for. It is cancelled when the last one leaves.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiters int
	file    dialplan.File
	err     error
}

func newCache(dir string, most int64, client *egress.Client) *cache {
	if most <= 0 {
		most = cacheBytes
	}
	c := &cache{dir: dir, most: most, client: client, slots: make(chan struct{}, maxFetches),
		flights: map[string]*flight{}}
	c.trim("")
	return c
}

// close cancels what is fetched and waits for it.
func (c *cache) close() {
	c.mu.Lock()
	c.closed = true
	for _, f := range c.flights {
		f.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// fetch gives audio by its address. The owner of the call waits for it beside the call's events, so a hangup ends it.
func (c *Call) fetch(ctx context.Context, u *egress.URL) (dialplan.File, error) {
	started := time.Now()
	key := u.CacheKey()
	if e, ok := c.cache.entry(key); ok && started.Before(e.Until) {
		if f, err := c.cache.use(e); err == nil {
			c.Timeline.Add(timeline.Record{Kind: timeline.KindResult, From: timeline.FSPivot,
				Text: "audio from the cache: " + u.Redacted()})
			return f, nil
		}
	}
	f, err := c.cache.join(ctx, key, u)
	if err != nil {
		return dialplan.File{}, err
	}
	defer c.cache.leave(key, f)
	if err := c.Channel.WaitFor(ctx, f.done); err != nil {
		return dialplan.File{}, err
	}
	if f.err != nil {
		return dialplan.File{}, f.err
	}
	c.Timeline.Add(timeline.Record{Kind: timeline.KindAnswer, From: timeline.Web, To: timeline.FSPivot,
		Text: "audio " + u.Redacted(), Took: time.Since(started)})
	return f.file, nil
}

// join waits with others for an address, or starts to fetch it. The fetch outlives ctx where others wait for it.
func (c *cache) join(ctx context.Context, key string, u *egress.URL) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("the service stops")
	}
	if f, ok := c.flights[key]; ok {
		f.waiters++
		return f, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	f := &flight{done: make(chan struct{}), cancel: cancel, waiters: 1}
	c.flights[key] = f
	c.running.Go(func() {
		defer cancel()
		f.file, f.err = c.download(ctx, key, u)
		c.drop(key, f)
		close(f.done)
	})
	return f, nil
}

func (c *cache) leave(key string, f *flight) {
	c.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	c.mu.Unlock()
	if last {
		c.drop(key, f) // who comes now must not wait for one that is cancelled
		f.cancel()
	}
}

func (c *cache) drop(key string, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[key] == f {
		delete(c.flights, key)
	}
}

// download asks the server, for news only where a copy is there, and stores what it sends.
func (c *cache) download(ctx context.Context, key string, u *egress.URL) (dialplan.File, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return dialplan.File{}, fmt.Errorf("%d others are being fetched: %w", maxFetches, ctx.Err())
	}
	request := egress.Request{Method: http.MethodGet, URL: u, Accept: "audio/*, */*;q=0.1", MaxBody: maxAudio,
		Timeout: fetchTime, Retries: 1, Header: http.Header{}}
	known, ok := c.entry(key)
	if ok && known.ETag != "" {
		request.Header.Set("If-None-Match", known.ETag)
	}
	if ok && known.Modified != "" {
		request.Header.Set("If-Modified-Since", known.Modified)
	}
	temp, err := os.CreateTemp(c.dir, "fetch-*")
	if err != nil {
		return dialplan.File{}, err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	response, err := c.client.Fetch(ctx, request, temp)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return dialplan.File{}, err
	case response.Status == http.StatusNotModified && len(request.Header) > 0:
		known.Until = fresh(response.Header)
		if err := c.write(key, known); err != nil {
			return dialplan.File{}, err
		}
		return c.use(known)
	case response.Status != http.StatusOK:
		return dialplan.File{}, fmt.Errorf("%s answered %d", response.URL.Redacted(), response.Status)
	}
	extension, err := kind(response.Header.Get("Content-Type"), response.URL.String(), temp.Name())
	if err != nil {
		return dialplan.File{}, err
	}
	return c.store(key, temp.Name(), entry{File: key + "." + extension, ETag: response.Header.Get("ETag"),
		Modified: response.Header.Get("Last-Modified"), Until: fresh(response.Header)}, known)
}

// store makes a file that was fetched the one of its address, in place of what was there before.
func (c *cache) store(key, file string, e, before entry) (dialplan.File, error) {
	info, err := os.Stat(file)
	if err != nil {
		return dialplan.File{}, err
	}
	if err := os.Chmod(file, 0o644); err != nil { // the switch may be another user
		return dialplan.File{}, err
	}
	if err := os.Rename(file, filepath.Join(c.dir, e.File)); err != nil {
		return dialplan.File{}, err
	}
	if err := c.write(key, e); err != nil {
		return dialplan.File{}, err
	}
	if before.File != "" && before.File != e.File {
		_ = os.Remove(filepath.Join(c.dir, before.File))
	}
	c.mu.Lock()
	c.size += info.Size()
	full := c.size > c.most
	c.mu.Unlock()
	if full {
		c.trim(e.File)
	}
	return dialplan.LocalFile(filepath.Join(c.dir, e.File))
}

// use gives an entry's file and notes that it is wanted.
func (c *cache) use(e entry) (dialplan.File, error) {
	name := filepath.Join(c.dir, e.File)
	now := time.Now()
	if err := os.Chtimes(name, now, now); err != nil {
		return dialplan.File{}, err
	}
	return dialplan.LocalFile(name)
}

// entry tells what is known of an address, if its file is there.
func (c *cache) entry(key string) (entry, bool) {
	var e entry
	body, err := os.ReadFile(filepath.Join(c.dir, key+".json"))
	if err != nil || json.Unmarshal(body, &e) != nil || strings.TrimSuffix(e.File, filepath.Ext(e.File)) != key {
		return entry{}, false
	}
	if info, err := os.Stat(filepath.Join(c.dir, e.File)); err != nil || !info.Mode().IsRegular() {
		return entry{}, false
	}
	return e, true
}

func (c *cache) write(key string, e entry) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(c.dir, "fetch-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.Write(body)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), filepath.Join(c.dir, key+".json"))
}

// trim counts what is there and removes what was used longest ago, down to nine tenths of the limit, and what fetches
// have left that were killed. It never touches keep, nor files that are not the cache's.
func (c *cache) trim(keep string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	type file struct {
		name string
		size int64
		used time.Time
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var files []file
	c.size = 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		key, extension, _ := strings.Cut(e.Name(), ".")
		switch {
		case strings.HasPrefix(e.Name(), "fetch-"):
			if time.Since(info.ModTime()) > leftoverTime {
				_ = os.Remove(filepath.Join(c.dir, e.Name()))
			}
		case len(key) == 64 && slices.Contains(playable, extension):
			files = append(files, file{e.Name(), info.Size(), info.ModTime()})
			c.size += info.Size()
		}
	}
	if c.size <= c.most {
		return
	}
	slices.SortFunc(files, func(a, b file) int { return a.used.Compare(b.used) })
	for _, f := range files {
		if c.size <= c.most/10*9 {
			return
		}
		if f.name == keep {
			continue
		}
		key, _, _ := strings.Cut(f.name, ".")
		_ = os.Remove(filepath.Join(c.dir, key+".json"))
		if os.Remove(filepath.Join(c.dir, f.name)) == nil {
			c.size -= f.size
		}
	}
}

// fresh tells how long an answer may be played without asking again. Source: RFC 9111 5.2.2.
func fresh(h http.Header) time.Time {
	now := time.Now()
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return now
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return now
			}
			return now.Add(min(time.Duration(seconds)*time.Second, freshAtMost))
		}
	}
	return now.Add(freshFor)
}

// extensions are those by which the switch knows each type. Source: twiml.md 4.2.
var extensions = map[string]string{
	"audio/wav": "wav", "audio/wave": "wav", "audio/x-wav": "wav", "audio/vnd.wave": "wav", "audio/x-pn-wav": "wav",
	"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/x-mpeg": "mp3", "audio/mpeg3": "mp3",
	"audio/ogg": "ogg", "application/ogg": "ogg", "audio/opus": "ogg",
	"audio/aiff": "aiff", "audio/x-aiff": "aiff", "audio/x-aifc": "aiff", "audio/basic": "au", "audio/ulaw": "ul",
	"audio/gsm": "gsm", "audio/x-gsm": "gsm", "audio/flac": "flac", "audio/x-flac": "flac",
}

var playable = slices.Compact(slices.Sorted(maps.Values(extensions)))

// unspecific types say nothing of what a file is.
var unspecific = []string{"", "application/octet-stream", "binary/octet-stream", "application/x-octet-stream",
	"application/force-download", "application/download"}

// kind tells what audio it is: by Content-Type and, where that does not tell, by the address's extension, and by its
// first bytes. Source: twiml.md 4.2.
func kind(contentType, address, file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 12)
	n, _ := io.ReadFull(f, head)
	if n == 0 {
		return "", errors.New("the answer is empty")
	}
	media, _, _ := mime.ParseMediaType(contentType)
	media = cmp.Or(media, strings.ToLower(strings.TrimSpace(contentType)))
	if e, ok := extensions[media]; ok {
		return e, nil
	}
	if strings.HasPrefix(media, "audio/") || slices.Contains(unspecific, media) {
		path, _, _ := strings.Cut(address, "?")
		if e := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), ".")); slices.Contains(playable, e) {
			return e, nil
		}
		switch s := string(head[:n]); {
		case strings.HasPrefix(s, "RIFF") && strings.HasSuffix(s, "WAVE"):
			return "wav", nil
		case strings.HasPrefix(s, "ID3"), strings.HasPrefix(s, "\xff\xfb"), strings.HasPrefix(s, "\xff\xf3"),
			strings.HasPrefix(s, "\xff\xf2"):
			return "mp3", nil
		case strings.HasPrefix(s, "OggS"):
			return "ogg", nil
		case strings.HasPrefix(s, "fLaC"):
			return "flac", nil
		}
	}
	return "", fmt.Errorf("content type %q is no audio that can be played", clip(contentType))
}
