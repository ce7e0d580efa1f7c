package kazoojson

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const good = `{"module": "answer", "data": {}}`
	for name, c := range map[string]struct {
		flow           string
		strict, stored []string // paths of faults
	}{
		"an action":                       {flow: good},
		"blanks around it":                {flow: "\n " + good + " \n"},
		"keys that nobody knows":          {flow: `{"module": "answer", "data": {"x": [{}]}, "remote_execution": true, "name": 5}`},
		"no data":                         {flow: `{"module": "answer"}`, strict: []string{"flow/data"}},
		"data null":                       {flow: `{"module": "answer", "data": null}`},
		"data no object":                  {flow: `{"module": "answer", "data": []}`, strict: []string{"flow/data"}, stored: []string{"flow/data"}},
		"no children":                     {flow: `{"module": "answer", "data": {}, "children": null}`},
		"children no object":              {flow: `{"module": "answer", "data": {}, "children": []}`, strict: []string{"flow/children"}, stored: []string{"flow/children"}},
		"a child that is no object":       {flow: action("answer", `{}`, "_", `"hangup"`), strict: []string{"flow/children/_"}, stored: []string{"flow/children/_"}},
		"a child that is null":            {flow: action("answer", `{}`, "_", `null`), strict: []string{"flow/children/_"}, stored: []string{"flow/children/_"}},
		"an empty child":                  {flow: action("answer", `{}`, "_", `{}`)},
		"no module":                       {flow: `{"data": {}}`, strict: []string{"flow/module"}, stored: []string{"flow/module"}},
		"an empty module":                 {flow: `{"module": "", "data": {}}`, strict: []string{"flow/module"}, stored: []string{"flow/module"}},
		"module no text":                  {flow: `{"module": 5, "data": {}}`, strict: []string{"flow/module"}, stored: []string{"flow/module"}},
		"a module that is unknown":        {flow: `{"module": "nosuch", "data": {}}`, strict: []string{"flow/module"}},
		"modules are known to the letter": {flow: `{"module": "Answer", "data": {}}`, strict: []string{"flow/module"}},
		"unknown, and deep":               {flow: action("answer", `{}`, "1", action("answer", `{}`, "_", action("nosuch", `{}`))), strict: []string{"flow/children/1/children/_/module"}},
		"nothing":                         {flow: `{}`, strict: []string{"flow"}, stored: []string{"flow"}},
		"a list":                          {flow: `[` + good + `]`, strict: []string{"flow"}, stored: []string{"flow"}},
		"null":                            {flow: `null`, strict: []string{"flow"}, stored: []string{"flow"}},
		"a whole callflow":                {flow: `{"flow": ` + good + `}`, strict: []string{"flow/module", "flow/data"}, stored: []string{"flow/module"}},
		"duplicate keys: the last counts": {flow: `{"module": "nosuch", "data": {}, "module": "answer"}`},
		"all faults are told": {flow: action("tts", `{}`, "a", action("pivot", `{}`), "b", action("sleep", `{"unit": "days"}`)),
			strict: []string{"flow/data/text", "flow/children/a/data/voice_url", "flow/children/b/data/unit"}, stored: []string{"flow/children/a/data/voice_url"}},
		"data of what is skipped":             {flow: action("pivot", `{"skip_module": true}`), strict: []string{"flow/data/voice_url"}},
		"a skipped module that is unknown":    {flow: action("nosuch", `{"skip_module": "true"}`), strict: []string{"flow/module"}},
		"a module that is not really skipped": {flow: action("pivot", `{"skip_module": 1}`), strict: []string{"flow/data/voice_url"}, stored: []string{"flow/data/voice_url"}},
		"not JSON":                            {flow: `{"module": answer}`, strict: []string{""}, stored: []string{""}},
		"nothing at all":                      {flow: "", strict: []string{""}, stored: []string{""}},
		"half of it":                          {flow: `{"module": "answer", "data": {`, strict: []string{""}, stored: []string{""}},
		"something behind it":                 {flow: good + ` x`, strict: []string{""}, stored: []string{""}},
		"another value behind it":             {flow: good + good, strict: []string{""}, stored: []string{""}},
		"a bracket behind it":                 {flow: good + `}`, strict: []string{""}, stored: []string{""}},
		"a key of any length":                 {flow: action("answer", `{}`, strings.Repeat("ü", 100), `5`), strict: []string{"flow/children/" + strings.Repeat("ü", 30) + "…"}, stored: []string{"flow/children/" + strings.Repeat("ü", 30) + "…"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, "faults of what a web server returned", c.strict, faults(t, c.flow, true))
			same(t, "faults of what is stored", c.stored, faults(t, c.flow, false))
		})
	}
}

