package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/timeline"
)

// Limits of uploads. Source: twiml.md 5.1.
const (
	uploadTime = time.Minute
	maxUploads = 8                // at a time; more wait
	settleTime = 10 * time.Second // that the switch has to finish a file after it said so
	quietTime  = 3 * time.Second  // without growth
	settlePoll = 100 * time.Millisecond
)

// uploadPauses are those between tries.
var uploadPauses = []time.Duration{time.Second, 5 * time.Second}

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
	if format != "" && !strings.EqualFold(format, "wav") {
		c.Timeline.Warn("", fmt.Sprintf("recording format %q: wav is written", clip(format)))
	}
	dir, err := c.folder()
	if err != nil {
		return Recording{}, err
	}
	file, err := dialplan.LocalFile(filepath.Join(dir, name))
	if err != nil {
		return Recording{}, err
	}
	r := Recording{ID: id, File: file}
	if c.BaseURL != "" {
		r.URL = c.BaseURL + "/v2/accounts/" + url.PathEscape(c.Account) + "/recordings/" + id
	}
	if upload != "" {
		u, err := target(base, upload)
		if err != nil {
			return Recording{}, fmt.Errorf("recording url: %w", err)
		}
		r.UploadURL = u.Append(name)
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

// folder is the account's, made where it is missing. It takes the mode of the folder of all recordings, whatever this
// process's mask: who may write there, the switch, may write here.
func (c *Call) folder() (string, error) {
	if c.Account == "." || !filepath.IsLocal(c.Account) || strings.ContainsAny(c.Account, `/\`) {
		return "", fmt.Errorf("account %q is no folder name", clip(c.Account))
	}
	dir := filepath.Join(c.Recordings, c.Account)
	switch err := os.Mkdir(dir, 0o775); {
	case errors.Is(err, os.ErrExist):
		return dir, nil
	case err != nil:
		return "", err
	}
	if info, err := os.Stat(c.Recordings); err == nil {
		_ = os.Chmod(dir, info.Mode()&(os.ModePerm|os.ModeSetgid))
	}
	return dir, nil
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
	client, line := c.Client, c.Timeline
	c.uploads.run(func(ctx context.Context) {
		if err := upload(ctx, client, r); err != nil {
			line.Error("", fmt.Sprintf("recording %s stays in media.recordings: %v", r.ID, err))
			return
		}
		line.Add(timeline.Record{Kind: timeline.KindAnswer, From: timeline.Web, To: timeline.FSPivot,
			Text: "recording stored: " + r.UploadURL.Redacted()})
	})
}

// uploads are those under way.
type uploads struct {
	running sync.WaitGroup
	slots   chan struct{}
	life    context.Context // of all of them: they outlive their calls
	stop    context.CancelFunc
}

func (u *uploads) run(upload func(context.Context)) {
	u.running.Go(func() {
		select {
		case u.slots <- struct{}{}:
			defer func() { <-u.slots }()
		case <-u.life.Done():
		}
		upload(u.life)
	})
}

func (u *uploads) close(patience time.Duration) {
	timer := time.AfterFunc(patience, u.stop)
	u.running.Wait()
	timer.Stop()
	u.stop()
}

// upload sends a recording, again when that failed. The error is the last try's.
func upload(ctx context.Context, client *egress.Client, r Recording) error {
	for try := 0; ; try++ {
		err := send(ctx, client, r)
		if err == nil || try == len(uploadPauses) || ctx.Err() != nil {
			return err
		}
		if wait(ctx, uploadPauses[try]) != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func send(ctx context.Context, client *egress.Client, r Recording) error {
	if err := settled(ctx, r.File.String()); err != nil {
		return err
	}
	response, err := client.Do(ctx, egress.Request{Method: r.UploadMethod, URL: r.UploadURL, File: r.File.String(),
		ContentType: "audio/wav", Timeout: uploadTime})
	switch {
	case err != nil:
		return err
	case response.Status/100 != 2:
		return fmt.Errorf("%s answered %d", response.URL.Redacted(), response.Status)
	case response.Method != r.UploadMethod:
		return fmt.Errorf("%s was asked with %s: a redirect with 307 or 308 would have kept the recording",
			response.URL.Redacted(), response.Method)
	}
	return nil
}

// settled waits until the switch has finished a file: when it closes a WAV file it writes its length into the header. A
// file that has not grown for a while counts as finished all the same.
func settled(ctx context.Context, file string) error {
	started := time.Now()
	changed, last := started, int64(-1)
	for {
		whole, size, err := finished(file)
		if err != nil || whole {
			return err
		}
		now := time.Now()
		if size != last {
			changed, last = now, size
		}
		switch {
		case now.Sub(changed) >= quietTime && size > 0:
			return nil
		case now.Sub(started) >= settleTime:
			return fmt.Errorf("%s is still being written", filepath.Base(file))
		}
		if err := wait(ctx, settlePoll); err != nil {
			return err
		}
	}
}

// finished tells whether a file is a WAV file that was closed.
func finished(file string) (whole bool, size int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return false, 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return false, 0, err
	}
	head := make([]byte, 12)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return false, info.Size(), nil
	}
	// A chunk of odd length has a byte behind it that some writers leave out.
	missing := int64(binary.LittleEndian.Uint32(head[4:])) + 8 - info.Size()
	return missing == 0 || missing == 1, info.Size(), nil
}
