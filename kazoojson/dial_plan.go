package kazoojson

import (
	"maps"
	"regexp"
	"slices"
)

// dial applies a dial plan to what was dialled: an object of regular expressions, each with prefix and suffix for what
// it captured last, or for the whole match. Expressions are tried by their text, each on what the one before it made;
// "system", a plan of the platform's, is none here, and an expression that can't be read is passed over.
//
//	{"^9(\\d+)$": {"prefix": "+49"}, "local": {"regex": "^(\\d{7})$", "prefix": "+1415"}}
//
// Source: callflow-modules-p-r.md 10, Dial plan.
func dial(plan map[string]any, number string, depth int) string {
	const deepest = 5
	for _, key := range slices.Sorted(maps.Keys(plan)) {
		rule := object(plan[key])
		expression, ok := rule["regex"].(string)
		if !ok {
			expression = key
		}
		if key == "system" || rule == nil {
			continue
		}
		form, err := regexp.Compile(expression)
		if err != nil {
			continue
		}
		found := form.FindStringSubmatch(number)
		if found == nil {
			continue
		}
		prefix, _ := rule["prefix"].(string)
		suffix, _ := rule["suffix"].(string)
		number = prefix + found[len(found)-1] + suffix
		if inner := object(rule["dialplan"]); inner != nil && depth < deepest {
			number = dial(inner, number, depth+1)
		}
	}
	return number
}
