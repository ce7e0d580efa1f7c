package media

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fspivot/dialplan"
)

// Built-in voices. Source: twiml.md 4.1.1.
var voices = map[string]string{"man": "rms", "male": "rms", "woman": "slt", "female": "slt", "alice": "slt"}

// ErrNoEngine says that the switch has not loaded the module of a speech engine: it would hang up over a speak.
var ErrNoEngine = errors.New("media: the switch has no such speech engine")

// Speech gives the application that says text, or ErrNoEngine; the error of a call that is gone is dialplan.ErrGone. Text in a voice or engine that is not known is said by the default one,
// with a record. The language is ignored: the engines at hand have one. Source: twiml.md 4.1, 4.1.1.
func (c *Call) Speech(ctx context.Context, text dialplan.Text, voice, _, engine string, stop dialplan.Digits) (dialplan.Application, error) {
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
		c.Timeline.Warn("12200", fmt.Sprintf("speech engine %q is not configured: %s speaks", clip(engine), v.Engine))
	}
	if has, err := c.speaks(ctx, v.Engine); err != nil {
		return nil, err
	} else if !has {
		return nil, fmt.Errorf("%w: load mod_%s there or choose another in media.tts", ErrNoEngine, v.Engine)
	}
	return dialplan.Speak{Voice: v, Text: text, Stop: stop}, nil
}

// speaks tells whether the call's switch has an engine. One that it has is asked for once for each switch, one that it
// lacks at each call: it may have been loaded since. Source: docs/reference/esl.md, End of a call.
func (c *Call) speaks(ctx context.Context, engine string) (bool, error) {
	type loaded struct{ id, module string }
	key := loaded{c.Channel.SwitchID(), "mod_" + engine}
	if _, ok := c.engines.Load(key); ok && key.id != "" {
		return true, nil
	}
	has, err := c.Channel.HasModule(ctx, key.module)
	if has {
		c.engines.Store(key, true)
	}
	return has, err
}

func lookup(m map[string]string, key string) (string, bool) {
	v, ok := m[key]
	if !ok {
		v, ok = m[strings.ToLower(key)]
	}
	return v, ok
}
