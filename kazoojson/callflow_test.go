package kazoojson

import (
	"testing"

	"fspivot/dialplan"
)

func TestCallflow(t *testing.T) {
	t.Parallel()
	flows := map[string]string{
		"a":     say("a"),
		"empty": "",
		"loop":  action("callflow", `{"id": "loop"}`),
		"outer": action("callflow", `{"id": "a"}`, "_", say("outer")),
		"end":   action("hangup", `{}`),
		"skips": action("nosuch", `{}`, "_", say("b")),
	}
	for name, c := range map[string]struct {
		flow     string
		want     apps
		problems []string
	}{
		"the other flow, then its own child": {flow: action("callflow", `{"id": "a"}`, "_", say("b")), want: apps{said("a"), said("b"), ended}},
		"without a child the call ends":      {flow: action("callflow", `{"id": "a"}`), want: apps{said("a"), ended}},
		"an empty child is none":             {flow: action("callflow", `{"id": "a"}`, "_", `{}`), want: apps{said("a"), ended}},
		"two levels return in order":         {flow: action("callflow", `{"id": "outer"}`, "_", say("b")), want: apps{said("a"), said("outer"), said("b"), ended}},
		"a hangup in it ends the call":       {flow: action("callflow", `{"id": "end"}`, "_", say("b")), want: apps{ended}},
		"a callflow without flow":            {flow: action("callflow", `{"id": "empty"}`, "_", say("b")), want: apps{said("b"), ended}},
		"other children are lost":            {flow: action("callflow", `{"id": "a"}`, "1", say("1")), want: apps{said("a"), ended}},
		"unknown id": {flow: action("callflow", `{"id": "nosuch"}`, "_", say("b")), want: apps{said("b"), ended},
			problems: []string{`there is no callflow "nosuch": going on`}},
		"unknown id, without a child": {flow: action("callflow", `{"id": "nosuch"}`), want: apps{ended},
			problems: []string{`there is no callflow "nosuch": going on`}},
		"no id": {flow: action("callflow", `{}`, "_", say("b")), want: apps{said("b"), ended},
			problems: []string{"flow/data/id: is missing: no callflow is run"}},
		"to itself": {flow: action("callflow", `{"id": "loop"}`), want: apps{dialplan.Hangup{}},
			problems: []string{"too many branches in one call: it is ended"}},
		"an unknown module in it": {flow: action("callflow", `{"id": "skips"}`), want: apps{said("b"), ended},
			problems: []string{`flow: there is no module "nosuch": it is passed over`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script{answered: true, flows: flows}
			if err := s.walk(t, c.flow); err != nil {
				t.Error(err)
			}
			s.expect(t, c.want...)
			same(t, "problems", c.problems, s.problems())
		})
	}
}
