package kazoojson

import (
	"context"

	"fspivot/call"
)

// flushDTMF forgets a collection of digits; Kazoo only means to. Keys that no step has taken yet stay. Continues
// with "_".
//
//	{"module": "flush_dtmf", "data": {"collection_name": "account_no"}}
//
// Source: callflow-modules-e-o.md, flush_dtmf; callflow-engine.md 23.
type flushDTMF struct {
	Name string // collection_name; "": the default collection
}

func parseFlushDTMF(d *Data) module { return &flushDTMF{Name: d.text("collection_name", "")} }

func (m *flushDTMF) run(_ context.Context, c *runner) (step, error) {
	c.Call.FlushDigits(m.Name)
	if m.Name == "" || m.Name == call.DefaultCollection {
		c.answers = ""
	}
	return next(), nil
}
