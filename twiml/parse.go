package twiml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// Bounds of a document. Source: twiml.md 1.1.
const (
	maxBytes    = 1 << 20
	manyBytes   = 64 << 10 // more is worth a warning
	maxDepth    = 32
	maxElements = 10000
	maxProblems = 200 // later ones are counted, not kept
	maxAttrs    = 256 // of one element
)

// A DocumentError is a fault of the document, not of the call, placed so that check and the inspector can point at it.
type DocumentError struct {
	Line, Column int    // from 1, columns in bytes of UTF-8; 0: unknown
	Path         string // Response/Dial[1]/Number[0], or the innermost element that was open; "": outside of all
	Code         string // of twiml.md, appendix C
	Err          error
}

func (e *DocumentError) Error() string {
	place := "document"
	if e.Line > 0 {
		place += fmt.Sprintf(", line %d, column %d", e.Line, e.Column)
	}
	if e.Path != "" {
		place += ", " + e.Path
	}
	return fmt.Sprintf("%s: %v (%s)", place, e.Err, e.Code)
}

func (e *DocumentError) Unwrap() error { return e.Err }

// A Problem is something that was coped with: the document runs nevertheless.
type Problem struct {
	Code         string // of twiml.md, appendix C
	Line, Column int    // from 1; 0: unknown
	Path         string
	Text         string
}

func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Code != "" {
		b.WriteString(" (" + p.Code + ")")
	}
	return b.String()
}

// Parse reads a document. contentCharset is the charset parameter of Content-Type, or "". problems are what was coped
// with; err is a *DocumentError. An empty body is a document without verbs. Source: twiml.md 1.
func Parse(body []byte, contentCharset string) (doc *Document, problems []Problem, err error) {
	return new(parser).parse(body, contentCharset)
}

func (p *parser) parse(body []byte, charset string) (*Document, []Problem, error) {
	if len(body) > maxBytes {
		return nil, nil, &DocumentError{Code: "11750", Err: fmt.Errorf("%d bytes are more than %d", len(body), maxBytes)}
	}
	if len(body) > manyBytes {
		p.problem("14106", position{}, "", fmt.Sprintf("%d bytes: other platforms take %d", len(body), manyBytes))
	}
	text, err := decode(body, charset)
	if err != nil {
		return nil, nil, &DocumentError{Code: "12100", Err: err}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		p.problem("11770", position{}, "", "the body is empty")
		return &Document{}, p.problems, nil
	}
	positions, err := p.scan(text)
	if err != nil {
		return nil, nil, err
	}
	tree := etree.NewDocument()
	tree.ReadSettings.CharsetReader = sameCharset
	if err := tree.ReadFromBytes(text); err != nil {
		return nil, nil, &DocumentError{Code: "12100", Err: err}
	}
	root := tree.Root()
	if root == nil || root.FullTag() != "Response" {
		e := &DocumentError{Line: positions[0].line, Column: positions[0].column, Code: "12102",
			Err: errors.New("the root element is not Response")}
		if root != nil {
			e.Path = clipName(root.FullTag())
		}
		return nil, nil, e
	}
	p.place(root, positions)
	doc := p.document(root)
	if p.dropped > 0 {
		text := fmt.Sprintf("%d further problems are not listed", p.dropped)
		p.problems = append(p.problems, Problem{Code: "12200", Text: text})
	}
	return doc, p.problems, nil
}

// position is where an element begins.
type position struct{ line, column int }

// parser is one Parse at work.
type parser struct {
	problems   []Problem
	dropped    int // problems that were not kept
	positions  map[*etree.Element]position
	undeclared []string // attributes that a verb asks for though verbs.go does not list them
}

func (p *parser) problem(code string, at position, path, text string) {
	if len(p.problems) >= maxProblems {
		p.dropped++
		return
	}
	p.problems = append(p.problems, Problem{Code: code, Line: at.line, Column: at.column, Path: path, Text: text})
}

// place gives each element its position: etree keeps none, but it has the elements in the order of the scan.
func (p *parser) place(root *etree.Element, positions []position) {
	p.positions = make(map[*etree.Element]position, len(positions))
	next := 0
	var walk func(*etree.Element)
	walk = func(e *etree.Element) {
		if next < len(positions) {
			p.positions[e] = positions[next]
		}
		next++
		for _, token := range e.Child {
			if child, ok := token.(*etree.Element); ok {
				walk(child)
			}
		}
	}
	walk(root)
}

// open is an element that scan has not seen the end of.
type open struct {
	path   string
	counts map[string]int // children so far, by name
}

