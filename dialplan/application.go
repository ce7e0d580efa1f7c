package dialplan

import "strings"

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

// A Variable is a channel variable with its value. An empty value unsets it.
type Variable struct {
	Name  Name
	Value Value
}

// variable is for our own names and values.
func variable(name, value string) Variable { return Variable{Name{name}, Foreign(value)} }

// Describe is an application as one line for people: the name and its argument.
func Describe(a Application) string {
	if arg := a.argument(); arg != "" {
		return a.Name() + " " + string(arg)
	}
	return a.Name()
}

// settings gives the shortest list of applications that sets vars: one multiset, and a set for each value whose
// characters would split that list.
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
	switch len(plain) {
	case 0:
	case 1:
		list = append(list, Set{plain[0]})
	default:
		list = append(list, Multiset{plain})
	}
	return list
}

// Set sets one channel variable.
//
//	set name=value
//
// Source: FreeSWITCH 1.10.12 mod_dptools base_set.
type Set struct{ Variable }

// Name implements Application.
func (Set) Name() string { return "set" }

func (s Set) argument() argument {
	return argument(s.Variable.Name.s + "=" + s.Value.s)
}

// Multiset sets several channel variables; a value must not have ; or quotes (Set takes those).
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
			b.WriteString(";" + v.Name.s + "=" + v.Value.s)
		}
	}
	return argument(b.String())
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
	prefix := ""
	if e.OnlyOther {
		prefix = "nolocal:"
	}
	return argument(prefix + e.Variable.Name.s + "=" + e.Value.s)
}
