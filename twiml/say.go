package twiml

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"

	"fspivot/dialplan"
)

// Say reads a text out, after it has answered.
//
//	<Say loop="2" voice="woman" language="en-GB" terminators="#">Hello <break time="500ms"/> you</Say>
//
// Loop is from 0, which is until hangup or a key. A key of Terminators ends all repetitions; by default it is any key
// in dialect pivot and none in twilio. The text is cut at a blank after 4096 characters. SSML becomes text and silence.
// A text that can't be spoken is skipped with a record. Source: twiml.md 4.1.
type Say struct {
	Parts                   []Spoken
	Loop                    int
	Voice, Language, Engine string
	Terminators             dialplan.Digits
	Default                 bool // the document names no terminators
}

// Spoken is a piece of a Say: a text, or silence.
type Spoken struct {
	Text     string
	Language string // of this piece; "": the Say's
	Silence  time.Duration
}

const sayLimit = 4096

func parseSay(e *element) verb {
	v := &Say{Loop: e.loop("13510"), Voice: e.attribute("voice"), Language: e.attribute("language"), Engine: e.attribute("engine")}
	v.Terminators, v.Default = e.terminators()
	var r speech
	r.content(e)
	v.Parts = r.done()
	length := 0
	for _, p := range v.Parts {
		length += utf8.RuneCountInString(p.Text)
	}
	switch {
	case len(v.Parts) == 0:
		e.problem("13520", "Say has no text: it is skipped")
	case length > sayLimit:
		e.problem("13521", "Say has %d characters: it is cut at %d", length, sayLimit)
	}
	return v
}

// terminators are the keys that end a Say or Play, and whether they are the dialect's default.
func (e *element) terminators() (keys dialplan.Digits, byDefault bool) {
	if !e.has("terminators") {
		return "", true
	}
	const invalid = dialplan.Digits("?")
	if keys = e.keys("terminators", invalid, "12200"); keys == invalid {
		return "", true
	}
	return keys, false
}

// stop are the keys that end a free-standing Say or Play.
func (s *session) stop(keys dialplan.Digits, byDefault bool) dialplan.Digits {
	switch {
	case !byDefault:
		return keys
	case s.twilio():
		return ""
	}
	return allKeys
}

func (v *Say) run(ctx context.Context, s *session) (outcome, error) {
	s.answer()
	stop := s.stop(v.Terminators, v.Default)
	apps, err := v.applications(ctx, s, stop)
	if err != nil {
		return next, err
	}
	return next, s.play(ctx, apps, v.Loop, stop)
}

// applications say the text once. The error is the call's end, or the context's.
func (v *Say) applications(ctx context.Context, s *session, stop dialplan.Digits) ([]dialplan.Application, error) {
	limit := s.Settings.SayLimit
	if limit <= 0 {
		limit = sayLimit
	}
	parts, isCut := cut(v.Parts, limit)
	if isCut && limit != sayLimit { // that one has its problem from the parser
		s.Timeline.Warn("13521", fmt.Sprintf("a text is cut at %d characters", limit))
	}
	var apps []dialplan.Application
	for _, p := range parts {
		if p.Silence > 0 {
			apps = append(apps, dialplan.Playback{File: dialplan.Silence(p.Silence), Stop: stop})
			continue
		}
		text := dialplan.Spoken(p.Text)
		if text.Empty() {
			continue
		}
		language := p.Language
		if language == "" {
			language = v.Language
		}
		app, err := s.Media.Speech(ctx, text, v.Voice, language, v.Engine, stop)
		if err != nil && ending(ctx, err) == nil && v.Engine+v.Voice != "" {
			app, err = s.Media.Speech(ctx, text, "", language, "", stop)
		}
		if err := ending(ctx, err); err != nil {
			return nil, err
		}
		if err != nil {
			s.Timeline.Error("13511", "a text can't be spoken: "+err.Error())
			continue
		}
		apps = append(apps, app)
	}
	return apps, nil
}

// cut shortens parts to limit characters, at a blank, and tells whether it had to.
func cut(parts []Spoken, limit int) ([]Spoken, bool) {
	for i, p := range parts {
		n := utf8.RuneCountInString(p.Text)
		if n <= limit {
			limit -= n
			continue
		}
		text := string([]rune(p.Text)[:limit])
		if blank := strings.LastIndexByte(text, ' '); blank > 0 && []rune(p.Text)[limit] != ' ' {
			text = text[:blank]
		}
		list := append([]Spoken(nil), parts[:i]...)
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, Spoken{Text: text, Language: p.Language})
		}
		return list, true
	}
	return parts, false
}

