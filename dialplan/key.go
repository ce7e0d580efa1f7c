package dialplan

import (
	"strings"

	"fspivot/esl"
	"fspivot/timeline"
)

// maxDigits is how many keys are remembered that nobody has asked for yet. Later ones are dropped.
const maxDigits = 128

func (c *Channel) key(e *esl.Event) {
	d := strings.ToUpper(e.Get("DTMF-Digit"))
	if len(d) != 1 || !strings.Contains(Keys, d) {
		return
	}
	c.timeline.Add(timeline.Record{Kind: timeline.KindDigits, From: timeline.Caller, To: timeline.Switch, Text: "key " +
		d})
	if len(c.keys) < maxDigits {
		c.keys = append(c.keys, rune(d[0]))
	}
}

// Digits gives the keys that were pressed and not taken yet.
func (c *Channel) Digits() Digits {
	_ = c.take(nil) // what the switch has told so far; that the channel is gone shows itself elsewhere
	return Digits(c.keys)
}

// ForgetDigits drops the keys that were pressed so far.
func (c *Channel) ForgetDigits() { c.TakeDigits() }

// TakeDigits gives the keys that were pressed so far and forgets them.
func (c *Channel) TakeDigits() Digits {
	d := c.Digits()
	c.keys = nil
	return d
}
