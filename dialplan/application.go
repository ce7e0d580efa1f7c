package dialplan

import (
	"slices"
	"strings"
	"time"
)

// An Application is something to run on a channel, with its argument as typed fields. Only this package makes kinds of
// them, so that every argument is made here.
type Application interface {
	// Name is the application's name in the switch's dialplan.
	Name() string
	// argument is what stands behind the name.
	argument() argument
}

// needs is implemented by applications that depend on channel variables: the channel sets those that do not hold yet.
type needs interface{ needs() []Variable }

// clears is implemented by applications whose results are channel variables: what an earlier one left there is removed
// first, so that it can't be taken for a new result.
type clears interface{ clears() []string }

// void is implemented by applications that are nothing without one of their parts: the switch would hang up over some,
// and crash over one. A void one is not sent and completes as dropped.
type void interface{ void() bool }

// parting is implemented by applications that end a call which somebody takes away meanwhile: the switch still runs what
// was queued when it left. They are sent when next to nothing is left to run before them, which costs up to one tick.
// Source: docs/reference/esl.md, End of a call.
type parting interface{ parting() }

// brief is how long a call may be taken away in vain: what a parting application is queued behind all the same.
const brief = 250 * time.Millisecond

// atMost is how long an application takes at most; an hour stands for what nobody knows.
func atMost(a Application) time.Duration {
	switch a := a.(type) {
	case Playback:
		return a.File.length()
	case Sleep:
		return a.For
	case Bridge, Conference, Deflect, Park, PlayAndGetDigits, Read, Record, Say, Speak:
		return time.Hour
	}
	return 0
}

// describes is implemented by applications whose argument holds what nobody should read.
type describes interface{ describe() string }

// A Variable is a channel variable with its value. An empty value unsets it.
type Variable struct {
	Name  Name
	Value Value
}

// variable is for our own names and values.
func variable(name, value string) Variable { return Variable{Name{name}, Foreign(value)} }

func (v Variable) assignment() string { return v.Name.word() + "=" + v.Value.s }

// Describe is an application as one line for people: the name and its argument, without passwords.
func Describe(a Application) string {
	arg := string(a.argument())
	if d, ok := a.(describes); ok {
		arg = d.describe()
	}
	if arg != "" {
		return a.Name() + " " + arg
	}
	return a.Name()
}

// mostAtOnce is how many variables are set with one command. The switch takes 256 in multiset and 64 in
// uuid_setvar_multi, and puts what is beyond into the last value.
const mostAtOnce = 60

// settings gives the shortest list of applications that sets vars: multisets, and a set for each value whose characters
// would split that list.
func settings(vars []Variable) []Application {
	var list []Application
	var plain []Variable
	for _, v := range vars {
		if v.Value.plain() {
			plain = append(plain, v)
		} else {
			list = append(list, Set{v})
		}
	}
	for some := range slices.Chunk(plain, mostAtOnce) {
		if len(some) == 1 {
			list = append(list, Set{some[0]})
		} else {
			list = append(list, Multiset{some})
		}
	}
	return list
}

// sets are the caller's channel variables that a sets.
func sets(a Application) []Variable {
	switch s := a.(type) {
	case Set:
		return []Variable{s.Variable}
	case Multiset:
		return s.Variables
	case Export:
		if !s.OnlyOther {
			return []Variable{s.Variable}
		}
	}
	return nil
}

// Set sets one channel variable.
//
//	set name=value
//
// Source: FreeSWITCH 1.10.12 mod_dptools base_set.
type Set struct{ Variable }

// Name implements Application.
func (Set) Name() string { return "set" }

func (s Set) argument() argument { return argument(s.assignment()) }

// Multiset sets several channel variables. Values with ; or quotes would split the list: the channel sends a Set for
// each of those.
//
//	multiset ^^;a=1;b=two words
//
// Source: FreeSWITCH 1.10.12 mod_dptools "multiset".
type Multiset struct{ Variables []Variable }

// Name implements Application.
func (Multiset) Name() string { return "multiset" }

func (m Multiset) argument() argument {
	var b strings.Builder
	b.WriteString("^^")
	for _, v := range m.Variables {
		if v.Value.plain() {
			b.WriteString(";" + v.assignment())
		}
	}
	return argument(b.String())
}

func (m Multiset) void() bool {
	return !slices.ContainsFunc(m.Variables, func(v Variable) bool { return v.Value.plain() })
}

// Export sets a channel variable that legs bridged later get as well.
//
//	export name=value
//	export nolocal:name=value
//
// Source: FreeSWITCH 1.10.12 mod_dptools "export".
type Export struct {
	Variable
	OnlyOther bool // only on the other legs
}

// Name implements Application.
func (Export) Name() string { return "export" }

func (e Export) argument() argument {
	if e.OnlyOther {
		return argument("nolocal:" + e.assignment())
	}
	return argument(e.assignment())
}
