package kazoojson

import "context"

// noop waits until everything that was queued has ended, and continues with "_".
//
//	{"module": "noop", "data": {}}
//
// Source: callflow-modules-e-o.md, noop.
type noop struct{}

func parseNoop(*Data) module { return noop{} }

func (noop) run(ctx context.Context, c *runner) (step, error) { return next(), c.Channel.Drain(ctx) }
