package dialplan

import (
	"context"
	"strings"
	"time"
)

// Collect takes digits while prompts play, and after. It is built on DTMF events because the switch's own
// play_and_get_digits takes one prompt, no type-ahead and 127 digits: docs/decisions/digit-collector.md.
//
// The first key stops the prompts. First runs from the end of the last prompt, Between from each key. It ends with a
// terminator, which is not part of the digits, with Max digits, or with a timeout. Source: twiml.md 4.4; callflow-
// engine.md 11, Collecting algorithm.
type Collect struct {
	Prompts     []Prompt
	Max         int           // digits; 0: 128
	First       time.Duration // for the first key; 0: none is waited for
	Between     time.Duration // for each further key
	Terminators Digits
	Valid       Digits // keys that count; "": all
	TypeAhead   bool   // keys that were pressed before count
	Patient     bool   // keys do not stop the prompts
}

// Prompt is something that plays, a number of times.
type Prompt struct {
	Play  Application
	Times int // 0: for ever; two failures in a row end it
}

// Collected is what Collect got.
type Collected struct {
	Digits     Digits
	Terminator string // the key that ended it, "" when it was something else
}

// Collect runs co on the channel. Everything queued before is played first. The error is ErrGone on hangup; what was
// typed until then is lost.
func (c *Channel) Collect(ctx context.Context, co Collect) (Collected, error) {
	if co.Max <= 0 || co.Max > maxDigits {
		co.Max = maxDigits
	}
	run := collection{Collect: co, channel: c}
	before := len(c.pending)+len(c.unsent) > 0
	var mark *execution
	if before {
		// The prompts are queued right behind what still plays; keys count from its end on.
		mark = c.enqueue(Mark{})
	}
	run.feed()
	if mark != nil {
		if err := c.pump(ctx, nil, func() bool { return mark.done != nil }); err != nil {
			return Collected{}, err
		}
	}
	if !co.TypeAhead {
		c.ForgetDigits()
	}
	return run.wait(ctx)
}

// collection is a Collect at work.
type collection struct {
	Collect
	channel  *Channel
	next     int // prompt
	times    int // how often it was queued
	failures int // in a row
	playing  []*execution
	got      strings.Builder
}

// feed keeps two prompts queued, so that one follows the other without a gap and a loop needs no end.
func (r *collection) feed() {
	for len(r.playing) < 2 && r.next < len(r.Prompts) {
		p := r.Prompts[r.next]
		if p.Times > 0 && r.times >= p.Times {
			r.next, r.times, r.failures = r.next+1, 0, 0
			continue
		}
		r.times++
		r.playing = append(r.playing, r.channel.enqueue(p.Play))
	}
}

// ended takes prompts off that have ended and queues the next ones.
func (r *collection) ended() {
	for len(r.playing) > 0 && r.playing[0].done != nil {
		done := *r.playing[0].done
		r.playing = r.playing[1:]
		if played := done.Played(); played.Missing || played.Failed || done.Dropped {
			if r.failures++; r.failures >= 2 && r.next < len(r.Prompts) && r.Prompts[r.next].Times == 0 {
				r.next, r.times, r.failures = r.next+1, 0, 0
			}
		} else {
			r.failures = 0
		}
	}
	r.feed()
}

func (r *collection) prompting() bool { return len(r.playing) > 0 || r.next < len(r.Prompts) }

// stopPrompts drops the rest of the prompts.
func (r *collection) stopPrompts() {
	if r.prompting() {
		r.playing, r.next = nil, len(r.Prompts)
		r.channel.Break()
	}
}

func (r *collection) wait(ctx context.Context) (Collected, error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	armed := false
	arm := func(d time.Duration) {
		timer.Reset(d)
		armed = true
	}
	timer.Stop()
	c := r.channel
	for {
		r.ended()
		for len(c.digits) > 0 {
			key := c.digits[0].Digit
			c.digits = c.digits[1:]
			if !r.Patient {
				r.stopPrompts()
			}
			if r.Terminators.Has(key) {
				r.stopPrompts()
				return Collected{Digits: Digits(r.got.String()), Terminator: string(key)}, nil
			}
			if r.Valid != "" && !r.Valid.Has(key) {
				continue
			}
			r.got.WriteRune(key)
			if r.got.Len() >= r.Max {
				r.stopPrompts()
				return Collected{Digits: Digits(r.got.String())}, nil
			}
			if !r.prompting() {
				arm(r.Between)
			}
		}
		if !r.prompting() && !armed {
			if r.got.Len() > 0 {
				arm(r.Between)
			} else {
				arm(r.First)
			}
		}
		fired, err := c.waitKey(ctx, timer, func() bool { return len(r.playing) > 0 && r.playing[0].done != nil })
		if err != nil {
			return Collected{}, err
		}
		if fired {
			return Collected{Digits: Digits(r.got.String())}, nil
		}
	}
}

// waitKey waits for a key, for changed, or for the timer, and tells whether it was the timer.
func (c *Channel) waitKey(ctx context.Context, timer *time.Timer, changed func() bool) (fired bool, err error) {
	stop := func() bool { return len(c.digits) > 0 || changed() }
	if err := c.pump(ctx, timer.C, stop); err != nil {
		return false, err
	}
	return !stop(), nil
}
