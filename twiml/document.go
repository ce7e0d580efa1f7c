package twiml

import (
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// Document is a parsed and checked document. It may be run any number of times.
type Document struct {
	verbs []placed
}

// placed is a verb with its place in the document.
type placed struct {
	verb verb
	name string
	line int
}

// Empty tells that there is no verb in the document that can be run.
func (d *Document) Empty() bool {
	for _, v := range d.verbs {
		if _, ok := v.verb.(*unknown); !ok {
			return false
		}
	}
	return true
}

// document makes verbs of the tree.
func (p *parser) document(root *etree.Element) *Document {
	response := &element{Element: root, parser: p}
	response.version()
	response.unknown()
	if strings.TrimSpace(response.text()) != "" {
		response.problem("12200", "text between verbs is ignored")
	}
	d := &Document{}
	end := "" // the verb that ends the document; those behind it are only checked
	told := false
	for _, e := range response.children() {
		if end != "" && !told {
			e.problem("12200", "nothing behind %s is run", end)
			told = true
		}
		v := parseVerb(e, "Response")
		if end != "" {
			continue
		}
		d.verbs = append(d.verbs, placed{verb: v, name: clip(e.name()), line: e.line()})
		switch v.(type) {
		case *Redirect, *Reject, *Hangup:
			end = e.name()
		}
	}
	return d
}

// version reports one that is no number. It means nothing. Source: twiml.md 1.1.
func (e *element) version() {
	e.declared = []string{"version"}
	if v := e.attribute("version"); v != "" {
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			e.problem("12101", "version=%q is no version", clip(v))
		}
	}
}

// parseVerb makes a verb of an element inside parent.
func parseVerb(e *element, parent string) verb {
	entry, ok := lookup(parent, e.name())
	if !ok {
		e.problem("12200", "%s is not known inside %s: it is skipped", clip(e.name()), parent)
		return &unknown{name: e.name()}
	}
	e.declared = entry.Attributes
	if entry.parse == nil {
		e.problem("13750", "%s is not supported yet: it is skipped", e.name())
		return &unknown{name: e.name()}
	}
	e.unknown()
	return entry.parse(e)
}
