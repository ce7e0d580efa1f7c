package simswitch

import (
	"strings"
	"time"
	"unicode/utf8"
)

// playStatus is how a play ended, in FreeSWITCH's words.
type playStatus int

const (
	played      playStatus = iota // SWITCH_STATUS_SUCCESS
	interrupted                   // SWITCH_STATUS_BREAK
	notFound                      // SWITCH_STATUS_NOTFOUND
	failed                        // SWITCH_STATUS_FALSE
)

// response is the Application-Response of a playback.
func (s playStatus) response() string {
	switch s {
	case played, interrupted:
		return "FILE PLAYED"
	case notFound:
		return "FILE NOT FOUND"
	}
	return "PLAYBACK ERROR"
}

// playFile plays a file, or with playback_delimiter set a list of them with 250 ms (playback_sleep_val) between.
// Keys go to key; nil leaves them. A uuid_break ends one file of a list, a key all of it.
// Source: switch_ivr_play_say.c switch_ivr_play_file.
func (c *channel) playFile(file string, key func(byte) bool) playStatus {
	if !c.outbound {
		c.preAnswer()
	}
	if file == "" || !c.ready() {
		return failed
	}
	files := []string{file}
	if delimiter := c.get("playback_delimiter"); delimiter != "" {
		files = separate(file, delimiter[0], 128)
	}
	between := 250 * time.Millisecond
	if text, ok := c.vars.get("playback_sleep_val"); ok {
		between = time.Duration(number(text)) * time.Millisecond
	}
	status := played
	for i, file := range files {
		if !c.ready() {
			break
		}
		if i > 0 && between > 0 {
			switch c.pump(frames{until: time.Now().Add(between), key: key}) {
			case keyed, broken:
				return interrupted
			case gone:
				return failed
			}
		}
		if text, ok := strings.CutPrefix(file, "say:"); ok {
			if engine := c.get("tts_engine"); engine != "" {
				if status = c.speak(engine, text, key); status != played {
					return status
				}
			}
			continue
		}
		length, ok := c.mediaLength(file)
		if !ok {
			status = notFound
			continue
		}
		var end outcome
		if status, end = c.playOne(file, length, key); end == keyed {
			return status
		}
	}
	return status
}

func (c *channel) playOne(file string, length time.Duration, key func(byte) bool) (playStatus, outcome) {
	about := []header{{"Playback-File-Path", file}}
	for _, scheme := range []string{"local_stream", "tone_stream"} {
		if strings.HasPrefix(file, scheme+":") {
			about = append([]header{{"Playback-File-Type", scheme}}, about...)
		}
	}
	c.fire("PLAYBACK_START", about)
	c.s.trace(Trace{Kind: KindPlay, Call: c.uuid, Arg: file, For: length})
	f := frames{key: key}
	start := time.Now()
	if length != endless {
		f.until = start.Add((length + tick - 1) / tick * tick)
	}
	end := c.pump(f)
	status, word := played, "done"
	switch {
	case end == gone && !c.late:
		status = failed
	case end == broken || end == keyed:
		status, word = interrupted, "break"
	}
	at := time.Since(start)
	if length != endless && at > length {
		at = length
	}
	c.setInt("playback_last_offset_pos", int(at.Milliseconds()*8))
	c.setInt("playback_seconds", int(at/time.Second))
	c.setInt("playback_ms", int(at.Milliseconds()))
	c.setInt("playback_samples", int(at.Milliseconds()*8))
	c.fire("PLAYBACK_STOP", append(about, header{"Playback-Status", word}))
	return status, end
}

// speak says a text. Source: switch_ivr_play_say.c switch_ivr_speak_text.
func (c *channel) speak(engine, text string, key func(byte) bool) playStatus {
	if !c.outbound {
		c.preAnswer()
	}
	if !c.ready() || !c.s.hasModule("mod_"+engine) {
		return failed
	}
	length := time.Duration(utf8.RuneCountInString(text)) * c.s.config.SpeechRate
	c.s.trace(Trace{Kind: KindSpeak, Call: c.uuid, Arg: text, For: length})
	switch c.pump(frames{until: time.Now().Add(length), key: key}) {
	case keyed, broken:
		return interrupted
	case gone:
		return failed
	}
	return played
}

// terminator takes keys and ends at one of playback_terminators: "*" unless set, "any", "none" or a list.
// Source: mod_dptools.c on_dtmf.
func (c *channel) terminator(digit byte) bool {
	terminators, ok := c.vars.get("playback_terminators")
	switch {
	case !ok:
		terminators = "*"
	case strings.EqualFold(terminators, "any"):
		terminators = "1234567890*#"
	case strings.EqualFold(terminators, "none"):
		terminators = ""
	}
	if strings.IndexByte(terminators, digit) < 0 {
		return false
	}
	c.set("playback_terminator_used", string(digit))
	return true
}

// playback <file>[@@<samples>]
func runPlayback(c *channel, arg string) {
	file, _, _ := strings.Cut(arg, "@@")
	c.set("playback_terminator_used", "")
	c.respondWith(c.playFile(file, c.terminator).response())
}

// loop_playback [+<times>] <file>
func runLoopPlayback(c *channel, arg string) {
	times := -1
	if rest, ok := strings.CutPrefix(arg, "+"); ok {
		text, file, _ := strings.Cut(rest, " ")
		times, arg = number(text), strings.TrimLeft(file, " ")
	}
	c.set("playback_terminator_used", "")
	status := failed
	for ; times != 0 && c.ready(); times-- {
		if status = c.playFile(arg, c.terminator); status != played {
			break
		}
	}
	c.respondWith(status.response())
}

// endless_playback <file> is deaf to keys.
func runEndlessPlayback(c *channel, arg string) {
	for c.ready() {
		if c.playFile(arg, nil) != played {
			return
		}
	}
}

// speak <engine>|<voice>|<text>; engine and voice may come from tts_engine and tts_voice. With one of them missing
// the call ends.
func runSpeak(c *channel, arg string) {
	if arg == "" {
		return
	}
	parts := separate(arg, '|', 3)
	engine, voice, text := c.get("tts_engine"), c.get("tts_voice"), ""
	switch len(parts) {
	case 0:
		return
	case 1:
		text = arg
	case 2:
		voice = parts[0]
		_, text, _ = strings.Cut(arg, "|")
	default:
		engine, voice = parts[0], parts[1]
		_, text, _ = strings.Cut(arg, "|")
		_, text, _ = strings.Cut(text, "|")
	}
	if engine == "" || voice == "" || text == "" {
		c.hangup(outOfOrder, hungUpBySwitch)
		return
	}
	c.set("playback_terminator_used", "")
	c.speak(engine, text, c.terminator)
}

// say <language> <type> <method> <text>: the recorded words of a number, as long as they would be to speak.
func runSay(c *channel, arg string) {
	parts := separate(arg, ' ', 4)
	if len(parts) < 4 {
		return
	}
	c.set("playback_terminator_used", "")
	c.speak("say_en", parts[3], c.terminator)
}
