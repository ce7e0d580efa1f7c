package kazoojson

import (
	"context"

	"fspivot/dialplan"
)

// answer answers the call. What follows is queued behind it: nobody waits. Continues with "_".
//
//	{"module": "answer", "data": {}}
//
// Source: callflow-modules-a-d.md, answer.
type answer struct{}

func parseAnswer(*Data) module { return answer{} }

func (answer) run(_ context.Context, c *runner) (step, error) {
	c.Channel.Queue(dialplan.Answer{})
	return next(), nil
}
