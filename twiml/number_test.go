package twiml

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

// targets parses a Dial with that content.
func targets(t *testing.T, content string) (list []target, problems []string) {
	t.Helper()
	doc, found, err := Parse([]byte("<Response><Dial>"+content+"</Dial></Response>"), "")
	if err != nil {
		t.Fatalf("%s: %v", content, err)
	}
	for _, p := range found {
		problems = append(problems, p.Code)
	}
	return doc.verbs[0].verb.(*Dial).Targets, problems
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]dialplan.Number{
		"+15005550002":        "+15005550002",
		" +1 (500) 555-0002 ": "+15005550002",
		"00\t500.555":         "00500555",
		"*97#":                "*97#",
		"1+2":                 "12",
		"tel 12":              "12",
		"1-800-FLOWERS":       "1800",
		"١5":                  "5", // a digit of another script is none
		"1&#x7f;${x}2":        "12",
		"12,34|56:_:7":        "1234567",
		"<![CDATA[1]]>2":      "12",
		"1<!-- 2 -->3":        "13",
	} {
		got, problems := targets(t, "<Number>"+text+"</Number>")
		if diff := cmp.Diff([]target{Number{want}}, got, whole); diff != "" || len(problems) > 0 {
			t.Errorf("%q (-want +got):\n%s%v", text, diff, problems)
		}
	}
}

func TestNumberIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "+", "abc", "++", strings.Repeat("1", 500)} {
		got, problems := targets(t, "<Number>"+text+"</Number>")
		if diff := cmp.Diff([]string{"13223", "13224"}, problems); diff != "" || len(got) > 0 {
			t.Errorf("%.20q: %v (-want +got):\n%s", text, got, diff)
		}
	}
}

// Other elements in a Number are not its text.
func TestNumberTakesText(t *testing.T) {
	t.Parallel()
	got, problems := targets(t, "<Number>1<b>2</b>3</Number>")
	if diff := cmp.Diff([]target{Number{"13"}}, got, whole); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"12200"}, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
