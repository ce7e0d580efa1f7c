package dialplan

import (
	"time"

	"fspivot/esl"
	"fspivot/timeline"
)

// Leg is what is seen of a dialled leg.
type Leg struct {
	UUID     string
	Answered time.Time
	Ended    time.Time
	Cause    Cause
	Event    *esl.Event // its CHANNEL_HANGUP_COMPLETE
}

// legEvents are the kinds of events that are only asked for while legs are watched.
var legEvents = []string{"CHANNEL_ANSWER", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA"}

// Watch has the events of dialled legs delivered as well, and Unwatch stops that. Source: docs/reference/esl.md, Which
// events.
func (c *Channel) Watch(legs ...string) {
	var commands []esl.Command
	for _, id := range legs {
		if id == "" {
			continue
		}
		if f, err := esl.Filter("Unique-ID", id); err == nil {
			commands = append(commands, f)
			c.legs[id] = &Leg{UUID: id}
		}
	}
	if subscribe, err := esl.Subscribe(legEvents...); err == nil {
		commands = append(commands, subscribe)
	}
	_ = c.session.Send(commands...) // a broken session shows itself in pump
}

// Unwatch ends Watch and gives what was seen of each leg. A leg that never answered may still be ending: then its Cause
// is empty here, and in Bridged.Causes.
func (c *Channel) Unwatch() map[string]*Leg {
	var commands []esl.Command
	for id := range c.legs {
		if f, err := esl.Unfilter("Unique-ID", id); err == nil {
			commands = append(commands, f)
		}
	}
	if u, err := esl.Unsubscribe(legEvents...); err == nil {
		commands = append(commands, u)
	}
	if !c.Gone() {
		_ = c.session.Send(commands...) // a broken session shows itself in pump
	}
	legs := c.legs
	c.legs = map[string]*Leg{}
	return legs
}

func (c *Channel) otherLeg(e *esl.Event) {
	leg, ok := c.legs[e.UUID()]
	if !ok {
		return
	}
	record := func(text string) {
		c.timeline.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Far, To: timeline.Switch, Text: text,
			Fields: map[string]string{"leg": leg.UUID}})
	}
	switch e.Name() {
	case "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA":
		record("rings")
	case "CHANNEL_ANSWER":
		leg.Answered = time.Now()
		record("answered")
	case "CHANNEL_HANGUP_COMPLETE":
		leg.Ended, leg.Cause, leg.Event = time.Now(), Cause(e.Get("Hangup-Cause")), e
		record("hung up: " + string(leg.Cause))
	}
}
