package dialplan

import (
	"fmt"
	"strings"
	"time"
)

// Keys are the keys of a telephone, which any of DTMF's senders may send.
const Keys = "0123456789*#ABCD"

// Digits is a string of keys: 0-9 * # A-D.
type Digits string

// ParseDigits takes keys from foreign text; a-d become upper case.
func ParseDigits(s string) (Digits, error) {
	s = strings.ToUpper(s)
	for _, r := range s {
		if !strings.ContainsRune(Keys, r) {
			return "", fmt.Errorf("digits %q: %q is no key (0-9 * # A-D)", clip(s), r)
		}
	}
	return Digits(s), nil
}

// Has tells whether key is one of d.
func (d Digits) Has(key rune) bool { return strings.ContainsRune(string(d), key) }

// Any is every key: what stops a prompt that any key may stop.
const Any = Digits(Keys)

// keys are the keys of d: a literal may hold something else.
func (d Digits) keys() Digits {
	return Digits(strings.Map(func(r rune) rune {
		if strings.ContainsRune(Keys, r) {
			return r
		}
		return -1
	}, string(d)))
}

// terminators is playback_terminators' form: the switch takes an unset variable for "*".
func (d Digits) terminators() string {
	d = d.keys()
	switch {
	case d == "":
		return "none"
	case len(d) >= len("0123456789*#") && !strings.ContainsFunc("0123456789*#", func(r rune) bool { return !d.Has(r) }):
		return "any"
	}
	return string(d)
}

// Tones is what to send as DTMF: keys, and w (0.5 s) and W (1 s) for pauses.
type Tones string

// ParseTones takes tones from foreign text, where "," means W. It also gives how many characters it had to drop.
func ParseTones(s string) (tones Tones, dropped int) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == ',':
			b.WriteByte('W')
		case r == 'w' || r == 'W' || strings.ContainsRune(Keys, r):
			b.WriteRune(r)
		case r >= 'a' && r <= 'd':
			b.WriteRune(r - 'a' + 'A')
		default:
			dropped++
		}
	}
	return Tones(b.String()), dropped
}

// Duration is about how long the switch takes to send t: length for each tone and 250 ms behind it.
func (t Tones) Duration(length time.Duration) time.Duration {
	var d time.Duration
	for _, r := range t {
		switch r {
		case 'w':
			d += 500 * time.Millisecond
		case 'W':
			d += time.Second
		default:
			d += length + 250*time.Millisecond
		}
	}
	return d
}
