package kazoojson

import "context"

// waitForHangup waits until the caller hangs up. It neither answers nor plays, keys do nothing, children never run.
//
//	{"module": "wait_for_hangup", "data": {}}
//
// Source: callflow-modules-s-z.md, wait_for_hangup.
type waitForHangup struct{}

func parseWaitForHangup(*Data) module { return waitForHangup{} }

func (waitForHangup) run(ctx context.Context, c *runner) (step, error) {
	return stop(), c.Channel.WaitForEnd(ctx)
}