// speech gathers what a Say's content comes to.
type speech struct {
	parts    []Spoken
	text     strings.Builder
	language string
}

// flush ends the piece of text.
func (r *speech) flush() {
	if text := strings.Join(strings.Fields(r.text.String()), " "); text != "" {
		r.parts = append(r.parts, Spoken{Text: text, Language: r.language})
	}
	r.text.Reset()
}

// silence ends a word, however short it is.
func (r *speech) silence(d time.Duration) {
	r.text.WriteByte(' ')
	if d > 0 {
		r.flush()
		r.parts = append(r.parts, Spoken{Silence: d})
	}
}

// done gives the pieces; silence alone is nothing to say.
func (r *speech) done() []Spoken {
	r.flush()
	for _, p := range r.parts {
		if p.Text != "" {
			return r.parts
		}
	}
	return nil
}

func (r *speech) content(e *element) {
	children := e.children()
	for _, token := range e.Child {
		switch t := token.(type) {
		case *etree.CharData:
			r.text.WriteString(t.Data)
		case *etree.Element:
			r.tag(children[0])
			children = children[1:]
		}
	}
}

// tag degrades one SSML element. The second spelling of each is that of Twilio's Go library. Source: twiml.md 4.1.2.
func (r *speech) tag(e *element) {
	switch e.name() {
	case "break", "Break":
		r.silence(breakTime(e))
	case "emphasis", "Emphasis", "phoneme", "Phoneme", "prosody", "Prosody", "w", "W", "amazon:effect", "mark":
		r.content(e)
	case "lang", "Lang":
		r.lang(e)
	case "p", "P":
		r.silence(0)
		r.content(e)
		r.silence(700 * time.Millisecond)
	case "s", "S":
		r.silence(0)
		r.content(e)
		r.silence(400 * time.Millisecond)
	case "say-as", "SayAs":
		r.sayAs(e)
	case "speak":
		r.lang(e)
	case "sub", "Sub":
		if alias, ok := ssml(e, "alias"); ok {
			r.text.WriteString(alias)
			return
		}
		r.content(e)
	default:
		e.problem("12200", "%s is not known inside Say: it is skipped", clip(e.name()))
	}
}

// ssml is an attribute of an SSML element, by any of its spellings.
func ssml(e *element, names ...string) (string, bool) {
	for _, a := range e.Attr {
		for _, name := range names {
			if a.FullKey() == name {
				return strings.TrimSpace(a.Value), true
			}
		}
	}
	return "", false
}

func (r *speech) lang(e *element) {
	language, ok := ssml(e, "xml:lang", "xmlLang")
	if !ok || language == "" {
		r.content(e)
		return
	}
	r.flush()
	before := r.language
	r.language = language
	r.content(e)
	r.flush()
	r.language = before
}

func (r *speech) sayAs(e *element) {
	as, _ := ssml(e, "interpret-as", "interpretAs", "role")
	switch strings.ToLower(as) {
	case "expletive":
		r.silence(400 * time.Millisecond)
	case "characters", "spell-out", "digits", "telephone":
		inner := speech{language: r.language}
		inner.content(e)
		inner.flush()
		for _, p := range inner.parts {
			r.text.WriteByte(' ')
			if p.Silence > 0 {
				r.silence(p.Silence)
				continue
			}
			for _, c := range p.Text {
				r.text.WriteString(string(c) + " ")
			}
		}
	default:
		r.content(e)
	}
}

// breakTime is a break's length: its time, in s or ms and at most 10 s, or its strength.
func breakTime(e *element) time.Duration {
	const most = 10 * time.Second
	if value, ok := ssml(e, "time"); ok && value != "" {
		unit := time.Second
		number, isMilli := strings.CutSuffix(value, "ms")
		if isMilli {
			unit = time.Millisecond
		} else {
			number = strings.TrimSuffix(value, "s")
		}
		if f, err := strconv.ParseFloat(strings.TrimSpace(number), 64); err == nil && f >= 0 {
			return time.Duration(min(f*float64(unit), float64(most)))
		}
		e.problem("12200", "break time=%q is no time in s or ms", clip(value))
	}
	strengths := map[string]time.Duration{
		"none": 0, "x-weak": 100, "weak": 200, "medium": 400, "": 400, "strong": 700, "x-strong": 1000,
	}
	value, _ := ssml(e, "strength")
	ms, ok := strengths[strings.ToLower(value)]
	if !ok {
		e.problem("12200", "break strength=%q is not known", clip(value))
		ms = strengths[""]
	}
	return ms * time.Millisecond
}
