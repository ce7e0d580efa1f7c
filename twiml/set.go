package twiml

import (
	"context"
	"fmt"
)

// Set keeps variables that every later request of the call sends.
//
//	<Set><Variable key="a" value="1"/><Variable key="b" value="2"/></Set>
//
// The last value of a key wins; a Variable without a key is left out. A call keeps up to 1000 of them, of 256 KiB in all;
// others are left out with a record. Nothing reaches the switch. Source: twiml.md 4.13; pivot.md 7.
type Set struct{ Variables []Variable }

// Variable is a key with its value, of any text.
type Variable struct{ Key, Value string }

func parseSet(e *element) verb {
	return &Set{Variables: parseVariables(e, "Set")}
}

// parseVariables takes the Variable children of parent.
func parseVariables(e *element, parent string) []Variable {
	var list []Variable
	for _, child := range e.children() {
		if child.name() != "Variable" {
			child.problem("12200", "%s is not known inside %s: it is skipped", clip(child.name()), parent)
			continue
		}
		declare(child, parent)
		child.nothing()
		key := child.attribute("key")
		if key == "" {
			child.problem("12200", "Variable has no key: it is left out")
			continue
		}
		value, _ := child.lookup("value")
		list = append(list, Variable{key, value})
	}
	return list
}

func (v *Set) run(_ context.Context, s *session) (outcome, error) {
	s.set(v.Variables)
	return next, nil
}

const (
	maxVariables     = 1000
	maxVariableBytes = 256 << 10 // keys and values together
)

func (s *session) set(list []Variable) {
	if s.Vars == nil && len(list) > 0 {
		s.Vars = map[string]string{}
	}
	size := 0
	for key, value := range s.Vars {
		size += len(key) + len(value)
	}
	for _, v := range list {
		old, known := s.Vars[v.Key]
		grows := len(v.Key) + len(v.Value)
		if known {
			grows = len(v.Value) - len(old)
		}
		if !known && len(s.Vars) >= maxVariables || grows > 0 && size+grows > maxVariableBytes {
			s.Timeline.Warn("14106", fmt.Sprintf("variable %q is left out: a call keeps %d, of %d bytes in all", clip(v.Key),
				maxVariables, maxVariableBytes))
			continue
		}
		s.Vars[v.Key] = v.Value
		size += grows
	}
}
