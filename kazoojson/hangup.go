package kazoojson

import "context"

// hangup ends the call behind what is queued, whatever flows wait to go on. It does not answer.
//
//	{"module": "hangup", "data": {}}
//
// Source: callflow-modules-e-o.md, hangup.
type hangup struct{}

func parseHangup(*Data) module { return hangup{} }

func (hangup) run(context.Context, *runner) (step, error) { return hardStop(), nil }
