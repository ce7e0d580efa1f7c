package dialplan

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// longestTone is how much audio a tone may be. The switch makes all of it in memory before it plays the first sample.
const longestTone = 10 * time.Minute

var (
	toneLoops   = regexp.MustCompile(`(?i);loops=(-?[0-9]{1,9})$`)
	toneSetting = regexp.MustCompile(`^([vdwlL>+])=(-?[0-9]*\.?[0-9]+)$`)
	toneGroup   = regexp.MustCompile(`^%\(([0-9]{1,6}),([0-9]{1,6})((?:,[0-9]{1,5}(?:\.[0-9]{1,6})?){1,18})\)`)
)

// Tone is a tone_stream in TGML: settings and tones between semicolons, loops last. Blanks are dropped.
//
//	%(500,0,440)                                    500 ms on, 0 ms off, 440 Hz
//	%(2000,4000,440,480);loops=3                    two frequencies; -1: for ever
//	v=-7;>=2;+=.1;%(1400,0,350,440);L=2;123#        volume, decay, repetition, keys
//
// It is at most 10 minutes of audio before the loops, and nothing else of TGML may be used: its path= reads a file, and
// l=-1 fills the switch's memory. Source: FreeSWITCH 1.10.12 mod_tone_stream, libteletone teletone_run.
func Tone(spec string) (File, error) {
	fault := func(what string) (File, error) {
		return File{}, fmt.Errorf("tone_stream %q: %s", clip(spec), what)
	}
	text := strings.ReplaceAll(spec, " ", "")
	if text == "" || len(text) > 1024 {
		return fault("is empty or over 1024 bytes")
	}
	var total, key time.Duration
	repeat := 1
	for part := range strings.SplitSeq(toneLoops.ReplaceAllString(text, ""), ";") {
		if m := toneSetting.FindStringSubmatch(part); m != nil {
			number, _ := strconv.ParseFloat(m[2], 64) // the pattern's numbers are ones
			switch m[1] {
			case "d", "w":
				if number < 0 || number > 60_000 {
					return fault(part + " is not of 0–60000 ms")
				}
				key += time.Duration(number) * time.Millisecond
			case "l", "L":
				if number < 1 || number > 100 {
					return fault(part + " is not of 1–100")
				}
				if repeat *= int(number); repeat > 1000 {
					return fault("is repeated over 1000 times")
				}
			}
			continue
		}
		for part != "" {
			if m := toneGroup.FindStringSubmatch(part); m != nil {
				on, _ := strconv.Atoi(m[1])
				off, _ := strconv.Atoi(m[2])
				total += time.Duration(on+off) * time.Millisecond
				part = part[len(m[0]):]
				continue
			}
			if !strings.ContainsRune(Keys, rune(part[0])) {
				return fault("is not a tone specification")
			}
			total += key + time.Second // about; what d= and w= say counts in full for each key
			part = part[1:]
		}
	}
	switch {
	case total == 0:
		return fault("has no tone")
	case total*time.Duration(repeat) > longestTone:
		return fault("is over " + longestTone.String() + " long")
	}
	return File{toneScheme + text}, nil
}

const toneScheme = "tone_stream://"

// Beep is what callers hear before a recording: 440 Hz for half a second. Source: twiml.md 4.5.
func Beep() File { return File{toneScheme + "%(500,0,440)"} }

// DefaultRingback is the tone that an answered caller hears while legs ring. Source: callflow-engine.md 14.
const DefaultRingback = "%(2000,4000,440,480)"

// ringback is a file as the variable of that name wants it. Of a tone it is the bare specification, which the switch
// repeats: a tone_stream that ends, ends the attempt. Source: docs/reference/esl.md, Results.
func (f File) ringback() string {
	if f.name == "" {
		return DefaultRingback
	}
	if spec, ok := strings.CutPrefix(f.name, toneScheme); ok {
		return toneLoops.ReplaceAllString(spec, "")
	}
	return f.name
}
