package kazoojson

import (
	"context"

	"fspivot/dialplan"
)

// response rejects the call with a SIP status, after a piece of media as early media, which no key stops. It does not
// answer; a call that was answered is hung up. The flow ends, and so does one that it was branched from.
//
//	{"module": "response", "data": {"code": 480, "message": "Closed", "media": "tone_stream://%(250,250,480,620)"}}
//
// Source: callflow-modules-p-r.md 11.
type response struct {
	Code   int    // 300–699; another hangs up without a status. Default 486
	Phrase string // message; "": the switch's own
	Media  string // a media reference of at most 2048 characters; "": none
}

const (
	defaultCode    = 486
	maxMediaLength = 2048
)

func parseResponse(d *Data) module {
	m := &response{Code: defaultCode, Phrase: d.text("message", ""), Media: d.text("media", "")}
	if n, there := d.whole("code"); there {
		m.Code = int(min(max(n, 0), 1000))
		if !sendable(m.Code) {
			d.warn("code", "%d is not between 300 and 699: the call is hung up", n)
		}
	}
	if n := len([]rune(m.Media)); n > maxMediaLength {
		d.lenient("media", "has %d characters, over %d: it is left out", n, maxMediaLength)
		m.Media = ""
	}
	return m
}

func sendable(code int) bool { return code >= 300 && code < 700 }

func (m *response) run(ctx context.Context, c *runner) (step, error) {
	if err := c.respond(ctx, m.Code, m.Phrase, m.Media); err != nil {
		return stop(), err
	}
	// A status below 400 leaves the call up. Behind a rejected call there is nobody for a flow to go on with.
	c.Channel.Queue(dialplan.Hangup{})
	return stop(), c.Channel.WaitForEnd(ctx)
}

// respond plays media as early media, without keys that stop it, and then sends a status; media may be "", and a code
// that can't be sent is not.
func (c *runner) respond(ctx context.Context, code int, phrase, media string) error {
	if media != "" {
		if !c.Channel.Answered() {
			c.Channel.Queue(dialplan.PreAnswer{})
		}
		file, err := c.file(ctx, media)
		if err != nil {
			return err
		}
		if !file.IsZero() {
			if _, err := c.Channel.Do(ctx, dialplan.Playback{File: file}); err != nil {
				return err
			}
		}
	}
	if sendable(code) {
		c.Channel.Queue(dialplan.Respond{Code: code, Phrase: phrase})
	}
	return nil
}
