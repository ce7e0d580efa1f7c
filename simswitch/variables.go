package simswitch

import (
	"slices"
	"strings"
)

// variables are a channel's variables in the order in which they were set. Names are compared without case, as
// FreeSWITCH does. Each keeps its line as it stands in an event, so that an event costs one copy a variable.
type variables struct {
	list []variable
}

type variable struct {
	name, value string
	line        string // "variable_name: value\n", percent-encoded
}

func (v *variables) find(name string) int {
	return slices.IndexFunc(v.list, func(x variable) bool {
		return len(x.name) == len(name) && strings.EqualFold(x.name, name)
	})
}

func (v *variables) get(name string) (string, bool) {
	if i := v.find(name); i >= 0 {
		return v.list[i].value, true
	}
	return "", false
}

// set stores a value; an empty one unsets. A variable that is set again moves to the end.
func (v *variables) set(name, value string) {
	if i := v.find(name); i >= 0 {
		v.list = slices.Delete(v.list, i, i+1)
	}
	if value != "" && name != "" {
		v.list = append(v.list, variable{name, value, "variable_" + name + ": " + encode(value) + "\n"})
	}
}

func (v *variables) render(b []byte) []byte {
	for i := range v.list {
		b = append(b, v.list[i].line...)
	}
	return b
}

const hexDigits = "0123456789ABCDEF"

// unsafe are the bytes that FreeSWITCH encodes besides controls and everything above 126.
// Source: switch_utils.h SWITCH_URL_UNSAFE.
var unsafe = func() (t [256]bool) {
	for i := range t {
		t[i] = i < 32 || i > 126 || strings.IndexByte("\r\n #%&+:;<=>?@[\\]^`{|}\"", byte(i)) >= 0
	}
	return t
}()

// encode percent-encodes a header's value as FreeSWITCH does in plain events.
func encode(value string) string {
	extra := 0
	for i := range len(value) {
		if unsafe[value[i]] {
			extra += 2
		}
	}
	if extra == 0 {
		return value
	}
	b := make([]byte, 0, len(value)+extra)
	for i := range len(value) {
		if x := value[i]; unsafe[x] {
			b = append(b, '%', hexDigits[x>>4], hexDigits[x&15])
		} else {
			b = append(b, x)
		}
	}
	return string(b)
}
