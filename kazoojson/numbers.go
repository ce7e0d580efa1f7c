package kazoojson

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Callflow is a stored document: numbers and patterns that lead to a flow.
type Callflow struct {
	ID       string
	Name     string
	Numbers  []string // normalised; "no_match" catches what nothing else does
	Patterns []string
	Flow     *Node
	Warnings []string // what will be passed over when it is reached
}

// noMatch is the number that stands for every other one.
const noMatch = "no_match"

// ParseCallflow reads a stored callflow; the error joins a *DocumentError for every fault.
func ParseCallflow(id string, body []byte) (*Callflow, error) {
	value, err := decode(body)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, &DocumentError{Err: errors.New("a callflow is an object with numbers and flow")}
	}
	p := parser{}
	c := &Callflow{ID: id}
	document := Data{values: object, place: &place{key: "callflow"}}
	c.Name = document.text("name", "")
	numbers, _ := document.list("numbers")
	for _, n := range numbers {
		c.Numbers = append(c.Numbers, Normalise(n))
	}
	c.Patterns, _ = document.list("patterns")
	for i, pattern := range c.Patterns {
		if _, err := regexp.Compile(pattern); err != nil {
			p.fault(document.place.below("patterns", strconv.Itoa(i)),
				fmt.Errorf("%w (look-around, back-references and possessive quantifiers are not supported)", err))
		}
	}
	if len(c.Numbers)+len(c.Patterns) == 0 {
		c.Warnings = append(c.Warnings, "callflow: neither numbers nor patterns: only a callflow node reaches it")
	}
	switch flow := object["flow"].(type) {
	case nil:
		c.Warnings = append(c.Warnings, "flow: is missing: the callflow does nothing")
	case map[string]any:
		c.Flow = p.node(flow, &place{key: "flow"}, 1)
	default:
		p.fault(&place{key: "flow"}, errors.New("is not an object"))
	}
	for _, f := range document.faults {
		p.fault(f.place, f.Err)
	}
	c.Warnings = append(c.Warnings, p.warnings...)
	return c, p.err(body, map[string]string{"callflow": "", "flow": "flow"})
}

var converters = []struct {
	form   *regexp.Regexp
	prefix string
}{
	{regexp.MustCompile(`^\+?1?([2-9]\d{2}[2-9]\d{6})$`), "+1"},
	{regexp.MustCompile(`^(?:011|00)(\d{5,})$`), "+"},
	{regexp.MustCompile(`^([2-9]\d{7,})$`), "+"},
}

// Normalise makes E.164 of a number where it can: an extension, a feature code and a name stay as they are. Source:
// callflow-engine.md 2.1.
func Normalise(number string) string {
	if strings.HasPrefix(number, "*") || strings.HasPrefix(number, "+") {
		return number
	}
	for _, c := range converters {
		if m := c.form.FindStringSubmatch(number); m != nil {
			return c.prefix + m[1]
		}
	}
	return number
}

// Numbers is the look-up table of an account. It is never changed.
type Numbers struct {
	exact    map[string]*Callflow
	patterns []pattern
	fallback *Callflow
}

type pattern struct {
	text string
	form *regexp.Regexp
	flow *Callflow
}

// NewNumbers makes a table. The error names numbers that two callflows claim, of which the first has it, and patterns
// that cannot be used; the table serves the rest.
func NewNumbers(flows []*Callflow) (*Numbers, error) {
	n := &Numbers{exact: map[string]*Callflow{}}
	var faults []error
	for _, f := range flows {
		for _, number := range f.Numbers {
			if number == noMatch {
				if n.fallback != nil && n.fallback != f {
					faults = append(faults, fmt.Errorf("no_match is in callflow %s and in %s", n.fallback.ID, f.ID))
					continue
				}
				n.fallback = f
				continue
			}
			if other := n.exact[number]; other != nil && other != f {
				faults = append(faults, fmt.Errorf("number %s is in callflow %s and in %s", number, other.ID, f.ID))
				continue
			}
			n.exact[number] = f
		}
		for _, text := range f.Patterns {
			form, err := regexp.Compile(text)
			if err != nil {
				faults = append(faults, fmt.Errorf("callflow %s: pattern %q: %w", f.ID, text, err))
				continue
			}
			n.patterns = append(n.patterns, pattern{text, form, f})
		}
	}
	return n, errors.Join(faults...)
}

// Match is a callflow that was found, and what its pattern caught.
type Match struct {
	Flow     *Callflow
	NoMatch  bool
	Capture  string
	Captures map[string]string
}

var onlyDigits = regexp.MustCompile(`^\+?\d+$`)

// Find looks a normalised number up: exactly, then by pattern, then, for callers who may, no_match. Source: callflow-
// engine.md 2.2–2.4.
func (n *Numbers) Find(number string, mayNoMatch bool) (Match, bool) {
	if number == "" {
		return Match{}, false
	}
	if f, ok := n.exact[number]; ok {
		isNoMatch := f == n.fallback
		if isNoMatch && !mayNoMatch {
			return Match{}, false
		}
		return Match{Flow: f, NoMatch: isNoMatch}, true
	}
	best, length, text := Match{}, -1, ""
	for _, p := range n.patterns {
		found := p.form.FindStringSubmatch(number)
		if found == nil {
			continue
		}
		value := found[0]
		if len(found) > 1 {
			value = ""
			for _, group := range found[1:] {
				if len(group) > len(value) {
					value = group
				}
			}
		}
		if len(value) < length || len(value) == length && p.text < text {
			continue
		}
		best = Match{Flow: p.flow, Capture: value, Captures: named(p.form, found), NoMatch: p.flow == n.fallback}
		length, text = len(value), p.text
	}
	if length >= 0 && (!best.NoMatch || mayNoMatch) {
		return best, true
	}
	if n.fallback != nil && mayNoMatch && onlyDigits.MatchString(number) {
		return Match{Flow: n.fallback, NoMatch: true}, true
	}
	return Match{}, false
}

func named(form *regexp.Regexp, found []string) map[string]string {
	var groups map[string]string
	for i, name := range form.SubexpNames() {
		if name != "" && found[i] != "" {
			if groups == nil {
				groups = map[string]string{}
			}
			groups[name] = found[i]
		}
	}
	return groups
}
