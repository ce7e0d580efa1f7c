package simswitch

import (
	"regexp"
	"strings"
	"time"
)

// request is what read and play_and_get_digits ask for.
type request struct {
	min, max       int
	prompt         string
	name           string        // variable for the result
	first, between time.Duration // until the first key, and between keys
	terminators    string        // "=" first: one is required; "+" or "x" before one: it is part of the result
}

// readStatus is how a read ended.
type readStatus int

const (
	readSuccess readStatus = iota
	readTimeout
	readFailure  // SWITCH_STATUS_FALSE and the like
	readTooShort // SWITCH_STATUS_TOO_SMALL
	readRestart  // a terminator marked with x
)

// read plays the prompt, which a key ends, and collects keys. Result variables: read_result, read_terminator_used
// (left over from earlier reads if no terminator came) and the named one. Source: switch_ivr_play_say.c
// switch_ivr_read.
func (c *channel) read(r request) (string, readStatus) {
	if r.between == 0 {
		r.between = r.first
	}
	r.max = max(r.max, r.min)
	c.set("read_result", "")
	c.set(r.name, "")
	digits := ""
	status := readSuccess
	if r.prompt != "" && !strings.EqualFold(r.prompt, "silence") {
		switch c.playFile(r.prompt, func(digit byte) bool { digits = string(digit); return true }) {
		case played, interrupted:
		default:
			status = readFailure
		}
	}
	var used byte
	if status == readSuccess {
		if len(digits) < r.max {
			digits, used, status = c.collect(digits, r)
		}
		switch {
		case used != 0:
			c.set("read_terminator_used", string(used))
			if i := strings.IndexByte(r.terminators, used); i > 0 && strings.IndexByte("+x", r.terminators[i-1]) >= 0 {
				digits += string(used)
				if r.terminators[i-1] == 'x' {
					status = readRestart
				}
			}
		case strings.HasPrefix(r.terminators, "="):
			status = readTooShort
		}
		if len(digits) < r.min {
			status = readTooShort
		}
		c.set("read_result", map[readStatus]string{readSuccess: "success", readTimeout: "timeout"}[status])
		if status > readTimeout {
			c.set("read_result", "failure")
		}
	}
	if status != readRestart && r.max == 1 && len(digits) == 1 && strings.Contains(r.terminators, digits) {
		digits = ""
	}
	if digits != "" {
		c.set(r.name, digits)
	}
	return digits, status
}

// collect takes keys until there are enough, a terminator or a pause. Source: switch_ivr.c
// switch_ivr_collect_digits_count.
func (c *channel) collect(digits string, r request) (string, byte, readStatus) {
	if len(digits) == 1 && strings.Contains(r.terminators, digits) {
		return "", digits[0], readSuccess
	}
	patience := r.first
	if digits != "" {
		patience = r.between
	}
	for {
		var digit byte
		f := frames{key: func(x byte) bool { digit = x; return true }, deaf: true}
		f.until = time.Now().Add(patience)
		switch c.pump(f) {
		case expired:
			return digits, 0, readTimeout
		case keyed:
		default: // a hangup is no failure: what was collected counts
			return digits, 0, readSuccess
		}
		patience = r.between
		if strings.IndexByte(r.terminators, digit) >= 0 {
			return digits, digit, readSuccess
		}
		if digits += string(digit); len(digits) >= r.max {
			return digits, 0, readSuccess
		}
	}
}

func atLeastOneSecond(text string) time.Duration {
	return time.Duration(max(number(text), 1000)) * time.Millisecond
}

// read <min> <max> <prompt> <variable> <timeout ms> <terminators> [<ms between keys>]
func runRead(c *channel, arg string) {
	a := separate(arg, ' ', 7)
	if len(a) == 0 {
		return
	}
	r := request{
		min: max(number(a[0]), 1), max: number(part(a, 1)), prompt: part(a, 2), name: part(a, 3),
		first: atLeastOneSecond(part(a, 4)), terminators: part(a, 5),
		between: time.Duration(number(part(a, 6))) * time.Millisecond,
	}
	if r.terminators == "" {
		r.terminators = "#"
	}
	c.read(r)
}

// play_and_get_digits <min> <max> <tries> <timeout ms> <terminators> <file> <invalid file> <variable> <regexp>
// [<ms between keys> [<extension on failure>]]. Source: mod_dptools.c, switch_ivr_play_say.c
// switch_play_and_get_digits.
func runPlayAndGetDigits(c *channel, arg string) {
	a := separate(arg, ' ', 11)
	if len(a) == 0 {
		return
	}
	r := request{
		min: max(number(a[0]), 0), max: number(part(a, 1)), prompt: part(a, 5), name: part(a, 7),
		first: atLeastOneSecond(part(a, 3)), terminators: part(a, 4),
		between: time.Duration(number(part(a, 9))) * time.Millisecond,
	}
	if r.terminators == "" {
		r.terminators = "#"
	}
	pattern := part(a, 8)
	if pattern != "" && r.name != "" {
		c.set(r.name+"_invalid", "")
	}
	for tries := number(part(a, 2)); tries > 0 && c.ready(); tries-- {
		digits, status := c.read(r)
		if status == readRestart {
			return
		}
		if status == readTimeout && len(digits) >= r.min {
			status = readSuccess
		}
		if r.min == 0 && digits == "" && c.get("read_terminator_used") != "" {
			return
		}
		if status == readSuccess && digits != "" {
			if matches(pattern, digits) {
				return
			}
			c.set(r.name, "")
			c.set(r.name+"_invalid", digits)
		}
		if !c.ready() {
			return
		}
		c.playFile(part(a, 6), nil)
	}
	if target := part(a, 10); target != "" && c.ready() {
		c.take(target)
	}
}

// matches is switch_regex_match; an empty pattern matches all.
func matches(pattern, digits string) bool {
	if pattern == "" {
		return true
	}
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(digits)
}
