package call

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// full has something in every field.
func full() State {
	return State{
		ID: "uuid", AccountID: "acme", Realm: "acme.test", Direction: "inbound",
		From: Address{"alice", "a.test"}, To: Address{"2030", "b.test"}, Request: Address{"2030", "c.test"},
		Dialled: "2030", CallerName: "Söhne & Co", CallerNumber: "+15551230000", Language: "en-us",
		DeviceID: "device", OwnerIDs: []string{"u1", "u2"}, SIPCallID: "x@y", SIPSource: "192.0.2.1",
		ForwardedFrom: "f",
		SIPHeaders:    map[string]string{"X-Foo": "bar"}, CallflowID: "flow", Capture: "30",
		Captures: map[string]string{"ext": "30"}, NoMatch: true,
		AppVars: map[string]any{"text": "7", "number": json.Number("12345678901234567890"),
			"decimal": json.Number("1.10"), "yes": true, "none": nil,
			"deep": map[string]any{"list": []any{json.Number("1"), "x"}}},
		ChannelVars: map[string]string{"Call-Priority": "1"},
		Collections: map[string]string{"default": "0077", "pin": ""},
		Answered:    true, Requests: 3,
	}
}

// Another process goes on with exactly the same call.
func TestStateSurvivesJSON(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]State{"full": full(), "new": {ID: "uuid"}, "zero": {}} {
		body, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got State
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-saved +restored):\n%s", name, diff)
		}
		var within struct{ Call State }
		if err := json.Unmarshal([]byte(`{"Call":`+string(body)+`}`), &within); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, within.Call); diff != "" {
			t.Errorf("%s, within another value (-saved +restored):\n%s", name, diff)
		}
	}
	// A field that full leaves out would not be tested.
	v := reflect.ValueOf(full())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test's call has no %s", v.Type().Field(i).Name)
		}
	}
	var broken State
	if err := json.Unmarshal([]byte(`{"id": 7}`), &broken); err == nil {
		t.Errorf("a number is taken as id: %+v", broken)
	}
}

func TestStateSurvivesJSONProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		s := State{ID: text.Draw(t, "id"), From: Address{text.Draw(t, "user"), text.Draw(t, "host")},
			Requests: rapid.Int().Draw(t, "requests")}
		for name, value := range rapid.MapOf(text, text).Draw(t, "variables") {
			s.SetAppVar(name, value)
			s.SetChannelVar(name, value)
			s.StoreDigits(name, value)
		}
		body, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got State
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("(-saved +restored):\n%s", diff)
		}
	})
}

// What is absent is not written: a saved call is small.
func TestStateJSON(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(State{ID: "u", AccountID: "a", From: Address{User: "x"},
		Collections: map[string]string{"default": "1"}})
	const want = `{"id":"u","account_id":"a","from":{"user":"x"},"to":{},"request":{},"collections":{"default":"1"}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// Source: callflow-engine.md 10.
func TestDigits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1", maxDigits)
	for name, c := range map[string]struct {
		do   func(*State)
		want map[string]string
	}{
		"nothing":               {func(*State) {}, nil},
		"stored":                {func(s *State) { s.StoreDigits("pin", "0077") }, map[string]string{"pin": "0077"}},
		"stored without a name": {func(s *State) { s.StoreDigits("", "5") }, map[string]string{"default": "5"}},
		"stored empty":          {func(s *State) { s.StoreDigits("pin", "") }, map[string]string{"pin": ""}},
		"stored over": {func(s *State) { s.StoreDigits("pin", "1"); s.StoreDigits("pin", "2") },
			map[string]string{"pin": "2"}},
		"two collections": {func(s *State) { s.StoreDigits("a", "1"); s.StoreDigits("", "2") },
			map[string]string{"a": "1", "default": "2"}},
		"pressed during prompts": {func(s *State) { s.AppendDigits("1"); s.AppendDigits("*#"); s.AppendDigits("A") },
			map[string]string{"default": "1*#A"}},
		"pressed after stored": {func(s *State) { s.StoreDigits("", "1"); s.AppendDigits("2") },
			map[string]string{"default": "12"}},
		"pressed beside another": {func(s *State) { s.StoreDigits("pin", "1"); s.AppendDigits("2") },
			map[string]string{"pin": "1", "default": "2"}},
		"none pressed": {func(s *State) { s.AppendDigits("") }, nil},
		"none pressed after some": {func(s *State) { s.AppendDigits("1"); s.AppendDigits("") },
			map[string]string{"default": "1"}},
		"as many as fit": {func(s *State) { s.AppendDigits(long) }, map[string]string{"default": long}},
		"too many": {func(s *State) { s.AppendDigits("2"); s.AppendDigits(long); s.AppendDigits("3") },
			map[string]string{"default": "2" + long[1:]}},
		"too many stored before": {func(s *State) { s.StoreDigits("", long+"9"); s.AppendDigits("3") },
			map[string]string{"default": long + "9"}},
		"flushed": {func(s *State) {
			s.StoreDigits("pin", "1")
			s.StoreDigits("",
				"2")
			s.FlushDigits("pin")
		}, map[string]string{"default": "2"}},
		"flushed without a name": {func(s *State) {
			s.StoreDigits("pin", "1")
			s.StoreDigits("",
				"2")
			s.FlushDigits("")
		}, map[string]string{"pin": "1"}},
		"flushed and pressed": {func(s *State) { s.AppendDigits("1"); s.FlushDigits(""); s.AppendDigits("2") },
			map[string]string{"default": "2"}},
		"flushed what is not": {func(s *State) { s.FlushDigits("x") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s State
			c.do(&s)
			if diff := cmp.Diff(c.want, s.Collections); diff != "" {
				t.Errorf("collections (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	var s State
	s.SetAppVar("order", "42")
	s.SetAppVar("deep", map[string]any{"a": 1})
	s.SetAppVar("order", "43")
	s.SetChannelVar("Call-Priority", "1")
	s.SetChannelVar("Call-Priority", "2")
	want := State{AppVars: map[string]any{"order": "43", "deep": map[string]any{"a": 1}},
		ChannelVars: map[string]string{"Call-Priority": "2"}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// Source: pivot.md 6.1.
func TestCaller(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, number, wantName, wantNumber string }{
		{"", "", "unknown", "anonymous"},
		{" \t", "  ", "unknown", "anonymous"},
		{" Bob ", " 123 ", "Bob", "123"},
		{"O'Brien, \"Bob\" {x}", "+1555", "O'Brien, \"Bob\" {x}", "+1555"},
	} {
		s := State{CallerName: c.name, CallerNumber: c.number}
		if s.Name() != c.wantName || s.Number() != c.wantNumber {
			t.Errorf("%q, %q are told as %q, %q", c.name, c.number, s.Name(), s.Number())
		}
	}
	if got := (Address{"alice", "a.test"}).String(); got != "alice@a.test" {
		t.Errorf("address %q", got)
	}
}
