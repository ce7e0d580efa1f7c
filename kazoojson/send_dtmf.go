package kazoojson

import (
	"context"
	"time"

	"fspivot/dialplan"
)

// sendDTMF sends tones to the caller and goes on at once; only more of them than the switch takes at a time are waited
// for, but the last. It does not answer, the switch opens early media. Continues with "_".
//
//	{"module": "send_dtmf", "data": {"digits": "1w2345#", "duration_ms": 250}}
//
// Source: callflow-modules-s-z.md, send_dtmf.
type sendDTMF struct {
	Tones  dialplan.Tones // digits: 0-9 * # A-D, w (0.5 s), W (1 s)
	Length time.Duration  // duration_ms of each tone, at most 24 s; default 2 s. Up to 50 ms are made 250
}

const longestTone = 24 * time.Second

func parseSendDTMF(d *Data) module {
	m := &sendDTMF{Length: 2 * time.Second}
	if n, there := d.whole("duration_ms"); there {
		m.Length = time.Duration(min(max(n, 0), longestTone.Milliseconds())) * time.Millisecond
	}
	digits, isText := d.values["digits"].(string)
	switch {
	case !isText && d.values["digits"] != nil:
		d.refuse("digits", "is no text")
	case digits == "":
		d.refuse("digits", "is missing")
	}
	tones, dropped := dialplan.ParseTones(digits)
	if dropped > 0 {
		d.warn("digits", "has %d characters that are no tones: they are left out", dropped)
	}
	m.Tones = tones
	return m
}

func (m *sendDTMF) run(ctx context.Context, c *runner) (step, error) {
	var before dialplan.Tones
	for _, a := range (dialplan.SendDTMF{Tones: m.Tones, Length: m.Length}).Split() {
		if before != "" {
			if err := c.Channel.Wait(ctx, before.Duration(m.Length)); err != nil {
				return stop(), err
			}
		}
		c.Channel.Queue(a)
		before = a.(dialplan.SendDTMF).Tones
	}
	return next(), nil
}
