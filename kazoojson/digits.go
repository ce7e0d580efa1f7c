package kazoojson

import (
	"strings"

	"fspivot/call"
	"fspivot/dialplan"
)

// maxKept is how many digits the default collection takes of keys that nobody asked for.
const maxKept = 128

// keep appends the keys that were pressed to the default collection, where collect_dtmf and the next pivot request find
// them, and gives them. Source: callflow-engine.md 10.
func (c *runner) keep() dialplan.Digits {
	keys := c.Channel.TakeDigits()
	room := max(0, maxKept-len(c.Call.Collections[call.DefaultCollection]))
	c.Call.AppendDigits(string(keys[:min(len(keys), room)]))
	return keys
}

// takeAhead takes what was typed ahead out of the default collection: most digits of it at most, up to the first of
// terminators. The rest is forgotten; what an earlier collect_dtmf put there stays, for it is an answer.
func (c *runner) takeAhead(most int, terminators dialplan.Digits) string {
	c.keep()
	collected := c.Call.Collections[call.DefaultCollection]
	typed, ok := strings.CutPrefix(collected, c.answers)
	if !ok {
		typed, c.answers = collected, ""
	}
	c.Call.FlushDigits("")
	if c.answers != "" {
		c.Call.StoreDigits("", c.answers)
	}
	if end := strings.IndexAny(typed, string(terminators)); end >= 0 {
		typed = typed[:end]
	}
	return typed[:min(len(typed), most)]
}

// store puts collected digits under a name, "" for the default collection.
func (c *runner) store(name, digits string) {
	c.Call.StoreDigits(name, digits)
	if name == "" || name == call.DefaultCollection {
		c.answers = digits
	}
}
