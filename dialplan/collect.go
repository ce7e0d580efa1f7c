package dialplan

import (
	"context"
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
	Times int // 0: for ever; two in a row that fail, or take no time at all, end it
}

// Collected is what Collect got.
type Collected struct {
	Digits     Digits
	Terminator string // the key that ended it, "" when it was something else
}

// Collect runs co on the channel. Everything queued before is played first. The error is ErrGone on hangup; what was
// typed until then is lost. Keys beyond those that end it are kept for the next one.
func (c *Channel) Collect(ctx context.Context, co Collect) (Collected, error) {
	if co.Max <= 0 || co.Max > maxDigits {
		co.Max = maxDigits
	}
	if !co.TypeAhead {
		c.ForgetDigits()
	}
	run := collection{Collect: co, channel: c}
	if len(c.Digits()) > 0 && !co.Patient {
		run.next = len(co.Prompts) // they would be stopped at once
	}
	var mark *execution
	if len(c.pending)+len(c.unsent) > 0 {
		// The prompts are queued right behind what still plays; keys count from its end on.
		mark = &execution{app: Mark{}}
		c.add(mark)
	}
	run.feed()
	if mark != nil {
		if err := c.pump(ctx, nil, func() bool { return mark.done != nil }); err != nil {
			return Collected{}, err
		}
		if !co.TypeAhead {
			c.keys = nil // those that have been read: what came behind the mark counts
		}
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
	ends     [2]time.Time // of the last two, oldest first
	got      []rune
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
		e := &execution{app: p.Play}
		r.channel.add(e)
		r.playing = append(r.playing, e)
	}
	r.channel.flush()
}

// shortest is what two prompts take together that were heard at all: a tick each, of 20 ms.
const shortest = 30 * time.Millisecond

// ended takes prompts off that have ended and queues the next ones.
func (r *collection) ended() {
	for len(r.playing) > 0 && r.playing[0].done != nil {
		done := *r.playing[0].done
		r.playing = r.playing[1:]
		heard := time.Since(r.ends[0]) >= shortest
		r.ends = [2]time.Time{r.ends[1], time.Now()}
		if played := done.Played(); heard && !played.Missing && !played.Failed && !done.Dropped {
			r.failures = 0
			continue
		}
		if r.failures++; r.failures >= 2 && r.next < len(r.Prompts) && r.Prompts[r.next].Times == 0 {
			r.next, r.times, r.failures = r.next+1, 0, 0
		}
	}
	r.feed()
}

func (r *collection) prompting() bool { return len(r.playing) > 0 || r.next < len(r.Prompts) }

// stopPrompts drops the rest of the prompts.
func (r *collection) stopPrompts() {
	r.next = len(r.Prompts)
	if len(r.playing) > 0 {
		r.playing = nil
		r.channel.Break()
	}
}

func (r *collection) wait(ctx context.Context) (Collected, error) {
	c := r.channel
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var running, fired bool
	arm := func(d time.Duration) {
		timer.Reset(d)
		running, fired = true, false
	}
	r.ends = [2]time.Time{time.Now(), time.Now()}
	for !c.Gone() {
		r.ended()
		for len(c.keys) > 0 {
			key := c.keys[0]
			c.keys = c.keys[1:]
			if !r.Patient {
				r.stopPrompts()
			}
			if r.Terminators.Has(key) {
				r.stopPrompts()
				return Collected{Digits: Digits(r.got), Terminator: string(key)}, nil
			}
			if r.Valid != "" && !r.Valid.Has(key) {
				continue
			}
			if r.got = append(r.got, key); len(r.got) >= r.Max {
				r.stopPrompts()
				return Collected{Digits: Digits(r.got)}, nil
			}
			if !r.prompting() {
				arm(r.Between)
			}
		}
		switch {
		case fired:
			return Collected{Digits: Digits(r.got)}, nil
		case running || r.prompting():
		case len(r.got) > 0:
			arm(r.Between)
		default:
			arm(r.First)
		}
		var err error
		if fired, err = r.news(ctx, timer); err != nil {
			return Collected{}, err
		}
	}
	return Collected{}, ErrGone
}

// news waits for a key, for the end of a prompt or for the timer, and tells whether it was the timer.
func (r *collection) news(ctx context.Context, timer *time.Timer) (fired bool, err error) {
	c := r.channel
	other := func() bool { return len(c.keys) > 0 || len(r.playing) > 0 && r.playing[0].done != nil }
	if err := c.pump(ctx, timer.C, other); err != nil || other() {
		return false, err
	}
	return true, c.take(other) // a key that came at the last moment still counts
}
