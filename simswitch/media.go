package simswitch

import (
	"strings"
	"time"
)

// endless is the length of what never ends.
const endless = time.Duration(-1)

// mediaLength is how long a file name plays: endless, or false if it cannot be opened.
func (c *channel) mediaLength(file string) (time.Duration, bool) {
	name := file
	for strings.HasPrefix(name, "{") { // {param=value} before the name
		_, rest, ok := strings.Cut(name, "}")
		if !ok {
			break
		}
		name = strings.TrimLeft(rest, " ")
	}
	scheme, rest, ok := strings.Cut(name, "://")
	if !ok {
		return c.s.config.Media(name)
	}
	switch scheme {
	case "silence_stream":
		text, _, _ := strings.Cut(rest, ",")
		if ms := number(text); ms > 0 {
			return time.Duration(ms) * time.Millisecond, c.s.hasModule("mod_tone_stream")
		}
		return endless, c.s.hasModule("mod_tone_stream")
	case "tone_stream":
		return toneLength(rest), c.s.hasModule("mod_tone_stream")
	case "local_stream":
		return endless, c.s.hasModule("mod_local_stream")
	case "file_string":
		var total time.Duration
		for _, one := range strings.Split(rest, "!") {
			if d, ok := c.mediaLength(one); d == endless {
				return endless, true
			} else if ok {
				total += d
			}
		}
		return total, true
	}
	return c.s.config.Media(name)
}

// toneLength is the length of a tone description: %(on,off,frequency…) in ms, loops=N (-1: for ever), and keys of
// 250 ms. Source: libteletone's language.
func toneLength(text string) time.Duration {
	loops := 1
	var total time.Duration
	for _, command := range strings.Split(text, ";") {
		name, value, ok := strings.Cut(command, "=")
		if ok && !strings.ContainsAny(name, "%(") {
			if strings.EqualFold(name, "loops") || strings.EqualFold(name, "l") {
				loops = number(value)
			}
			continue
		}
		for command != "" {
			if tone, rest, ok := strings.Cut(command, ")"); ok && strings.HasPrefix(command, "%(") {
				times := strings.Split(tone[2:], ",")
				total += time.Duration(number(times[0])+number(part(times, 1))) * time.Millisecond
				command = rest
				continue
			}
			if strings.IndexByte("0123456789*#ABCD", command[0]) >= 0 {
				total += 250 * time.Millisecond
			}
			command = command[1:]
		}
	}
	if loops < 0 {
		return endless
	}
	return total * time.Duration(max(loops, 1))
}