// A fault stands where the value does, or the object that lacks it; a key that occurs twice stands where it counts.
func TestParsePlaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flow string
		want []string // line:column path
	}{
		"the value's key": {"{\n  \"module\": \"sleep\",\n  \"data\": {\n    \"duration\": -1,\n    \"unit\": \"days\"\n  }\n}", []string{"5:5 flow/data/unit", "4:5 flow/data/duration"}},
		"what is missing": {"{\"module\": \"tts\",\n\n \"data\": {}}", []string{"3:2 flow/data/text"}},
		"no data at all":  {"\n\n{\"module\": \"answer\"}", []string{"3:1 flow/data"}},
		"deeper":          {"{\"module\": \"answer\", \"data\": {}, \"children\": {\"_\": {},\n \"1\":\n  {\"module\": \"nosuch\", \"data\": {}}}}", []string{"3:4 flow/children/1/module"}},
		"twice":           {"{\"module\": \"sleep\",\n\"data\": {\"unit\": \"a\"},\n\"data\": {\"duration\": 1,\n\"unit\": \"b\"}}", []string{"4:1 flow/data/unit"}},
		"twice, gone":     {"{\"module\": \"tts\",\n\"data\": {\"text\": \"a\"},\n\"data\": {}}", []string{"3:1 flow/data/text"}},
		"the whole":       {" []", []string{"1:2 flow"}},
		"syntax":          {"{\n\"module\": answer}", []string{"2:11 "}},
		"half":            {"{\n\"module\":", []string{"2:10 "}},
		"behind it":       {"{}\n\n  x", []string{"3:3 "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(c.flow), true)
			var got []string
			for _, e := range flattened(err) {
				if fault, ok := errors.AsType[*DocumentError](e); ok {
					got = append(got, fmt.Sprintf("%d:%d %s", fault.Line, fault.Column, fault.Path))
				}
			}
			same(t, "places", c.want, got)
		})
	}
}

func TestParseErrorText(t *testing.T) {
	t.Parallel()
	for flow, want := range map[string]string{
		`{"module": `:                       `invalid JSON: it ends in the middle`,
		`{"module": x}`:                     `invalid JSON: invalid character 'x' looking for beginning of value`,
		`{} {}`:                             `invalid JSON: something follows the value`,
		action("tts", `{"text": {}}`):       "flow/data/text: is no text\nflow/data/text: is missing: nothing is said",
		action("nosuch", `{}`):              `flow/module: there is no module "nosuch"`,
		action("sleep", `{"unit": "days"}`): `flow/data/unit: "days" is none of ms, s, m, h: s is used`,
	} {
		if _, err := Parse([]byte(flow), true); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", flow, err, want)
		}
	}
}

func TestParseLimits(t *testing.T) {
	t.Parallel()
	deep := func(n int) string {
		return strings.Repeat(`{"module":"answer","data":{},"children":{"_":`, n-1) + `{"module":"answer","data":{}}` + strings.Repeat("}}", n-1)
	}
	wide := func(n int, node string) string {
		var b strings.Builder
		b.WriteString(`{"module":"answer","data":{},"children":{`)
		for i := range n - 1 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"%d":%s`, i, node)
		}
		return b.String() + "}}"
	}
	for name, c := range map[string]struct {
		flow string
		want int // faults
		says string
	}{
		"as deep as may be":       {deep(maxDepth), 0, ""},
		"one deeper":              {deep(maxDepth + 1), 1, "over 200 nodes deep"},
		"5000 deep":               {deep(5000), 1, "over 200 nodes deep"},
		"deeper than JSON may be": {deep(20000), 1, "invalid JSON"},
		"as many as may be":       {wide(maxNodes, `{"module":"answer","data":{}}`), 0, ""},
		"one more":                {wide(maxNodes+1, `{"module":"answer","data":{}}`), 1, "over 10000 nodes"},
		"all of them faulty":      {wide(500, `{"data":{}}`), maxFaults + 1, "and 399 faults more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node, err := Parse([]byte(c.flow), true)
			if c.want == 0 {
				if err != nil || node == nil {
					t.Fatalf("%v", err)
				}
				return
			}
			if list := flattened(err); len(list) != c.want || !strings.Contains(list[len(list)-1].Error(), c.says) || node != nil {
				t.Errorf("%d faults, the last: %v; node %v", len(list), list[len(list)-1], node)
			}
		})
	}
}

// Paths of foreign keys must not make much of little: each key is a part of the path of every node below it.
func TestParseMemory(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"module":"answer","data":{},"children":{%q:{"module":"answer","data":{},"children":{`, strings.Repeat("k", 200_000))
	for i := range 5000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":{"module":"nosuch"}`, i)
	}
	b.WriteString("}}}}")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse([]byte(b.String()), true)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d bytes for %d", got, b.Len())
	}
	if list := flattened(err); len(list) != maxFaults+1 || len(err.Error()) > 100_000 {
		t.Errorf("%d faults in %d bytes", len(list), len(err.Error()))
	}
}

