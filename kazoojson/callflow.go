package kazoojson

import (
	"context"
	"fmt"
)

// callflowNode runs another stored callflow, and then "_". One that is missing leads to "_" at once, with a record.
//
//	{"module": "callflow", "data": {"id": "a0b1c2d3e4f5061728394a5b6c7d8e9f"}}
//
// Source: callflow-modules-a-d.md, callflow.
type callflowNode struct {
	ID string
}

func parseCallflowNode(d *Data) module {
	m := &callflowNode{ID: d.text("id", "")}
	if m.ID == "" {
		d.warn("id", "is missing: no callflow is run")
	}
	return m
}

func (m *callflowNode) run(_ context.Context, c *runner) (step, error) {
	if m.ID == "" {
		return next(), nil
	}
	flow, ok := c.Flows(m.ID)
	if !ok {
		c.Timeline.Warn("", fmt.Sprintf("there is no callflow %q: going on", clip(m.ID)))
		return next(), nil
	}
	return branch(flow), nil
}
