package kazoojson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits of a flow.
const (
	maxDepth  = 200
	maxNodes  = 10000
	maxFaults = 100 // that are told; the rest is counted
)

// A Node is one action of a flow. It is never changed after it was parsed.
type Node struct {
	Module   string
	Children map[string]*Node // a nil child is the empty object: reaching it stops the flow

	place    *place
	skip     bool     // data.skip_module
	module   module   // nil: unknown, or skipped
	warnings []string // told when the node is reached
}

// Path is where the node stands: "flow", "flow/children/_".
func (n *Node) Path() string { return n.place.String() }

// A DocumentError is a fault of a document, placed so that it can be mended.
type DocumentError struct {
	Line, Column int    // from 1; 0: unknown
	Path         string // flow/children/_/data/timeout
	Err          error

	place *place
}

func (e *DocumentError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *DocumentError) Unwrap() error { return e.Err }

// Parse reads a flow, one action object, and validates the whole tree; the error joins a *DocumentError for every fault.
// A strict flow, which a web server returned, must name known modules and have data in every node; in a stored one an
// unknown module is passed over when it is reached. Source: pivot.md 11; callflow-engine.md 3.
func Parse(body []byte, strict bool) (*Node, error) {
	value, err := decode(body)
	if err != nil {
		return nil, err
	}
	p := parser{strict: strict}
	root := &place{key: "flow"}
	var node *Node
	if object, ok := value.(map[string]any); !ok {
		p.fault(root, errors.New("a flow is an object with module and data"))
	} else if node = p.node(object, root, 1); node == nil {
		p.fault(root, errors.New("module is missing"))
	}
	if err := p.err(body, map[string]string{"flow": ""}); err != nil {
		return nil, err
	}
	return node, nil
}

// decode reads one JSON value and nothing behind it; numbers stay as they were written.
func decode(body []byte) (any, error) {
	invalid := func(offset int64, err error) error {
		line, column := position(body, offset)
		return &DocumentError{Line: line, Column: column, Err: fmt.Errorf("invalid JSON: %w", err)}
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, invalid(int64(len(body)), errors.New("it ends in the middle"))
		}
		offset := decoder.InputOffset()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = syntax.Offset - 1
		}
		return nil, invalid(offset, err)
	}
	end := decoder.InputOffset()
	if rest := bytes.TrimLeft(body[end:], " \t\r\n"); len(rest) > 0 {
		return nil, invalid(int64(len(body)-len(rest)), errors.New("something follows the value"))
	}
	return value, nil
}

type parser struct {
	strict   bool
	nodes    int
	faults   []*DocumentError
	untold   int // faults over the limit
	warnings []string
}

func (p *parser) fault(at *place, err error) {
	if len(p.faults) == maxFaults {
		p.untold++
		return
	}
	p.faults = append(p.faults, &DocumentError{Path: at.String(), Err: err, place: at})
}

func (p *parser) warn(at *place, text string) {
	if len(p.warnings) < maxFaults {
		p.warnings = append(p.warnings, at.String()+": "+text)
	}
}

// err joins the faults, with their lines in body.
func (p *parser) err(body []byte, roots map[string]string) error {
	if len(p.faults) == 0 {
		return nil
	}
	locate(body, roots, p.faults)
	list := make([]error, 0, len(p.faults)+1)
	for _, f := range p.faults {
		list = append(list, f)
	}
	if p.untold > 0 {
		list = append(list, fmt.Errorf("and %d faults more", p.untold))
	}
	return errors.Join(list...)
}

// node parses an action object; nil for the empty one.
func (p *parser) node(object map[string]any, at *place, depth int) *Node {
	if len(object) == 0 {
		return nil
	}
	if p.nodes++; p.nodes > maxNodes {
		if p.nodes == maxNodes+1 {
			p.fault(at, fmt.Errorf("over %d nodes", maxNodes))
		}
		return nil
	}
	if depth > maxDepth {
		p.fault(at, fmt.Errorf("over %d nodes deep", maxDepth))
		return nil
	}
	n := &Node{place: at, Children: map[string]*Node{}}
	n.Module, _ = object["module"].(string)
	if n.Module == "" {
		p.fault(at.below("module"), errors.New("is missing, or is no text"))
	}
	data := Data{place: at.below("data"), strict: p.strict}
	switch values := object["data"].(type) {
	case map[string]any:
		data.values = values
	case nil:
		if _, there := object["data"]; p.strict && !there {
			p.fault(data.place, errors.New("is missing"))
		}
	default:
		p.fault(data.place, errors.New("is not an object"))
	}
	n.skip = data.boolean("skip_module", false)
	p.module(n, &data)
	switch children := object["children"].(type) {
	case nil:
	case map[string]any:
		keys := make([]string, 0, len(children))
		for key := range children {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			child, ok := children[key].(map[string]any)
			if !ok {
				p.fault(at.below("children", key), errors.New("is not an object"))
				continue
			}
			n.Children[key] = p.node(child, at.below("children", key), depth+1)
		}
	default:
		p.fault(at.below("children"), errors.New("is not an object"))
	}
	return n
}

// module has the data read by the node's module. The data of a stored node that is skipped does not matter.
func (p *parser) module(n *Node, data *Data) {
	if n.Module == "" || n.skip && !p.strict {
		return
	}
	e, ok := registry[n.Module]
	if !ok {
		err := fmt.Errorf("there is no module %q", clip(n.Module))
		if p.strict {
			p.fault(n.place.below("module"), err)
		} else {
			p.warn(n.place.below("module"), err.Error()+": it will be passed over")
		}
		return
	}
	m := e.parse(data)
	for _, f := range data.faults {
		p.fault(f.place, f.Err)
	}
	for _, w := range data.warnings {
		p.warn(w.at, w.text)
		n.warnings = append(n.warnings, w.at.key+": "+w.text)
	}
	if data.unusable {
		m = unusable{}
	}
	if !n.skip {
		n.module = m
	}
}
