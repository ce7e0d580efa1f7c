package kazoojson

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fspivot/dialplan"
)

// Data is the data object of a node, read as Kazoo does: "true" is true, "5" is 5, a number is text where text is
// wanted. What is of the wrong kind is a fault with its path.
type Data struct {
	values   map[string]any
	place    *place
	strict   bool
	faults   []*DocumentError
	warnings []warning
	unusable bool
}

type warning struct {
	at   *place
	text string
}

// fault says that a key cannot be used.
func (d *Data) fault(key, format string, args ...any) {
	if len(d.faults) <= maxFaults {
		d.faults = append(d.faults, &DocumentError{place: d.place.below(key), Err: fmt.Errorf(format, args...)})
	}
}

// warn says that a key, or a part of it, will be ignored. The record is made when the node is reached.
func (d *Data) warn(key, format string, args ...any) {
	if len(d.warnings) < maxFaults {
		d.warnings = append(d.warnings, warning{d.place.below(key), fmt.Sprintf(format, args...)})
	}
}

// lenient is a fault in what a web server returned, and a warning in what is stored: a stored flow takes the default.
func (d *Data) lenient(key, format string, args ...any) {
	if d.strict {
		d.fault(key, format, args...)
		return
	}
	d.warn(key, format, args...)
}

// refuse is a fault in what a web server returned; in what is stored it has the module passed over, as Kazoo does with
// one that crashes.
func (d *Data) refuse(key, format string, args ...any) {
	if !d.strict {
		d.unusable = true
		format += ": the module is passed over"
	}
	d.lenient(key, format, args...)
}

// unusable is a module whose data Kazoo would crash on: its node's warnings say why, and "_" is next.
type unusable struct{}

func (unusable) run(context.Context, *runner) (step, error) { return next(), nil }

func (d *Data) text(key, otherwise string) string {
	switch v := d.values[key].(type) {
	case nil:
		return otherwise
	case string:
		if v == "" {
			return otherwise
		}
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	d.fault(key, "is no text")
	return otherwise
}

// word reads one of a few words.
func (d *Data) word(key, otherwise string, words ...string) string {
	value := d.text(key, otherwise)
	if slices.Contains(words, value) {
		return value
	}
	d.lenient(key, "%q is none of %s: %s is used", clip(value), strings.Join(words, ", "), otherwise)
	return otherwise
}

// boolean takes true, false and the two as text; all else counts as not given.
func (d *Data) boolean(key string, otherwise bool) bool {
	switch v := d.values[key].(type) {
	case bool:
		return v
	case string:
		switch v {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return otherwise
}

// whole reads a whole number; there is false for none, and for one that is none, which has been told.
func (d *Data) whole(key string) (n int64, there bool) {
	var s string
	switch v := d.values[key].(type) {
	case nil:
		return 0, false
	case json.Number:
		s = v.String()
	case string:
		if s = strings.TrimSpace(v); s == "" {
			return 0, false
		}
	default:
		d.fault(key, "is no whole number")
		return 0, false
	}
	n, err := json.Number(s).Int64()
	if err != nil {
		d.lenient(key, "%q is no whole number", clip(s))
		return 0, false
	}
	return n, true
}

// integer reads a whole number between least and most.
func (d *Data) integer(key string, otherwise, least, most int64) int64 {
	n, there := d.whole(key)
	switch {
	case !there:
		return otherwise
	case n < least || n > most:
		n, value := min(max(n, least), most), n
		d.lenient(key, "%d is not between %d and %d: %d is used", value, least, most, n)
		return n
	}
	return n
}

// list reads an array of texts; there tells an empty one from none. One text counts as a list of one.
func (d *Data) list(key string) (list []string, there bool) {
	switch v := d.values[key].(type) {
	case nil:
		return nil, false
	case string:
		return []string{v}, true
	case []any:
		for _, item := range v {
			switch s := item.(type) {
			case string:
				list = append(list, s)
			case json.Number:
				list = append(list, s.String())
			default:
				d.fault(key, "holds something that is no text")
			}
		}
		return list, true
	}
	d.fault(key, "is no list")
	return nil, false
}

// flowKeys are the keys that callflows know: A to D are not among them.
const flowKeys = dialplan.Digits("0123456789*#")

// keys reads an array of keys, or a text of them: ["1", "#"], "1#". wrong are entries that are none, a few of
// them; there tells an empty array from none.
func (d *Data) keys(key string) (keys dialplan.Digits, wrong []string, there bool) {
	entries, there := d.list(key)
	if s, ok := d.values[key].(string); ok {
		entries, there = strings.Split(s, ""), s != ""
	}
	for _, entry := range entries {
		switch {
		case len(entry) != 1 || !flowKeys.Has(rune(entry[0])):
			if len(wrong) < 5 {
				wrong = append(wrong, clip(entry))
			}
		case !keys.Has(rune(entry[0])):
			keys += dialplan.Digits(entry)
		}
	}
	return keys, wrong, there
}

// terminators are the keys that stop a sound: none given means all, an empty list none. What is no key is ignored.
func (d *Data) terminators() dialplan.Digits {
	keys, wrong, there := d.keys("terminators")
	if len(wrong) > 0 {
		d.warn("terminators", "%q are no keys (0-9 * #): they are ignored", wrong)
	}
	if !there {
		return flowKeys
	}
	return keys
}

func (d *Data) object(key string) map[string]any {
	switch v := d.values[key].(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	}
	d.fault(key, "is no object")
	return nil
}
