package dialplan

import "fspivot/esl"

// Wire is an application's argument behind the gate.
func Wire(a Application) (string, error) { return a.argument().wire(a.Name()) }

// Argument is an application's argument in front of the gate.
func Argument(a Application) string { return string(a.argument()) }

// Completed is the completion that an event reports.
func Completed(e *esl.Event) Completion {
	return Completion{Application: e.Get("Application"), Response: e.Get("Application-Response"), vars: e}
}

// Needs are the channel variables that an application depends on.
func Needs(a Application) []Variable {
	if n, ok := a.(needs); ok {
		return n.needs()
	}
	return nil
}

// Clears are the channel variables that are removed before an application runs.
func Clears(a Application) []string {
	if c, ok := a.(clears); ok {
		return c.clears()
	}
	return nil
}

// Void tells that an application is not sent.
func Void(a Application) bool {
	v, ok := a.(void)
	return ok && v.void()
}

// Settings are the applications that set variables.
func Settings(vars ...Variable) []Application { return settings(vars) }

// Gate is the gate that every argument passes.
func Gate(text string) (string, error) { return argument(text).wire("test") }

// spy notes which variables are looked up.
type spy map[string]bool

func (s spy) Variable(name string) string {
	s[name] = true
	return ""
}

// Reads are the channel variables that read looks at.
func Reads(read func(Completion)) map[string]bool {
	s := spy{}
	read(Completion{vars: s})
	return s
}
