package kazoojson

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"fspivot/dialplan"
	"fspivot/egress"
)

// recordCaller answers and records what the caller says, without a beep, until a key, 5 s of silence, the limit or the
// hangup ends it; then the file is sent to URL, or kept where there is none. The key is forgotten. Continues with "_".
//
//	{"module": "record_caller", "data": {"time_limit": 120, "url": "https://dictation.example.com/7", "method": "post"}}
//
// A recording that can't be made or delivered is not begun: "_" is next, with a record, and nobody has answered.
// Source: callflow-modules-p-r.md 9; twiml.md 5.1.
type recordCaller struct {
	Format string        // "mp3" or "wav"; default: Media's
	Limit  time.Duration // time_limit, 5–10800 whole seconds; default 1 h
	URL    string        // http or https, "": it is kept here
	Method string        // "PUT" or "POST"; default PUT
}

const (
	callerSilence   = 5 * time.Second
	callerThreshold = 200 // energy level under which it is silent
)

func parseRecordCaller(d *Data) module {
	m := &recordCaller{
		Limit:  time.Duration(d.integer("time_limit", 3600, 5, 10800)) * time.Second,
		URL:    strings.TrimSpace(d.text("url", "")),
		Method: strings.ToUpper(d.word("method", "put", "put", "post")),
	}
	if d.values["format"] != nil {
		m.Format = d.word("format", "wav", "mp3", "wav")
	}
	if m.URL != "" {
		if _, err := egress.ParseURL(m.URL); err != nil {
			d.refuse("url", "%w", err)
		}
	}
	return m
}

func (m *recordCaller) run(ctx context.Context, c *runner) (step, error) {
	recording, err := c.Media.Recording(m.URL, m.Method, m.Format)
	if err != nil {
		c.Timeline.Error("", "no recording can be made: "+err.Error())
		return next(), nil
	}
	c.Call.SetChannelVar("Media-Name", path.Base(recording.File.String()))
	if m.URL != "" {
		c.Call.SetChannelVar("Media-Transfer-Method", strings.ToLower(m.Method))
		c.Call.SetChannelVar("Media-Transfer-Destination", m.URL)
	}
	c.keep()
	c.Channel.Queue(dialplan.Answer{})
	done, err := c.Channel.Do(ctx, dialplan.Record{
		File: recording.File, Limit: m.Limit, Silence: callerSilence, Threshold: callerThreshold, Stop: dialplan.Any,
	})
	c.Media.Finished(recording, done.Recorded().Length)
	if err != nil && !errors.Is(err, dialplan.ErrGone) {
		return stop(), err
	}
	c.Channel.ForgetDigits()
	return next(), err
}
