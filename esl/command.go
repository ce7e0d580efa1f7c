package esl

import (
	"fmt"
	"strings"

	"github.com/percipia/eslgo/command"
	"github.com/percipia/eslgo/command/call"
)

// A Command is one message to the switch. Only the constructors of this file make one; each refuses text that would
// end its line and start another command.
type Command struct {
	wire string
	app  string // of an execute
	uuid string // Event-UUID of an execute: its events carry it as Application-UUID
}

// Execute runs an application on the session's own channel, after everything that was queued before it. uuid comes back
// as Application-UUID of its events. argument travels in the message's body, where any byte is data, but the switch
// expands ${…} in it: making it safe is package dialplan's business. Source: docs/reference/esl.md, Frames.
func Execute(app, argument, uuid string) (Command, error) {
	if err := oneLine("application", app); err != nil {
		return Command{}, err
	}
	if err := oneLine("event uuid", uuid); err != nil {
		return Command{}, err
	}
	message := (&call.Execute{AppName: app, AppArgs: argument, AppUUID: uuid, Sync: true, ForceBody: true}).BuildMessage()
	return Command{wire: message, app: app, uuid: uuid}, nil
}

// API runs one of the switch's API commands, such as uuid_break, at once and beside what runs on the channel.
func API(name, arguments string) (Command, error) {
	if err := oneLine("api command", name+arguments); err != nil {
		return Command{}, err
	}
	return Command{wire: command.API{Command: name, Arguments: arguments}.BuildMessage()}, nil
}

// Filter adds a condition: with any, only events that meet one of them are sent.
func Filter(header, value string) (Command, error) {
	return filter(command.Filter{EventHeader: header, FilterValue: value})
}

// Unfilter takes a condition back.
func Unfilter(header, value string) (Command, error) {
	return filter(command.Filter{EventHeader: header, FilterValue: value, Delete: true})
}

func filter(f command.Filter) (Command, error) {
	if err := oneLine("filter", f.EventHeader+f.FilterValue); err != nil {
		return Command{}, err
	}
	return Command{wire: f.BuildMessage()}, nil
}

// Subscribe asks for kinds of events, CUSTOM subclasses last: "DTMF", "CUSTOM conference::maintenance".
func Subscribe(names ...string) (Command, error) {
	return events(command.Event{Format: "plain", Listen: names})
}

// Unsubscribe gives kinds of events back.
func Unsubscribe(names ...string) (Command, error) {
	return events(command.Event{Ignore: true, Format: "plain", Listen: names})
}

func events(e command.Event) (Command, error) {
	if err := oneLine("event", strings.Join(e.Listen, " ")); err != nil {
		return Command{}, err
	}
	return Command{wire: e.BuildMessage()}, nil
}

func oneLine(what, s string) error {
	if i := strings.IndexAny(s, "\r\n\x00"); i >= 0 {
		return fmt.Errorf("esl: %s %q has a line break or NUL", what, s)
	}
	return nil
}
