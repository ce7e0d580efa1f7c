package twiml

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

func TestSet(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]map[string]string{
		`<Set/>`: nil,
		`<Set><Variable key="a" value="1"/><Variable key="b" value="2"/></Set>`:       {"a": "1", "b": "2"},
		`<Set><Variable key="a" value="1"/><Variable key="a" value="2"/></Set>`:       {"a": "2"},
		`<Set><Variable key="a" value="1"/></Set><Set><Variable key="a"/></Set>`:      {"a": ""},
		`<Set><Variable key="" value="1"/><Variable value="2"/></Set>`:                nil,
		`<Set><Variable key=" a " value=" 1 "/></Set>`:                                {"a": " 1 "},
		`<Set><Variable key="k[x]" value="a&amp;b=c"/></Set>`:                         {"k[x]": "a&b=c"},
		`<Set><Variable key="a">text</Variable><Say>x</Say><Variable key="b"/></Set>`: {"a": "", "b": ""},
		`<Set><Variable key="CallSid" value="evil"/></Set>`:                           {"CallSid": "evil"}, // the request's own wins
		`<Set><Variable key="a" value="${system(id)}"/></Set>`:                        {"a": "${system(id)}"},
		`<set><Variable key="a" value="1"/></set>`:                                    nil,
	} {
		s := &script{}
		if _, err := s.run(t, doc); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.vars); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
		if diff := cmp.Diff(apps{hangup}, s.apps, whole); diff != "" {
			t.Errorf("%s: nothing is answered, nothing set on the switch (-want +got):\n%s", doc, diff)
		}
	}
}

// Variables outlive their document.
func TestSetAddsToTheCall(t *testing.T) {
	t.Parallel()
	doc, _, err := Parse([]byte(`<Response><Set><Variable key="b" value="2"/></Set></Response>`), "")
	if err != nil {
		t.Fatal(err)
	}
	s, vars := &script{}, map[string]string{"a": "1", "b": "1"}
	if _, err := doc.Run(t.Context(), &Run{Channel: s, Call: s.call(), Media: s, Routes: s, Vars: vars}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, vars); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestSetIsBounded(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range maxVariables + 5 {
		fmt.Fprintf(&many, `<Variable key="k%d" value="v"/>`, i)
	}
	s := &script{}
	if _, err := s.run(t, `<Set>`+many.String()+`<Variable key="k0" value="w"/></Set>`); err != nil {
		t.Fatal(err)
	}
	if len(s.vars) != maxVariables || s.vars["k0"] != "w" || s.vars["k1000"] != "" {
		t.Errorf("%d variables, k0=%q", len(s.vars), s.vars["k0"])
	}
	if got := s.recorded(); !slices.Equal(got, slices.Repeat([]string{"14106"}, 5)) {
		t.Errorf("records %v", got)
	}
	s = &script{}
	big := strings.Repeat("x", maxVariableBytes/2)
	if _, err := s.run(t, `<Set><Variable key="a" value="`+big+`"/><Variable key="b" value="`+big+`"/><Variable key="a" value="y"/><Variable key="b" value="`+big+`"/></Set>`); err != nil {
		t.Fatal(err)
	}
	if s.vars["a"] != "y" || s.vars["b"] != big {
		t.Errorf("a has %d bytes, b %d", len(s.vars["a"]), len(s.vars["b"]))
	}
	if got := s.recorded(); !slices.Equal(got, []string{"14106"}) {
		t.Errorf("records %v", got)
	}
}

func TestSetProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Set/>`:                 nil,
		`<Set><Variable/></Set>`: {"12200"},
		`<Set><Variable key="a">x</Variable></Set>`: {"12200"},
		`<Set><Say>x</Say></Set>`:                   {"12200"},
		`<Set a="1"/>`:                              {"12200"},
		`<Set><Variable key="a" foo="1"/></Set>`:    {"12200"},
		`<Variable key="a"/>`:                       {"12200"},
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

// Set does not make later verbs wait, nor does it answer for them.
func TestSetBeforeReject(t *testing.T) {
	t.Parallel()
	straight(t, script{}, map[string]apps{
		`<Set><Variable key="a" value="1"/></Set><Say>b</Say>`: {dialplan.Answer{}, speak("b", allKeys), hangup},
		`<Set><Variable key="a" value="1"/></Set><Reject/>`:    declined,
	})
}
