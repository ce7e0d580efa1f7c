package esl

import (
	"bytes"
	"strconv"
)

// An Event is what the switch reports of a channel. Its headers stay as they came until one is asked for, so that an
// event costs one allocation; an Event is never changed and may be kept.
type Event struct {
	head headers
	body []byte
}

// newEvent splits the body of a text/event-plain frame: headers, a blank line, and sometimes a body of its own.
func newEvent(b []byte) *Event {
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 {
		return &Event{head: headers(b[:i+1]), body: b[i+2:]}
	}
	return &Event{head: headers(b)}
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
	n, _ := strconv.ParseInt(e.Get(name), 10, 64)
	return n
}

// Body is what followed the event's headers, nil for most.
func (e *Event) Body() []byte { return e.body }

// Each calls f with every header, decoded, in order.
func (e *Event) Each(f func(name, value string)) { e.head.each(f) }
