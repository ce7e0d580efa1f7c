package dialplan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"fspivot/dialplan"
	"fspivot/dialplan/dialplantest"
)

// foreign is any text, with a liking for what means something to the switch.
var foreign = rapid.Custom(func(t *rapid.T) string {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			"$", "{", "}", "${", "\\", "'", "\"", "^^", ";", "~", ",", "|", ":_:", ":", "_", "[", "]", "<", ">", "=",
			"!", " ", "\n", "\x00", "\xff", "%", "%[", "%(500,0,440)", "@", "sip:", "?", "&", "X-", "/", "..", "//",
			"-", "+", "#", "*", "\u202e", "\u2028", "\u0085", "path=",
		}),
		rapid.SampledFrom(dialplantest.Hostile),
		rapid.StringN(0, 12, -1),
	)
	return strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
})

// TestForeignTextIsSafe makes applications of any text, as TestHostileText does of a list.
func TestForeignTextIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := foreign.Draw(t, "text")
		for _, list := range [][]dialplan.Application{dialplantest.Applications(text), dialplantest.Literals(text)} {
			for _, a := range variants(list) {
				if err := look(a); err != nil {
					t.Fatalf("%T: %v", a, err)
				}
			}
		}
	})
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "",
		"two words":              "two words",
		"${system(x)}":           "$ {system(x)}",
		"$${x}":                  "$$ {x}",
		`$\{x}`:                  "$ {x}",
		`\${x}`:                  "$ {x}",
		`$'{x}`:                  "$' {x}",
		`$"'$'{x}`:               `$"'$' {x}`,
		"$$$${x}":                "$$$$ {x}",
		"${${x}}":                "$ {$ {x}}",
		"$\u202e{x}":             "$ {x}",
		"$5 for {x}":             "$5 for {x}",
		"$ {x}":                  "$ {x}",
		`a\b`:                    "ab",
		"a\r\nb\tc\x00d\x7fe":    "a  b c d e",
		"a\u2028b\u0085c":        "a b c",
		"\ufeff\u202eabc\u200f":  "abc",
		"क\u200dष می\u200cخواهم": "क\u200dष می\u200cخواهم",
		"a\xffb\xc3":             "a\ufffdb\ufffd",
		"it's; \"so\"":           "it's; \"so\"",
	} {
		if got := dialplan.Foreign(text).String(); got != want {
			t.Errorf("Foreign(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestForeignAgainChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		once := dialplan.Foreign(foreign.Draw(t, "text"))
		if twice := dialplan.Foreign(once.String()); twice != once {
			t.Fatalf("once %q, twice %q", once, twice)
		}
	})
}

func TestForeignKeepsPlainText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9 $.,;:'"!?/|<>@#*()=+&^~_-]*`).Draw(t, "text")
		if got := dialplan.Foreign(text).String(); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func TestSpoken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		" {} \\ \n ":              "",
		"  Hello,\n\tworld!  ":    "Hello, world!",
		"Your PIN is ${pin}":      "Your PIN is $ pin",
		"a|b":                     "a|b",
		`C:\dir`:                  "C: dir",
		"it's 5$":                 "it's 5$",
		"naïve café 日本語":          "naïve café 日本語",
		"a\x00b\xffc":             "a b\ufffdc",
		"<break/> & \"quotes\" *": "<break/> & \"quotes\" *",
	} {
		got := dialplan.Spoken(text)
		if got.String() != want {
			t.Errorf("Spoken(%q) is %q, want %q", text, got, want)
		}
		if got.Empty() != (want == "") {
			t.Errorf("Spoken(%q).Empty() is %v", text, got.Empty())
		}
	}
}

func TestParseName(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a", "call_priority", "cav_api_key", "json_cav_exec_", "A-b.c_9",
		strings.Repeat("a", 128)} {
		name, err := dialplan.ParseName(s)
		if err != nil || name.String() != s {
			t.Errorf("ParseName(%q) is %q, %v", s, name, err)
		}
	}
	for _, s := range append([]string{"", "a b", "a=b", "a;b", "${x}", "nolocal:a", "a\n", "ä",
		strings.Repeat("a", 129)}, dialplantest.HostileNames...) {
		if name, err := dialplan.ParseName(s); err == nil || name != (dialplan.Name{}) {
			t.Errorf("ParseName(%q) is %q, %v", s, name, err)
		}
	}
}

func TestParseNameTakesOnlyNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := foreign.Draw(t, "text")
		if name, err := dialplan.ParseName(text); err == nil && (name.String() != text ||
			!variableName.MatchString(text)) {
			t.Fatalf("name %q", name)
		}
	})
}

// TestGate is about the gate itself, with a text that no constructor yields.
func TestGate(t *testing.T) {
	t.Parallel()
	for _, text := range append(dialplantest.Hostile, dialplan.DefaultRingback, "+flags{mute}", "[^^~a=b]sofia/x/y") {
		want := dialplantest.Safe(text)
		wire, err := dialplan.Gate(text)
		if (err == nil) != (want == nil) {
			t.Errorf("gate says %v, want %v", err, want)
		}
		if _, ok := errors.AsType[*dialplan.ExpansionError](err); err != nil && (!ok || wire != "") {
			t.Errorf("gate gives %.100q and %v", wire, err)
		}
		if err == nil && wire != text {
			t.Errorf("gate changes %.100q to %.100q", text, wire)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := foreign.Draw(t, "text")
		if _, err := dialplan.Gate(text); err == nil {
			if err := dialplantest.Safe(text); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	v := func(name, value string) dialplan.Variable {
		n, err := dialplan.ParseName(name)
		if err != nil {
			t.Fatal(err)
		}
		return dialplan.Variable{Name: n, Value: dialplan.Foreign(value)}
	}
	var many []dialplan.Variable
	for range 61 {
		many = append(many, v("a", "1"))
	}
	for _, c := range []struct {
		vars []dialplan.Variable
		want []string
	}{
		{nil, nil},
		{[]dialplan.Variable{v("a", "1")}, []string{"set a=1"}},
		{[]dialplan.Variable{v("a", "1"), v("b", "two words"), v("c", "")}, []string{"multiset ^^;a=1;b=two words;c="}},
		{[]dialplan.Variable{v("a", "1;b=2"), v("b", "it's"), v("c", " x"), v("d", "4")},
			[]string{"set a=1;b=2", "set b=it's", "set c= x", "set d=4"}},
		{many, []string{"multiset ^^" + strings.Repeat(";a=1", 60), "set a=1"}},
	} {
		var got []string
		for _, a := range dialplan.Settings(c.vars...) {
			got = append(got, dialplan.Describe(a))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("settings of %v (-want +got):\n%s", c.vars, diff)
		}
	}
}
