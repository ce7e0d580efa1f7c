package kazoojson

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A place is where a value stands in its document. It becomes text only where it is told: keys are foreign text of any
// length, and each is a part of the paths of everything below it.
type place struct {
	up  *place
	key string
}

func (p *place) below(keys ...string) *place {
	for _, key := range keys {
		p = &place{p, key}
	}
	return p
}

// keys are those on the way from the root, which comes first.
func (p *place) keys() []string {
	if p == nil {
		return nil
	}
	return append(p.up.keys(), p.key)
}

// String is the path, "flow/children/_/data/timeout", with long keys shortened.
func (p *place) String() string {
	keys := p.keys()
	for i, key := range keys {
		keys[i] = clip(key)
	}
	return strings.Join(keys, "/")
}

// clip shortens foreign text for an error.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// position gives line and column of an offset, from 1.
func position(body []byte, offset int64) (line, column int) {
	before := body[:min(max(int(offset), 0), len(body))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// wanted is a tree of places whose offsets are looked for.
type wanted struct {
	below  map[string]*wanted
	offset int64
}

func (w *wanted) child(key string) *wanted {
	if w.below == nil {
		w.below = map[string]*wanted{}
	}
	if w.below[key] == nil {
		w.below[key] = &wanted{}
	}
	return w.below[key]
}

// locate puts lines and columns to faults of a body that was decoded once. roots says which key of the body each first
// key of a path means, "" being the body itself. What is missing is placed at the object that lacks it.
func locate(body []byte, roots map[string]string, faults []*DocumentError) {
	root := &wanted{}
	at := make([]*wanted, len(faults))
	for i, f := range faults {
		keys := f.place.keys()
		w := root
		if key := roots[keys[0]]; key != "" {
			w = w.child(key)
		}
		for _, key := range keys[1:] {
			w = w.child(key)
		}
		at[i] = w
	}
	scanner := scanner{json.NewDecoder(bytes.NewReader(body)), body}
	scanner.value(root, scanner.start())
	for i, f := range faults {
		f.Line, f.Column = position(body, at[i].offset)
	}
}

type scanner struct {
	*json.Decoder
	body []byte
}

// start is the offset of the token that comes next.
func (s scanner) start() int64 {
	at := s.InputOffset()
	for at < int64(len(s.body)) && strings.IndexByte(" \t\r\n,:", s.body[at]) >= 0 {
		at++
	}
	return at
}

// value reads one value and marks the wanted places in it. A key that occurs twice is marked where it counts, the last.
func (s scanner) value(w *wanted, at int64) {
	if w != nil {
		w.settle(at)
	}
	token, err := s.Token()
	if err != nil {
		return
	}
	open, ok := token.(json.Delim)
	if !ok {
		return
	}
	for i := 0; s.More(); i++ {
		at := s.start()
		var key string
		if open == '{' {
			token, err := s.Token()
			if err != nil {
				return
			}
			key, _ = token.(string)
		} else {
			key = strconv.Itoa(i)
		}
		var child *wanted
		if w != nil {
			child = w.below[key]
		}
		s.value(child, at)
	}
	_, _ = s.Token() // the closing bracket
}

// settle gives a place and, until they are met themselves, those below it an offset.
func (w *wanted) settle(at int64) {
	w.offset = at
	for _, child := range w.below {
		child.settle(at)
	}
}
