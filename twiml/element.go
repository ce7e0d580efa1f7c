package twiml

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"

	"fspivot/dialplan"
)

// element is an element as a verb's parse function sees it: its accessors check and convert attributes, and write
// down a Problem where a value can't be taken.
type element struct {
	*etree.Element
	parser   *parser
	path     string
	declared []string // attributes that verbs.go lists
}

// at places a problem at the element.
func (e *element) problem(code, format string, args ...any) {
	e.parser.problem(code, e.parser.positions[e.Element], e.path, fmt.Sprintf(format, args...))
}

func (e *element) line() int { return e.parser.positions[e.Element].line }

// name is the element's, with its prefix: a prefixed one is none of ours.
func (e *element) name() string { return e.FullTag() }

// children gives the child elements in order.
func (e *element) children() []*element {
	var list []*element
	counts := map[string]int{}
	for _, token := range e.Child {
		if child, ok := token.(*etree.Element); ok {
			name := child.FullTag()
			list = append(list, &element{Element: child, parser: e.parser, path: fmt.Sprintf("%s/%s[%d]", e.path, name, counts[name])})
			counts[name]++
		}
	}
	return list
}

// text is the character data directly in the element, CDATA included, comments left out.
func (e *element) text() string {
	var b strings.Builder
	for _, token := range e.Child {
		if data, ok := token.(*etree.CharData); ok {
			b.WriteString(data.Data)
		}
	}
	return b.String()
}

// has tells whether the attribute is there, empty or not.
func (e *element) has(name string) bool {
	_, ok := e.lookup(name)
	return ok
}

func (e *element) lookup(name string) (string, bool) {
	if !slices.Contains(e.declared, name) {
		e.parser.undeclared = append(e.parser.undeclared, e.name()+"@"+name)
	}
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value, true
		}
	}
	return "", false
}

// attribute gives a value without blanks around it; "" when it is empty or not there.
func (e *element) attribute(name string) string {
	value, _ := e.lookup(name)
	return strings.TrimSpace(value)
}

// unknown reports the attributes that nothing reads.
func (e *element) unknown() {
	for _, a := range e.Attr {
		if a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" {
			continue
		}
		if a.Space != "" || !slices.Contains(e.declared, a.Key) {
			e.problem("12200", "attribute %s is not known here", clip(a.FullKey()))
		}
	}
}

// nothing reports content of an element that takes none.
func (e *element) nothing() {
	if strings.TrimSpace(e.text()) != "" || len(e.ChildElements()) > 0 {
		e.problem("12200", "%s takes no content: it is ignored", e.name())
	}
}

// noElements reports child elements of an element that takes only text.
func (e *element) noElements() {
	if len(e.ChildElements()) > 0 {
		e.problem("12200", "%s takes only text: other elements in it are ignored", e.name())
	}
}

// number gives a whole number of at least least and at most most: too large becomes most, too small or no number
// becomes fallback.
func (e *element) number(name string, fallback, least, most int, code string) int {
	value := e.attribute(name)
	if value == "" {
		return fallback
	}
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(value, "-"), err == nil && n > int64(most):
		e.problem(code, "%s=%q is over %d, which is taken", name, clip(value), most)
		return most
	case err != nil:
		e.problem(code, "%s=%q is no whole number: %d is taken", name, clip(value), fallback)
		return fallback
	case n < int64(least):
		e.problem(code, "%s=%q is below %d: %d is taken", name, clip(value), least, fallback)
		return fallback
	}
	return int(n)
}

// seconds is number for a time in whole seconds.
func (e *element) seconds(name string, fallback, least, most int, code string) time.Duration {
	return time.Duration(e.number(name, fallback, least, most, code)) * time.Second
}

// loop is how often something is said or played; 0: for ever.
func (e *element) loop(code string) int {
	const most = 1000
	return e.number("loop", 1, 0, most, code)
}

func (e *element) bool(name string, fallback bool, code string) bool {
	switch value := strings.ToLower(e.attribute(name)); value {
	case "":
	case "true", "1", "yes":
		return true
	case "false", "0", "no":
		return false
	default:
		e.problem(code, "%s=%q is not true or false: %t is taken", name, clip(value), fallback)
	}
	return fallback
}

// enum gives the value of the list, in the list's spelling, or the fallback.
func (e *element) enum(name, fallback, code string, values ...string) string {
	value := e.attribute(name)
	if value == "" {
		return fallback
	}
	for _, v := range values {
		if strings.EqualFold(v, value) {
			return v
		}
	}
	e.problem(code, "%s=%q is none of %s", name, clip(value), strings.Join(values, ", "))
	return fallback
}

// method is GET, POST, or "" for the default.
func (e *element) method(name, code string) string {
	return e.enum(name, "", code, "GET", "POST")
}

// reference is a URL as a document writes it: absolute, relative, or "" for the current document.
type reference struct {
	url     string
	invalid error // it can't be asked for
}

// url gives an attribute as a reference.
func (e *element) url(name string) reference {
	r := parseReference(e.attribute(name))
	if r.invalid != nil {
		e.problem("11100", "%s: %v", name, r.invalid)
	}
	return r
}

func parseReference(s string) reference {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	s = strings.ReplaceAll(s, " ", "%20")
	u, err := url.Parse(s)
	if err != nil {
		return reference{s, fmt.Errorf("%q is no URL", clip(s))}
	}
	if scheme := strings.ToLower(u.Scheme); scheme != "" && (scheme != "http" && scheme != "https" || u.Host == "") {
		return reference{s, fmt.Errorf("%q is no http or https URL", clip(s))}
	}
	return reference{url: s}
}

// keys gives a set of keys; "" and "none" are the empty set, and a value with anything else is reported and fallback.
func (e *element) keys(name string, fallback dialplan.Digits, code string) dialplan.Digits {
	value, ok := e.lookup(name)
	if !ok {
		return fallback
	}
	value = strings.TrimSpace(value)
	if strings.EqualFold(value, "none") {
		return ""
	}
	for _, r := range value {
		if !strings.ContainsRune(string(allKeys), r) {
			e.problem(code, "%s=%q has %q, which is none of %s", name, clip(value), r, allKeys)
			return fallback
		}
	}
	return dialplan.Digits(value)
}

// allKeys are the keys that a document may name.
const allKeys = dialplan.Digits("0123456789*#")

// clip shortens foreign text for a message.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
