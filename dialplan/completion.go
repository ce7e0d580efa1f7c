package dialplan

import "strconv"

// variables is where a completion's channel variables are looked up: the switch's event, or a script's map.
type variables interface{ Variable(name string) string }

// Completion is the end of an application: of the one that was asked for, never of another's.
type Completion struct {
	Application string
	Response    string // Application-Response, "FILE PLAYED"; "_none_" for most
	Dropped     bool   // it never ran: what was queued was thrown away, or the switch refused it
	vars        variables
}

// Variable gives a channel variable as it stood when the application ended, "" when it was not set.
func (c Completion) Variable(name string) string {
	if c.vars == nil {
		return ""
	}
	return c.vars.Variable(name)
}

func (c Completion) number(name string) int64 {
	n, _ := strconv.ParseInt(c.Variable(name), 10, 64)
	return n
}

// A Scripted is a completion's variables in a test or a script.
type Scripted map[string]string

// Variable implements the lookup.
func (s Scripted) Variable(name string) string { return s[name] }

// Complete makes a completion as a script wants it.
func Complete(application, response string, vars Scripted) Completion {
	return Completion{Application: application, Response: response, vars: vars}
}

// Played is what became of a Playback.
type Played struct {
	Missing    bool   // there was no such file, or it could not be read
	Failed     bool   // it broke off, such as by hangup
	Terminator string // the key that stopped it, "" for none
}

// Played reads the result of a Playback. Source: docs/reference/esl.md, Results.
func (c Completion) Played() Played {
	p := Played{Missing: c.Response == "FILE NOT FOUND", Failed: c.Response == "PLAYBACK ERROR"}
	if !p.Missing {
		p.Terminator = c.Variable("playback_terminator_used")
	}
	return p
}