// scan holds a document to the rules that no decoder enforces, before a tree is made of it, and gives where its
// elements begin.
func (p *parser) scan(text []byte) ([]position, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = sameCharset
	var positions []position
	var stack []open
	for first := true; ; first = false {
		line, column := d.InputPos()
		path := ""
		if len(stack) > 0 {
			path = stack[len(stack)-1].path
		}
		fault := func(code, format string, args ...any) error {
			return &DocumentError{Line: line, Column: column, Path: path, Code: code, Err: fmt.Errorf(format, args...)}
		}
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(positions) == 0 {
				return nil, fault("12100", "there is no element")
			}
			return positions, nil
		}
		if err != nil {
			line, column = d.InputPos()
			return nil, fault("12100", "%w", explain(err))
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, fault("12100", "DOCTYPE and other declarations are refused")
		case xml.CharData:
			if len(stack) == 0 && len(bytes.TrimSpace(t)) > 0 {
				return nil, fault("12100", "text outside of the root element")
			}
		case xml.ProcInst:
			if t.Target == "xml" && !first {
				if len(positions) > 0 {
					return nil, fault("12100", "an XML declaration behind the first element")
				}
				p.problem("12100", position{line, column}, "", "something stands before the XML declaration")
			}
		case xml.StartElement:
			if len(stack) == 0 && len(positions) > 0 {
				return nil, fault("12100", "a second root element %s", clipName(t.Name.Local))
			}
			stack = push(stack, clipName(t.Name.Local))
			path = stack[len(stack)-1].path
			if len(stack) > maxDepth {
				return nil, fault("14106", "elements are nested deeper than %d", maxDepth)
			}
			if positions = append(positions, position{line, column}); len(positions) > maxElements {
				return nil, fault("14106", "more than %d elements", maxElements)
			}
			if len(t.Attr) > maxAttrs {
				return nil, fault("14106", "an element with more than %d attributes", maxAttrs)
			}
			seen := make(map[xml.Name]bool, len(t.Attr))
			for _, a := range t.Attr {
				if seen[a.Name] {
					name, of := clipName(a.Name.Local), clipName(t.Name.Local)
					return nil, fault("12100", "attribute %s of %s is there twice", name, of)
				}
				seen[a.Name] = true
			}
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

// push opens an element of that name.
func push(stack []open, name string) []open {
	path := name
	if len(stack) > 0 {
		parent := &stack[len(stack)-1]
		if parent.counts == nil {
			parent.counts = map[string]int{}
		}
		path = fmt.Sprintf("%s/%s[%d]", parent.path, name, parent.counts[name])
		parent.counts[name]++
	}
	return append(stack, open{path: path})
}

// explain adds to an error of the decoder what its reader should do.
func explain(err error) error {
	fault, ok := errors.AsType[*xml.SyntaxError](err)
	if !ok {
		return err
	}
	if strings.Contains(fault.Msg, "entity") {
		return fmt.Errorf("%s: a bare & must be written as &amp;, and only &amp; &lt; &gt; &quot; &apos; and &#…; are known",
			clip(fault.Msg))
	}
	return errors.New(clip(fault.Msg))
}

// sameCharset is for a text that was decoded already, whatever its prolog says.
func sameCharset(_ string, r io.Reader) (io.Reader, error) { return r, nil }

var (
	byteOrderMark = []byte("\xEF\xBB\xBF")
	prologCharset = regexp.MustCompile(`^\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)
)

// decode makes UTF-8 of a body: by its byte-order mark, the charset of Content-Type, its prolog, or UTF-8.
func decode(body []byte, charset string) ([]byte, error) {
	if bytes.HasPrefix(body, byteOrderMark) {
		body, charset = body[len(byteOrderMark):], "utf-8"
	} else if bytes.HasPrefix(body, []byte("\xFE\xFF")) || bytes.HasPrefix(body, []byte("\xFF\xFE")) {
		return nil, errors.New("UTF-16 is not read: send UTF-8")
	}
	if charset == "" {
		if m := prologCharset.FindSubmatch(body[:min(len(body), 400)]); m != nil {
			charset = string(m[1])
		}
	}
	switch strings.ToLower(strings.Trim(charset, `"' `)) {
	case "", "utf-8", "utf8":
		if !utf8.Valid(body) {
			return nil, errors.New("the text is not valid UTF-8")
		}
		return body, nil
	case "us-ascii", "ascii":
		for _, c := range body {
			if c >= utf8.RuneSelf {
				return nil, errors.New("the text is not US-ASCII")
			}
		}
		return body, nil
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1":
		var b bytes.Buffer
		for _, c := range body {
			b.WriteRune(rune(c))
		}
		return b.Bytes(), nil
	}
	return nil, fmt.Errorf("charset %q is not read: send UTF-8", clip(charset))
}
