package simswitch

import "strings"

// set <name>=<value> expands its value once more than other applications do; an empty one unsets.
func runSet(c *channel, arg string) {
	if arg == "" {
		return
	}
	name, value, ok := strings.Cut(arg, "=")
	if !ok {
		name, value, _ = strings.Cut(arg, ",")
	}
	c.set(name, c.expand(value))
}

// multiset ^^<delimiter><name>=<value><delimiter>…
func runMultiset(c *channel, arg string) {
	text, delimiter := takeDelimiter(arg, ' ')
	for _, pair := range strings.Split(text, string(delimiter)) {
		runSet(c, pair)
	}
}

func runUnset(c *channel, arg string) { c.set(arg, "") }

func runMultiunset(c *channel, arg string) {
	text, delimiter := takeDelimiter(arg, ' ')
	for _, name := range strings.Split(text, string(delimiter)) {
		c.set(name, "")
	}
}

// export [nolocal:]<name>=<value> sets a variable on B legs that are dialled later, and here unless nolocal. Its list,
// export_vars, names it once more each time; an empty value is not listed.
// Source: switch_channel.c switch_channel_export_variable_var_check.
func runExport(c *channel, arg string) {
	name, value, _ := strings.Cut(arg, "=")
	value = c.expand(value)
	local := true
	for _, prefix := range []string{"nolocal:", "_nolocal_"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			name, local = rest, false
		}
	}
	if local {
		c.set(name, value)
	} else {
		c.set("nolocal:"+name, value)
		name = "nolocal:" + name
	}
	if value == "" {
		return
	}
	if list := c.get("export_vars"); list != "" {
		name = list + "," + name
	}
	c.set("export_vars", name)
}

// exported are the variables that a dialled leg inherits.
func (c *channel) exported() []header {
	var h []header
	for _, name := range strings.Split(c.get("export_vars"), ",") {
		if value, ok := c.vars.get(name); ok && name != "" {
			h = append(h, header{strings.TrimPrefix(name, "nolocal:"), value})
		}
	}
	return h
}
