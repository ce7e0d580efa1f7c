package kazoojson

import (
	"testing"
	"time"

	"fspivot/call"
	"fspivot/dialplan"
)

func TestCollectDTMF(t *testing.T) {
	t.Parallel()
	const first, between = 5 * time.Second, 2 * time.Second
	collect := func(most int, terminators dialplan.Digits) []dialplan.Collect {
		return []dialplan.Collect{{Max: most, First: first, Between: between, Terminators: terminators, TypeAhead: true}}
	}
	for name, c := range map[string]struct {
		ahead     string // in the default collection
		pressed   dialplan.Digits
		data      string
		collected dialplan.Digits
		collects  []dialplan.Collect
		want      map[string]string // collections
	}{
		"one digit by default":               {data: `{}`, collected: "7", collects: collect(1, "#"), want: map[string]string{"default": "7"}},
		"a name":                             {data: `{"max_digits": 4, "collection_name": "pin"}`, collected: "0815", collects: collect(4, "#"), want: map[string]string{"pin": "0815"}},
		"an empty name is none":              {data: `{"max_digits": "2", "collection_name": ""}`, collected: "12", collects: collect(2, "#"), want: map[string]string{"default": "12"}},
		"nothing typed is kept as nothing":   {data: `{"collection_name": "pin"}`, collects: collect(1, "#"), want: map[string]string{"pin": ""}},
		"fewer than wanted":                  {data: `{"max_digits": 4}`, collected: "12", collects: collect(4, "#"), want: map[string]string{"default": "12"}},
		"times in ms":                        {data: `{"timeout": 500, "interdigit_timeout": "750"}`, collects: []dialplan.Collect{{Max: 1, First: 500 * time.Millisecond, Between: 750 * time.Millisecond, Terminators: "#", TypeAhead: true}}, want: map[string]string{"default": ""}},
		"more than can be":                   {data: `{"max_digits": 9999}`, collects: collect(128, "#"), want: map[string]string{"default": ""}},
		"terminators":                        {data: `{"terminators": ["*", "#", "*"]}`, collects: collect(1, "*#"), want: map[string]string{"default": ""}},
		"terminators as a text":              {data: `{"terminators": "0#"}`, collects: collect(1, "0#"), want: map[string]string{"default": ""}},
		"terminator":                         {data: `{"terminator": "*"}`, collects: collect(1, "*"), want: map[string]string{"default": ""}},
		"terminator wins over terminators":   {data: `{"terminator": "*", "terminators": ["#"]}`, collects: collect(1, "*"), want: map[string]string{"default": ""}},
		"a terminator that is a number":      {data: `{"terminators": [5]}`, collects: collect(1, "5"), want: map[string]string{"default": ""}},
		"type-ahead, all of it":              {ahead: "12", data: `{"max_digits": 2, "collection_name": "pin"}`, want: map[string]string{"pin": "12"}},
		"type-ahead, more than wanted":       {ahead: "12345", data: `{"max_digits": 2, "collection_name": "pin"}`, want: map[string]string{"pin": "12"}},
		"type-ahead, less than wanted":       {ahead: "1", data: `{"max_digits": 3, "collection_name": "pin"}`, collected: "23", collects: collect(2, "#"), want: map[string]string{"pin": "123"}},
		"type-ahead, cut at a terminator":    {ahead: "1#9", data: `{"max_digits": 3, "collection_name": "pin"}`, collected: "23", collects: collect(2, "#"), want: map[string]string{"pin": "123"}},
		"type-ahead of a terminator only":    {ahead: "#", data: `{"max_digits": 2}`, collected: "4", collects: collect(2, "#"), want: map[string]string{"default": "4"}},
		"type-ahead, another terminator":     {ahead: "1#9", data: `{"max_digits": 3, "terminator": "*", "collection_name": "pin"}`, want: map[string]string{"pin": "1#9"}},
		"keys that no step took":             {ahead: "1", pressed: "2", data: `{"max_digits": 2, "collection_name": "pin"}`, want: map[string]string{"pin": "12"}},
		"digits * and A":                     {data: `{"max_digits": 2}`, collected: "*A", collects: collect(2, "#"), want: map[string]string{"default": "*A"}},
		"leading zeros":                      {ahead: "00", data: `{"max_digits": 4}`, collected: "07", collects: collect(2, "#"), want: map[string]string{"default": "0007"}},
		"a name of any characters is a name": {data: `{"collection_name": "${a}\n[b]"}`, collected: "1", collects: collect(1, "#"), want: map[string]string{"${a}\n[b]": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{digits: c.pressed, collected: []dialplan.Collected{{Digits: c.collected}}}
			if c.ahead != "" {
				s.state.StoreDigits("", c.ahead)
			}
			if err := s.walk(t, action("collect_dtmf", c.data, "_", say("b"))); err != nil {
				t.Error(err)
			}
			s.expect(t, dialplan.Answer{}, said("b"), ended)
			same(t, "collects", c.collects, s.collects)
			same(t, "collections", c.want, s.state.Collections)
		})
	}
}

