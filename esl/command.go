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
	must bool   // without it the session is of no use: a refusal ends it
}

// Execute runs an application on the session's own channel, after everything that was queued before it. uuid comes back
// as Application-UUID of its events. argument travels in the message's body, where any byte but NUL is data, but the
// switch expands ${…} in it: making it safe is package dialplan's business. Source: docs/reference/esl.md, Frames.
func Execute(app, argument, uuid string) (Command, error) {
	if err := oneWord("application", app); err != nil {
		return Command{}, err
	}
	if err := oneWord("event uuid", uuid); err != nil {
		return Command{}, err
	}
	if strings.Contains(argument, "\x00") {
		return Command{}, fmt.Errorf("esl: argument %q has a NUL: the switch would cut it there", argument)
	}
	message := (&call.Execute{AppName: app, AppArgs: argument, AppUUID: uuid, Sync: true, ForceBody: true}).BuildMessage()
	return Command{wire: message, app: app, uuid: uuid}, nil
}

// API runs one of the switch's API commands, such as uuid_break, at once and beside what runs on the channel.
func API(name, arguments string) (Command, error) {
	if err := oneWord("api command", name); err != nil {
		return Command{}, err
	}
	if err := oneLine("api arguments", arguments); err != nil {
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
	if err := oneWord("filter header", f.EventHeader); err != nil {
		return Command{}, err
	}
	switch strings.ToLower(f.EventHeader) {
	case "add", "delete", "all": // the switch's own words in this place
		return Command{}, fmt.Errorf("esl: filter header %q is no header", f.EventHeader)
	}
	if f.FilterValue == "" {
		return Command{}, fmt.Errorf("esl: filter %s has no value: to the switch, all values", f.EventHeader)
	}
	if err := oneLine("filter value", f.FilterValue); err != nil {
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
	list := strings.Join(e.Listen, " ")
	if list == "" {
		return Command{}, fmt.Errorf("esl: no kind of event named")
	}
	if err := oneLine("event", list); err != nil {
		return Command{}, err
	}
	return Command{wire: e.BuildMessage()}, nil
}

// oneWord refuses what the switch would read as less or more than one word of a command.
func oneWord(what, s string) error {
	if s == "" || strings.ContainsAny(s, " \t") {
		return fmt.Errorf("esl: %s %q is not one word", what, s)
	}
	return oneLine(what, s)
}

// oneLine refuses what would end the command's line. It also refuses the two words that turn any command line, an api's
// harmless argument too, into an order to unload the switch's event socket, for every call on it. Source: FreeSWITCH
// mod_event_socket.c, parse_command.
func oneLine(what, s string) error {
	if strings.ContainsAny(s, "\r\n\x00") {
		return fmt.Errorf("esl: %s %q has a line break or NUL", what, s)
	}
	if low := strings.ToLower(s); strings.Contains(low, "mod_event_socket") &&
		(strings.Contains(low, "unload") || strings.Contains(low, "reload")) {
		return fmt.Errorf("esl: %s %q would unload the switch's event socket", what, s)
	}
	return nil
}
