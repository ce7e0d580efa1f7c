package kazoojson

import (
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"2030": "2030", "*97": "*97", "*4158867900": "*4158867900", "+14158867900": "+14158867900", "14158867900": "+14158867900", "4158867900": "+14158867900",
		"+1": "+1", "+4930123456": "+4930123456", "+0": "+0",
		"01144203123456": "+44203123456", "0044203123456": "+44203123456", "0112345": "0112345", "01112345": "+12345", "0012345": "+12345", "001234": "001234",
		"20123456": "+20123456", "2012345": "2012345", "4150867900": "+4150867900", "1158867900": "1158867900", "11158867900": "11158867900", "24158867900": "+24158867900",
		"": "", "sales": "sales", "no_match": "no_match", "415886790a": "415886790a", "#1": "#1", " 4158867900": " 4158867900", "141588679001": "141588679001",
		"0": "0", "911": "911", "12345678": "12345678",
	} {
		if got := Normalise(number); got != want {
			t.Errorf("%q becomes %q, want %q", number, got, want)
		}
		if again := Normalise(Normalise(number)); again != want {
			t.Errorf("%q becomes %q the second time", number, again)
		}
	}
}

// numbers is a table of callflows: id to numbers and, behind a /, patterns.
func numbers(t *testing.T, flows ...string) (*Numbers, error) {
	t.Helper()
	var list []*Callflow
	for _, f := range flows {
		id, rest, _ := strings.Cut(f, ": ")
		c := &Callflow{ID: id}
		for _, n := range strings.Fields(rest) {
			if pattern, ok := strings.CutPrefix(n, "/"); ok {
				c.Patterns = append(c.Patterns, pattern)
				continue
			}
			c.Numbers = append(c.Numbers, Normalise(n))
		}
		list = append(list, c)
	}
	return NewNumbers(list)
}

