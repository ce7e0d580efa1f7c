package kazoojson

import (
	"context"

	"fspivot/dialplan"
)

// deadAir answers and sends silence until the caller hangs up. Keys do nothing, children never run.
//
//	{"module": "dead_air", "data": {}}
//
// What is sent is real silence: without any media the far end might take the call for broken. Source: callflow-modules-
// a-d.md, dead_air.
type deadAir struct{}

func parseDeadAir(*Data) module { return deadAir{} }

func (deadAir) run(ctx context.Context, c *runner) (step, error) {
	c.Channel.Queue(dialplan.Answer{}, dialplan.MuteWrite{On: true}, dialplan.Playback{File: dialplan.EndlessSilence()})
	return stop(), c.Channel.WaitForEnd(ctx)
}