func TestNode(t *testing.T) {
	t.Parallel()
	n := parsed(t, action("answer", `{}`, "1", action("nosuch", `{}`, "_", `{}`), "*", `{}`))
	if n.Path() != "flow" || n.Children["1"].Path() != "flow/children/1" || n.Children["1"].Module != "nosuch" {
		t.Errorf("%q, %q", n.Path(), n.Children["1"].Path())
	}
	same(t, "keys", []string{"*", "1"}, slices.Sorted(maps.Keys(n.Children)))
	if child, ok := n.Children["*"]; !ok || child != nil {
		t.Errorf("the empty child is %v, %v", child, ok)
	}
}

func TestParseCallflow(t *testing.T) {
	t.Parallel()
	c, err := ParseCallflow("2030", []byte(`{"name": "Sales", "numbers": ["2030", "4158867900", "no_match", "*97", 123], "patterns": ["^\\*5(\\d+)$"],
		"flow": `+action("nosuch", `{}`, "_", action("sleep", `{"unit": "days"}`))+`, "featurecode": {}}`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "numbers", []string{"2030", "+14158867900", "no_match", "*97", "123"}, c.Numbers)
	same(t, "patterns", []string{`^\*5(\d+)$`}, c.Patterns)
	same(t, "warnings", []string{`flow/module: there is no module "nosuch": it will be passed over`, `flow/children/_/data/unit: "days" is none of ms, s, m, h: s is used`}, c.Warnings)
	if c.ID != "2030" || c.Name != "Sales" || c.Flow == nil || c.Flow.Module != "nosuch" {
		t.Errorf("%+v", c)
	}
	for body, want := range map[string]struct{ warnings, faults []string }{
		`{"numbers": ["1"], "flow": {}}`:                             {nil, nil},
		`{"flow": {"module": "answer"}}`:                             {[]string{"callflow: neither numbers nor patterns: only a callflow node reaches it"}, nil},
		`{"numbers": "1"}`:                                           {[]string{"flow: is missing: the callflow does nothing"}, nil},
		`{"numbers": ["1"], "flow": []}`:                             {nil, []string{"flow"}},
		`{"numbers": {}, "flow": {}, "patterns": ["("]}`:             {nil, []string{"callflow/patterns/0", "callflow/numbers"}},
		`{"patterns": ["a", "^(?!1)", "(a)\\1", "a++"], "flow": {}}`: {nil, []string{"callflow/patterns/1", "callflow/patterns/2", "callflow/patterns/3"}},
		`{"numbers": ["1"], "flow": {"module": "pivot"}}`:            {nil, []string{"flow/data/voice_url"}},
		`[]`: {nil, []string{""}},
		`{`:  {nil, []string{""}},
	} {
		c, err := ParseCallflow("a", []byte(body))
		same(t, body+": faults", want.faults, paths(t, err))
		if c != nil {
			same(t, body+": warnings", want.warnings, c.Warnings)
		}
	}
	_, err = ParseCallflow("a", []byte("{\"numbers\": [\"1\"],\n\"patterns\": [\"1\",\n \"(\"],\n\"flow\":\n {\"module\": \"tts\", \"data\": 5}}"))
	var lines []int
	for _, e := range flattened(err) {
		if fault, ok := errors.AsType[*DocumentError](e); ok {
			lines = append(lines, fault.Line)
		}
	}
	same(t, "lines", []int{3, 5}, lines)
}
