package dialplan

import (
	"slices"
	"strings"
)

// uncertain is in Channel.known for a variable that we have set, with a value that we can't tell any more. No Value has
// a control character.
const uncertain = "\x00"

// SetVariable sets a channel variable at once, beside what runs and without its turn in the queue. The value is stored
// as it is, but for quotes in pairs. Source: mod_commands "uuid_setvar".
func (c *Channel) SetVariable(v Variable) {
	c.api("uuid_setvar", c.UUID()+" "+v.Name.word()+" "+v.Value.s)
	c.knows(v)
}

// SetVariables sets several at once; values with ; or quotes are set one by one. Source: "uuid_setvar_multi".
func (c *Channel) SetVariables(vars ...Variable) {
	var list []string
	for _, v := range vars {
		if !v.Value.plain() {
			c.SetVariable(v)
			continue
		}
		list = append(list, v.assignment())
		c.knows(v)
	}
	for some := range slices.Chunk(list, mostAtOnce) {
		c.api("uuid_setvar_multi", c.UUID()+" "+strings.Join(some, ";"))
	}
}

// knows notes a variable that was set beside the queue: what is queued may still change it.
func (c *Channel) knows(v Variable) {
	c.known[v.Name.word()] = v.Value.s
	for _, list := range [][]*execution{c.pending, c.unsent} {
		for _, e := range list {
			for _, queued := range sets(e.app) {
				if queued.Name.word() == v.Name.word() {
					c.known[v.Name.word()] = uncertain
				}
			}
		}
	}
}

// settings are the channel variables that a depends on and that do not hold yet, as applications to run before it.
func (c *Channel) settings(a Application) []Application {
	var vars []Variable
	if n, ok := a.(needs); ok {
		for _, v := range n.needs() {
			// What nobody asked for stays as the dialplan set it, until we have set it ourselves.
			if have, ok := c.known[v.Name.s]; have != v.Value.s || !ok && v.Value.s != "" {
				vars = append(vars, v)
			}
		}
	}
	if r, ok := a.(clears); ok {
		for _, name := range r.clears() {
			vars = append(vars, variable(name, ""))
		}
	}
	for _, v := range slices.Concat(vars, sets(a)) {
		c.known[v.Name.word()] = v.Value.s
	}
	return settings(vars)
}
