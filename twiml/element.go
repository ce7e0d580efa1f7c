package twiml

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"

	"fspivot/dialplan"
	"fspivot/egress"
)

// element is an element as a verb's parse function sees it: its accessors check and convert attributes, and write
// down a Problem where a value can't be taken.
type element struct {
	*etree.Element
	parser   *parser
	parent   *element // nil: the root
	index    int      // among the parent's children of that name
	declared []string // attributes that verbs.go lists
}

// problem writes down what was coped with, at the element.
func (e *element) problem(code, format string, args ...any) {
	e.parser.problem(code, e.parser.positions[e.Element], e.path(), fmt.Sprintf(format, args...))
}

// path is where the element stands: Response/Dial[1]/Number[0].
func (e *element) path() string {
	if e.parent == nil {
		return clipName(e.name())
	}
	return fmt.Sprintf("%s/%s[%d]", e.parent.path(), clipName(e.name()), e.index)
}

// fault is a DocumentError at the element.
func (e *element) fault(code string, err error) *DocumentError {
	at := e.parser.positions[e.Element]
	return &DocumentError{Line: at.line, Column: at.column, Path: e.path(), Code: code, Err: err}
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
			list = append(list, &element{Element: child, parser: e.parser, parent: e, index: counts[name]})
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
	invalid error // a *DocumentError: it can't be asked for
}

// somewhere is a document's address that stands for any: what is no reference there is none elsewhere.
var somewhere = func() *egress.URL {
	u, err := egress.ParseURL("http://document.invalid/")
	if err != nil {
		panic(err)
	}
	return u
}()

// url gives an attribute as a reference.
func (e *element) url(name string) reference {
	return e.reference(e.attribute(name), name)
}

// reference checks what is written where: only http and https can be asked for.
func (e *element) reference(written, where string) reference {
	r := reference{url: written}
	if _, err := somewhere.Resolve(written); err != nil {
		r.invalid = e.fault("11100", fmt.Errorf("%s: %w", where, err))
		e.problem("11100", "%s: %v", where, err)
	}
	return r
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
	return clipAt(s, most)
}

// clipName shortens a foreign name, of which a path has many.
func clipName(s string) string {
	const most = 40
	return clipAt(s, most)
}

func clipAt(s string, most int) string {
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