// What collect_dtmf stored is an answer: the next one asks anew, and leaves it where it is.
func TestCollectDTMFTwice(t *testing.T) {
	t.Parallel()
	two := action("collect_dtmf", `{"max_digits": 2}`, "_", say("more", "_", action("collect_dtmf", `{"max_digits": 3, "collection_name": "second"}`)))
	for name, c := range map[string]struct {
		flow      string
		typed     dialplan.Digits // during the speech
		collected []dialplan.Collected
		most      []int // of each collection
		want      map[string]string
	}{
		"nothing typed between":    {two, "", []dialplan.Collected{{Digits: "12"}, {Digits: "345"}}, []int{2, 3}, map[string]string{"default": "12", "second": "345"}},
		"one typed between":        {two, "9", []dialplan.Collected{{Digits: "12"}, {Digits: "34"}}, []int{2, 2}, map[string]string{"default": "12", "second": "934"}},
		"a terminator between":     {two, "9#8", []dialplan.Collected{{Digits: "12"}, {Digits: "34"}}, []int{2, 2}, map[string]string{"default": "12", "second": "934"}},
		"the same name again":      {action("collect_dtmf", `{}`, "_", action("collect_dtmf", `{}`)), "", []dialplan.Collected{{Digits: "1"}, {Digits: "2"}}, []int{1, 1}, map[string]string{"default": "2"}},
		"two names":                {action("collect_dtmf", `{"collection_name": "a"}`, "_", action("collect_dtmf", `{"collection_name": "b"}`)), "", []dialplan.Collected{{Digits: "1"}, {Digits: "2"}}, []int{1, 1}, map[string]string{"a": "1", "b": "2"}},
		"flushed between":          {action("collect_dtmf", `{}`, "_", action("flush_dtmf", `{}`, "_", say("x", "_", action("collect_dtmf", `{"max_digits": 2, "collection_name": "b"}`)))), "1", []dialplan.Collected{{Digits: "1"}, {Digits: "2"}}, []int{1, 1}, map[string]string{"b": "12"}},
		"by name, then type-ahead": {action("collect_dtmf", `{"collection_name": "default"}`, "_", say("x", "_", action("collect_dtmf", `{"collection_name": "b"}`))), "5", []dialplan.Collected{{Digits: "1"}}, []int{1}, map[string]string{"default": "1", "b": "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{collected: c.collected, typed: map[string][]dialplan.Digits{"speak": {c.typed}}}
			if err := s.walk(t, c.flow); err != nil {
				t.Error(err)
			}
			var most []int
			for _, collect := range s.collects {
				most = append(most, collect.Max)
			}
			same(t, "maxima", c.most, most)
			same(t, "collections", c.want, s.state.Collections)
		})
	}
}

func TestCollectDTMFHangup(t *testing.T) {
	t.Parallel()
	s := script{hangupAt: "collect", state: call.State{Collections: map[string]string{"default": "1", "other": "2"}}}
	if err := s.walk(t, action("collect_dtmf", `{"max_digits": 2, "collection_name": "pin"}`, "_", say("b"))); err != nil {
		t.Error(err)
	}
	s.expect(t, dialplan.Answer{})
	same(t, "collections", map[string]string{"other": "2"}, s.state.Collections)
}

// What the schema forbids is a fault of what a web server returns; stored, the module is passed over as Kazoo does it.
func TestCollectDTMFFaults(t *testing.T) {
	t.Parallel()
	for data, path := range map[string]string{
		`{"max_digits": 0}`:             "flow/data/max_digits",
		`{"max_digits": -1}`:            "flow/data/max_digits",
		`{"timeout": 0}`:                "flow/data/timeout",
		`{"interdigit_timeout": "0"}`:   "flow/data/interdigit_timeout",
		`{"terminator": "A"}`:           "flow/data/terminator",
		`{"terminator": "12"}`:          "flow/data/terminator",
		`{"terminators": []}`:           "flow/data/terminators",
		`{"terminators": ["#", "A"]}`:   "flow/data/terminators",
		`{"terminators": ["12"]}`:       "flow/data/terminators",
		`{"terminators": ["\u00e9"]}`:   "flow/data/terminators",
		`{"terminators": ["${x}", ""]}`: "flow/data/terminators",
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			flow := action("collect_dtmf", data, "_", say("b"))
			same(t, "faults", []string{path}, faults(t, flow, true))
			s := script{answered: true}
			if err := s.walk(t, flow); err != nil {
				t.Error(err)
			}
			s.expect(t, said("b"), ended)
			if len(s.collects) > 0 || len(s.state.Collections) > 0 || len(s.problems()) != 1 {
				t.Errorf("collected %v into %v, problems %q", s.collects, s.state.Collections, s.problems())
			}
		})
	}
	same(t, "no number", []string{"flow/data/max_digits"}, faults(t, action("collect_dtmf", `{"max_digits": "four"}`), true))
	m, warnings := moduleOf(t, "collect_dtmf", `{"max_digits": "four", "terminators": ""}`, false)
	if got := m.(*collectDTMF); got.Max != 1 || got.Terminators != "#" || len(warnings) != 1 {
		t.Errorf("%+v with %q", got, warnings)
	}
}
