package kazoojson

import (
	"context"

	"fspivot/dialplan"
)

// setVariable sets the call priority or the group, for branch_variable and, on the channel, for the switch. An unknown
// name and an empty value set nothing, with a record. Continues with "_".
//
//	{"module": "set_variable", "data": {"variable": "call_priority", "value": "7", "channel": "both"}}
//
// Source: callflow-modules-s-z.md, set_variable and Call priorities.
type setVariable struct {
	Name     string // Kazoo's: Call-Priority or Group-ID; "": nothing is set
	Value    string
	Both     bool          // legs that are dialled later get it, too; default: the caller's channel alone
	variable dialplan.Name // on the switch
}

var settableVariables = map[string]string{"call_priority": "Call-Priority", "group_id": "Group-ID"}

// channelPrefix is in front of a custom channel variable's name on the switch, as in Kazoo.
const channelPrefix = "ecallmgr_"

func parseSetVariable(d *Data) module {
	m := &setVariable{Value: d.text("value", "")}
	variable := d.text("variable", "")
	m.Name = settableVariables[variable]
	m.variable, _ = dialplan.ParseName(channelPrefix + m.Name) // our own names are good ones
	switch channel := d.text("channel", "a"); channel {
	case "a":
	case "both":
		m.Both = true
	default:
		d.refuse("channel", "%q is neither a nor both", clip(channel))
	}
	switch {
	case m.Name == "":
		d.warn("variable", "%q is neither call_priority nor group_id: nothing is set", clip(variable))
	case m.Value == "":
		d.warn("value", "is missing: nothing is set")
		m.Name = ""
	}
	return m
}

func (m *setVariable) run(_ context.Context, c *runner) (step, error) {
	if m.Name == "" {
		return next(), nil
	}
	c.Call.SetChannelVar(m.Name, m.Value)
	c.mirror(m.variable, m.Value, m.Both)
	return next(), nil
}

// mirror sets a channel variable to foreign text, for the switch and what it dials: the call itself has it exactly.
func (c *runner) mirror(name dialplan.Name, value string, export bool) {
	v := dialplan.Variable{Name: name, Value: dialplan.Foreign(value)}
	if export {
		c.Channel.Queue(dialplan.Export{Variable: v})
		return
	}
	c.Channel.Queue(dialplan.Set{Variable: v})
}