func TestFind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flows    []string
		number   string
		stranger bool
		want     string // id, "": none
		noMatch  bool
		capture  string
		captures map[string]string
	}{
		"exact":                                  {flows: []string{"a: 2030", "b: 2031"}, number: "2031", want: "b"},
		"exact, normalised on both sides":        {flows: []string{"a: 4158867900"}, number: "+14158867900", want: "a"},
		"exact wins over a pattern":              {flows: []string{"a: /^(2030)$", "b: 2030"}, number: "2030", want: "b"},
		"nothing":                                {flows: []string{"a: 2030"}, number: "2031"},
		"no number":                              {flows: []string{"a: /.*", "b: no_match"}, number: ""},
		"no callflows":                           {number: "2030"},
		"a pattern":                              {flows: []string{`a: /^\*4([0-9]*)$`}, number: "*423", want: "a", capture: "23"},
		"without groups the whole match":         {flows: []string{`a: /^20\d+`}, number: "2030", want: "a", capture: "2030"},
		"unanchored":                             {flows: []string{"a: /20"}, number: "+12025551234", want: "a", capture: "20"},
		"the longest group":                      {flows: []string{`a: /^(\d)(\d{3})(\d{2})$`}, number: "123456", want: "a", capture: "234"},
		"of groups as long as another the first": {flows: []string{`a: /^(\d)(\d)$`}, number: "12", want: "a", capture: "1"},
		"the longest capture of all":             {flows: []string{`a: /^9(\d{3})\d*$`, `b: /9\d(\d{4})`, `c: /^9\d\d(\d{2})`}, number: "912345", want: "b", capture: "2345"},
		"a short match may capture more":         {flows: []string{`a: /^\d{6}(\d{3})$`, `b: /(\d{4})`}, number: "123456789", want: "b", capture: "1234"},
		"whole match against group":              {flows: []string{`a: /^1234`, `b: /^(123)45$`}, number: "12345", want: "a", capture: "1234"},
		"a tie: the last by its text":            {flows: []string{`b: /^(2)\d`, `a: /^2(\d)`}, number: "23", want: "a", capture: "3"},
		"a tie, in the other order":              {flows: []string{`a: /^2(\d)`, `b: /^(2)\d`}, number: "23", want: "a", capture: "3"},
		"a group that is not in the match":       {flows: []string{`a: /^\*5(\d+)?$`}, number: "*5", want: "a"},
		"an empty one loses to any":              {flows: []string{`a: /^\*5(\d+)?$`, `b: /^(\*)5$`}, number: "*5", want: "b", capture: "*"},
		"named groups":                           {flows: []string{`a: /^\*5(?P<slot>\d)(?<rest>\d*)(?P<none>x)?(\d)$`}, number: "*51223", want: "a", capture: "22", captures: map[string]string{"slot": "1", "rest": "22"}},
		"exact: no capture":                      {flows: []string{`a: 2030 /^(2)`}, number: "2030", want: "a"},
		"no_match":                               {flows: []string{"a: 2030", "b: no_match"}, number: "5551234", want: "b", noMatch: true},
		"no_match, with +":                       {flows: []string{"b: no_match"}, number: "+18005550100", want: "b", noMatch: true},
		"no_match comes last":                    {flows: []string{"b: no_match", `a: /^555(\d)`}, number: "5551234", want: "a", capture: "1"},
		"no_match takes no star codes":           {flows: []string{"b: no_match"}, number: "*98"},
		"nor names":                              {flows: []string{"b: no_match"}, number: "sales"},
		"nor #":                                  {flows: []string{"b: no_match"}, number: "12#"},
		"nor its own name":                       {flows: []string{"b: no_match"}, number: "no_match"},
		"nor a lone +":                           {flows: []string{"b: no_match"}, number: "+"},
		"no_match of a stranger":                 {flows: []string{"b: no_match"}, number: "5551234", stranger: true},
		"a stranger has numbers":                 {flows: []string{"a: 2030", "b: no_match"}, number: "2030", stranger: true, want: "a"},
		"and patterns":                           {flows: []string{`a: /^2(\d+)$`, "b: no_match"}, number: "2030", stranger: true, want: "a", capture: "030"},
		"a number of the no_match flow":          {flows: []string{"a: no_match 2030"}, number: "2030", want: "a", noMatch: true},
		"which is not for strangers":             {flows: []string{"a: no_match 2030"}, number: "2030", stranger: true},
		"a pattern of the no_match flow":         {flows: []string{`a: no_match /^2(\d)`}, number: "23", want: "a", noMatch: true, capture: "3"},
		"neither is that":                        {flows: []string{`a: no_match /^2(\d)`}, number: "23", stranger: true},
		"a name":                                 {flows: []string{"a: sales"}, number: "sales", stranger: true, want: "a"},
		"numbers are compared to the letter":     {flows: []string{"a: sales"}, number: "Sales"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := numbers(t, c.flows...)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := n.Find(c.number, !c.stranger)
			if ok != (c.want != "") {
				t.Fatalf("found: %v, %+v", ok, got)
			}
			if !ok {
				return
			}
			if got.Flow.ID != c.want || got.NoMatch != c.noMatch || got.Capture != c.capture {
				t.Errorf("found %s, no_match %v, capture %q", got.Flow.ID, got.NoMatch, got.Capture)
			}
			same(t, "captures", c.captures, got.Captures)
		})
	}
}

// Of two callflows that claim a number the first has it, and everything else is served.
func TestNewNumbersDuplicates(t *testing.T) {
	t.Parallel()
	n, err := numbers(t, "a: 2030 4158867900 2030", "b: 2031 +14158867900 no_match", "c: no_match 2032 /(", `d: /^9(\d)$`)
	if err == nil {
		t.Fatal("no error")
	}
	same(t, "error", []string{"number +14158867900 is in callflow a and in b", "no_match is in callflow b and in c", "callflow c: pattern \"(\": error parsing regexp: missing closing ): `(`"},
		strings.Split(err.Error(), "\n"))
	for number, want := range map[string]string{"2030": "a", "+14158867900": "a", "2031": "b", "5551234": "b", "2032": "c", "97": "d"} {
		if got, ok := n.Find(number, true); !ok || got.Flow.ID != want {
			t.Errorf("%s is found in %+v, want %s", number, got.Flow, want)
		}
	}
}
