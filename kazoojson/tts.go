package kazoojson

import (
	"context"
	"errors"
	"unicode/utf8"

	"fspivot/dialplan"
)

// tts answers and speaks a text. Another engine than the configured one, and a voice that is not known, are replaced,
// with a record; a text that can't be spoken is skipped with one. Keys are kept as in play. Continues with "_".
//
//	{"module": "tts", "data": {"text": "Welcome to the help desk", "voice": "female", "terminators": ["#"]}}
//
// Unlike in Kazoo, endless_playback works: until a key of Stop or the hangup. Source: callflow-modules-s-z.md, tts.
type tts struct {
	Text     string
	Voice    string          // "": the configuration's, a female one by default
	Language string          // "": the call's
	Engine   string          // "": the configuration's
	Stop     dialplan.Digits // terminators; default all of 0-9 * #, []: none
	Endless  bool
}

// maxText is how many characters a web server may have spoken at once. Source: Kazoo schema callflows.tts.
const maxText = 1000

func parseTTS(d *Data) module {
	m := &tts{
		Text: d.text("text", ""), Voice: d.text("voice", ""), Language: d.text("language", ""),
		Engine: d.text("engine", ""), Stop: d.terminators(), Endless: d.boolean("endless_playback", false),
	}
	switch n := utf8.RuneCountInString(m.Text); {
	case n == 0:
		d.lenient("text", "is missing: nothing is said")
	case n > maxText:
		d.lenient("text", "has %d characters, over %d", n, maxText)
	}
	return m
}

func (m *tts) run(ctx context.Context, c *runner) (step, error) {
	c.Channel.Queue(dialplan.Answer{})
	text := dialplan.Spoken(m.Text)
	if text.Empty() {
		return next(), nil
	}
	language := m.Language
	if language == "" {
		language = c.Call.Language
	}
	app, err := c.Media.Speech(ctx, text, m.Voice, language, m.Engine, m.Stop)
	if err != nil && m.Engine+m.Voice != "" && !errors.Is(err, dialplan.ErrGone) && ctx.Err() == nil {
		app, err = c.Media.Speech(ctx, text, "", language, "", m.Stop)
	}
	switch {
	case errors.Is(err, dialplan.ErrGone):
		return stop(), err
	case ctx.Err() != nil:
		return stop(), context.Cause(ctx)
	case err != nil:
		c.Timeline.Error("13511", "a text can't be spoken: "+err.Error())
		return next(), nil
	}
	times := 1
	if m.Endless {
		times = 0
	}
	return next(), c.repeat(ctx, app, times, m.Stop)
}
