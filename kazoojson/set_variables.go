package kazoojson

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"fspivot/dialplan"
)

// setVariables sets custom application variables: later pivot requests carry them, exactly, and the switch has them as
// cav_<name>, objects as JSON in json_cav_<name>. Others stay; null removes one. Continues with "_".
//
//	{"module": "set_variables", "data": {"custom_application_vars": {"ticket": "A-17", "survey": {"lang": "en"}}}}
//
// A name is letters, digits, _ - and . ; another is left out with a record. A call takes 256 KiB of variables, and the
// switch 4 KiB of each. Source: callflow-modules-s-z.md, set_variables; callflow-engine.md 10.
type setVariables struct {
	Vars   []applicationVar // by name
	Export bool             // legs that are dialled later get them, too
}

type applicationVar struct {
	Name  string
	Value any // nil: to be removed
}

const (
	mostVariables = 256 << 10 // bytes, as JSON
	mostOnChannel = 4 << 10   // bytes of one
)

func parseSetVariables(d *Data) module {
	const key = "custom_application_vars"
	m := &setVariables{Export: d.boolean("export", false)}
	vars, isObject := d.values[key].(map[string]any)
	if !isObject {
		d.lenient(key, "is missing, or no object: nothing is set")
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v := applicationVar{name, vars[name]}
		if _, err := v.onChannel(); err != nil || name == "" {
			d.warn(key, "%q is no name (letters, digits, _, - and . may be used): it is left out", clip(name))
			continue
		}
		m.Vars = append(m.Vars, v)
	}
	return m
}

// onChannel is the variable's name on the switch.
func (v applicationVar) onChannel() (dialplan.Name, error) {
	if object(v.Value) != nil {
		return dialplan.ParseName("json_cav_" + v.Name)
	}
	return dialplan.ParseName("cav_" + v.Name)
}

// text is the value as the switch has it.
func (v applicationVar) text() string {
	if s, ok := v.Value.(string); ok {
		return s
	}
	return string(encoded(v.Value))
}

// size is what the variable counts towards the limit.
func (v applicationVar) size() int { return len(v.Name) + len(encoded(v.Value)) }

func (m *setVariables) run(_ context.Context, c *runner) (step, error) {
	size := 0
	for name, value := range c.Call.AppVars {
		size += applicationVar{name, value}.size()
	}
	for _, v := range m.Vars {
		value, had := c.Call.AppVars[v.Name]
		before := applicationVar{v.Name, value}
		if had && bytes.Equal(encoded(value), encoded(v.Value)) || !had && v.Value == nil {
			continue
		}
		if had {
			size -= before.size()
		}
		if v.Value != nil {
			if size += v.size(); size > mostVariables {
				c.Timeline.Error("", fmt.Sprintf("variable %s: over %d bytes of variables in one call: it and those "+
					"behind it are left out", v.Name, mostVariables))
				break
			}
		}
		m.set(c, before, v, had)
	}
	return next(), nil
}

// set changes one variable, which had another value before.
func (m *setVariables) set(c *runner, before, v applicationVar, had bool) {
	old, err := before.onChannel()
	name, _ := v.onChannel() // was looked at when the data was read
	if had && err == nil && (v.Value == nil || old != name) {
		c.mirror(old, "", m.Export)
	}
	if v.Value == nil {
		delete(c.Call.AppVars, v.Name)
		return
	}
	c.Call.SetAppVar(v.Name, v.Value)
	text := v.text()
	if len(text) > mostOnChannel {
		c.Timeline.Warn("", fmt.Sprintf("variable %s: over %d bytes: the switch does not get it", v.Name, mostOnChannel))
		text = ""
	}
	c.mirror(name, text, m.Export)
}

// encoded is a value as JSON. What was read as JSON can always be written.
func encoded(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
