package esl

import (
	"bytes"
	"strconv"
)

// An Event is what the switch reports of a channel. Its headers stay as they came until one is asked for, so that an
// event costs little more than its bytes; an Event is never changed and may be kept.
type Event struct {
	head headers
	body []byte
}

// newEvent splits the body of a text/event-plain frame: headers, a blank line, and sometimes a body of its own.
func newEvent(b []byte) *Event {
	i := bytes.Index(b, []byte("\n\n"))
	if i < 0 {
		return &Event{head: b}
	}
	e := &Event{head: b[:i+1]}
	if body := b[i+2:]; len(body) > 0 {
		e.body = body
	}
	return e
}

// Get gives a header's decoded value, "" when it is absent. The name's case counts. Where a name repeats, the first one.
func (e *Event) Get(name string) string { return e.head.get(name) }

// Has tells an absent header from an empty one.
func (e *Event) Has(name string) bool {
	_, ok := e.head.raw(name)
	return ok
}

// Name is the kind of the event, such as "DTMF" or "CHANNEL_EXECUTE_COMPLETE".
func (e *Event) Name() string { return e.Get("Event-Name") }

// UUID is the channel that the event tells of: not always our own.
func (e *Event) UUID() string { return e.Get("Unique-ID") }

// Variable gives a channel variable as it stood at the event, "" when it was not set.
func (e *Event) Variable(name string) string { return e.Get("variable_" + name) }

// Number gives a header as a number, 0 when it is none.
func (e *Event) Number(name string) int64 {
	n, err := strconv.ParseInt(e.Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Body is what followed the event's headers, nil for most.
func (e *Event) Body() []byte { return e.body }

// Each calls f with every header, decoded, in order.
func (e *Event) Each(f func(name, value string)) { e.head.each(f) }

// size is about what an event holds in memory.
func (e *Event) size() int { return len(e.head) + len(e.body) }
