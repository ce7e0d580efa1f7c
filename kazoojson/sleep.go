package kazoojson

import (
	"context"
	"time"
)

// sleep waits; what was queued plays on, keys that are pressed meanwhile are forgotten. It does not answer. Continues
// with "_".
//
//	{"module": "sleep", "data": {"duration": 1500, "unit": "ms"}}
//
// Source: callflow-modules-s-z.md, sleep.
type sleep struct {
	For time.Duration // duration times unit (ms, s, m, h; default s), 0–24 h; default 0
}

var sleepUnits = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour}

func parseSleep(d *Data) module {
	const longest = 24 * time.Hour
	unit := sleepUnits[d.word("unit", "s", "ms", "s", "m", "h")]
	n := d.integer("duration", 0, 0, longest.Milliseconds())
	return &sleep{For: min(time.Duration(min(n, int64(longest/unit)))*unit, longest)}
}

func (m *sleep) run(ctx context.Context, c *runner) (step, error) {
	if m.For == 0 {
		return next(), nil
	}
	c.keep()
	if err := c.Channel.Wait(ctx, m.For); err != nil {
		return stop(), err
	}
	c.Channel.ForgetDigits()
	return next(), nil
}
