package kazoojson

import (
	"context"
	"errors"
	"strings"
	"time"

	"fspivot/dialplan"
)

// play plays one piece of media.
//
//	{"module": "play", "data": {"id": "https://media.example.net/closed.wav", "terminators": ["#"], "loop_count": 2}}
//
// It answers first, and gives the sound 100 ms to find its way, unless answer is false: the caller hears early media.
// What can't be played is over at once, with a record. Keys that are pressed are kept for collect_dtmf, the one that
// stops it too. Nothing to play: it does nothing. Continues with "_". Source: callflow-modules-p-r.md 4.
type play struct {
	Ref    string          // id: a media reference
	Answer bool            // default true
	Stop   dialplan.Digits // terminators; default all of 0-9 * #, []: none
	Times  int             // loop_count, from 1; default 1. 0: endless_playback, until hangup and without Stop
}

const (
	postAnswerDelay = 100 * time.Millisecond
	longestLoop     = 24 * time.Hour
	mostLoops       = 1_000_000
)

func parsePlay(d *Data) module {
	m := &play{Ref: d.text("id", ""), Answer: d.boolean("answer", true), Stop: d.terminators()}
	m.Times = int(d.integer("loop_count", 1, 1, mostLoops))
	if d.boolean("endless_playback", false) {
		m.Times, m.Stop = 0, ""
	}
	return m
}

func (m *play) run(ctx context.Context, c *runner) (step, error) {
	if m.Ref == "" {
		return next(), nil
	}
	if m.Answer && !c.Channel.Answered() {
		c.Channel.Queue(dialplan.Answer{}, dialplan.Sleep{For: postAnswerDelay})
	}
	file, err := c.file(ctx, m.Ref)
	if err != nil || file.IsZero() {
		return next(), err
	}
	return next(), c.repeat(ctx, dialplan.Playback{File: file, Stop: m.Stop}, m.Times, m.Stop)
}

// file resolves a media reference. A zero file is nothing to play, as a record tells; the error is the call's end.
func (c *runner) file(ctx context.Context, ref string) (dialplan.File, error) {
	file, err := c.Media.File(ctx, ref)
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, dialplan.ErrGone):
		return dialplan.File{}, err
	}
	return dialplan.File{}, context.Cause(ctx)
}

// repeat plays a, times times, 0: until hangup, or until a key of stop; the keys are kept. A failure is the last time.
func (c *runner) repeat(ctx context.Context, a dialplan.Application, times int, stop dialplan.Digits) error {
	c.keep() // pressed before: they stop nothing
	_, isFile := a.(dialplan.Playback)
	for turn, began := 0, time.Now(); (times == 0 || turn < times) && time.Since(began) < longestLoop; turn++ {
		done, err := c.Channel.Do(ctx, a)
		if err != nil {
			return err
		}
		played := done.Played()
		stopped := strings.ContainsAny(string(c.keep()), string(stop)) || isFile && played.Terminator != ""
		if stopped || done.Dropped || played.Missing || played.Failed {
			return nil
		}
	}
	return nil
}
