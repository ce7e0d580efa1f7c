package media

import (
	"fmt"
	"strings"

	"fspivot/dialplan"
)

// Built-in voices. Source: twiml.md 4.1.1.
var voices = map[string]string{"man": "rms", "male": "rms", "woman": "slt", "female": "slt", "alice": "slt"}

// Speech gives the application that says text. Text in a voice or engine that is not known is said by the default one,
// with a record. The language is ignored: the engines at hand have one. Source: twiml.md 4.1, 4.1.1.
func (c *Call) Speech(text dialplan.Text, voice, _, engine string, stop dialplan.Digits) (dialplan.Application, error) {
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
	return dialplan.Speak{Voice: v, Text: text, Stop: stop}, nil
}

func lookup(m map[string]string, key string) (string, bool) {
	v, ok := m[key]
	if !ok {
		v, ok = m[strings.ToLower(key)]
	}
	return v, ok
}
