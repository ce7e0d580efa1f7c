package twiml

import (
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// edges are the cases of twiml.md 10 with the tests here that hold them, in the order of the book.
var edges = map[int]string{
	1: "TestRunEmpty TestSwitchEnds", 2: "TestParseAccepts", 3: "TestParseRefuses", 4: "TestSay", 5: "TestParseRefuses", 6: "TestParseRefuses",
	7: "TestParseRefuses", 8: "TestParseRefuses TestParseIsCheap", 9: "TestParseRefuses", 10: "TestParseRefuses", 11: "TestParseAccepts TestParseRefuses",
	12: "TestParseAccepts TestSayDegradesSSML", 13: "TestSay TestSayDegradesSSML", 14: "TestGatherProblems", 15: "TestPlayProblems", 16: "TestGatherProblems",
	17: "TestRedirect", 18: "TestParseAccepts", 19: "TestParseRefuses", 20: "TestGatherRequest", 21: "TestGatherRequest TestRedirect",
	22: "TestGatherRefusesURL TestRedirectNowhere",
	39: "TestSayLoopEndsAtAKey TestSwitchHears", 40: "TestSay TestSwitchHears", 41: "TestSayIsCutAtABlank TestSayProblems", 42: "TestSayProblems TestSay",
	43: "TestPlay TestSwitchHears", 44: "TestPlayGivesUp TestSwitchHears", 45: "TestPlay TestSwitchHears", 46: "TestPause TestPauseTwilio TestSwitchHears", 47: "TestPause",
	48: "TestSwitchHangup",
	49: "TestSwitchGather", 50: "TestSwitchGather", 51: "TestSwitchGather TestGatherTotal", 52: "TestSwitchGather", 53: "TestSwitchGather", 54: "TestSwitchGather",
	55: "TestSwitchGather", 56: "TestSwitchGather", 57: "TestSwitchGather TestGatherCollect", 58: "TestSwitchGather TestSwitchHangup", 59: "TestSwitchGather",
	60: "TestSwitchGather TestGatherTypeAhead", 61: "TestSwitchHangup TestGatherHangup", 62: "TestSwitchGather TestGatherSpeechOnly", 63: "TestSwitchGather",
	64: "TestSwitchGather", 65: "TestSwitchGather",
	66: "TestSwitchRecord TestRecordRequest", 67: "TestSwitchRecord TestRecordRequest", 68: "TestSwitchRecord TestRecord", 69: "TestSwitchRecord TestRecordRequest",
	70: "TestSwitchRecord TestRecordRequest TestRecordIsHandedOver", 71: "TestRecordStores", 73: "TestRecord TestRecordIsHandedOver", 74: "TestRecordStores", 75: "TestSwitchRecord TestRecord",
	76: "TestRecord TestRecordLimitBySetting", 77: "TestSwitchRecord TestRecord",
	79: "TestSwitchDial TestDialRequest", 80: "TestSwitchDial TestDialRequest", 81: "TestSwitchDial TestDialStatus", 82: "TestSwitchDial TestDialRequest",
	83: "TestSwitchAnswerOnBridge TestDial", 84: "TestSwitchDial TestDial", 85: "TestDial TestDialRequest", 90: "TestSipLeg", 91: "TestSipProblems",
	92: "TestUserIsUnknown TestDial", 93: "TestDial TestDialProblems", 94: "TestDial TestDialProblems", 95: "TestDialIsBounded TestDialProblems", 96: "TestDialRecords TestDialRecordsTwoChannels",
	107: "TestSet", 108: "TestRedirectKeepsVariables TestRedirectNowhere", 109: "TestReject TestSwitchEnds", 110: "TestReject TestSwitchEnds", 111: "TestReject TestSwitchHears",
	112: "TestHangup TestHangupSilent TestSwitchEnds", 119: "TestSwitchHangup TestSayHangup", 121: "TestSwitchLeft TestRunGone",
}

// elsewhere are cases that other packages decide.
var elsewhere = map[string][]int{
	"pivot":   {3, 8, 20, 23, 24, 27, 28, 29, 34, 36, 37, 38, 69, 82, 107, 120, 122, 123, 124, 125},
	"egress":  {21, 22, 24, 25, 26, 30, 31, 32, 33, 35},
	"media":   {43, 71, 72},
	"service": {125},
}

// notYet is what the book asks for and these verbs do not do. Each entry must fail, so that a fix announces itself.
var notYet = []struct {
	cases  []int
	reason string
	lacks  func(t *testing.T) bool
}{
	{[]int{58}, "a prompt of several pieces is repeated 100 times, not for ever: the collector repeats single ones", func(t *testing.T) bool {
		s := &script{}
		_, err := s.run(t, `<Gather><Say loop="0">a<break/>b</Say></Gather>`)
		return err == nil && len(s.collects[0].Prompts) == 300
	}},
	{[]int{78}, "there is no recogniser, and nobody is told that it failed", refused(`<Record transcribeCallback="x"/>`)},
	{[]int{79}, "legs have no callbacks", refused(`<Dial><Number statusCallback="x">1</Number></Dial>`)},
	{[]int{86}, "no tones are sent to a leg", refused(`<Dial><Number sendDigits="wwww1928#">1</Number></Dial>`)},
	{[]int{87, 88, 89}, "no document runs on a leg", refused(`<Dial><Number url="x">1</Number></Dial>`)},
	{[]int{90}, "the answer's headers are not told: bridge results have none", func(t *testing.T) bool {
		s := &script{results: disposed("SUCCESS")}
		o, err := s.run(t, `<Dial action="a"><Sip>a@h?X-Case=42</Sip></Dial>`)
		_, told := o.Request.Params["DialSipResponseCode"]
		return err == nil && !told
	}},
	{[]int{97, 98, 99, 100, 101, 102}, "no rooms", refused(`<Dial><Conference>x</Conference></Dial>`)},
	{[]int{103, 106}, "no queues", refused(`<Dial><Queue>x</Queue></Dial>`)},
	{[]int{104, 105}, "no queues", refused(`<Enqueue>x</Enqueue>`)},
	{[]int{113, 114}, "no REFER", refused(`<Refer><Sip>a@h</Sip></Refer>`)},
	{[]int{115}, "no background jobs", refused(`<Start><Recording/></Start>`)},
	{[]int{116}, "no payments, and nobody is told", refused(`<Pay action="a"/>`)},
	{[]int{117}, "no messages, and nobody is told", refused(`<Sms action="a">x</Sms>`)},
	{[]int{118}, "no echo", refused(`<Echo/>`)},
}

// refused tells that a document has something that is not supported.
func refused(doc string) func(*testing.T) bool {
	return func(t *testing.T) bool { return slices.Contains(codes(t, doc), "13750") }
}

func TestNotYet(t *testing.T) {
	t.Parallel()
	for _, n := range notYet {
		t.Run(fmt.Sprint(n.cases), func(t *testing.T) {
			t.Parallel()
			if !n.lacks(t) {
				t.Errorf("%q holds no longer: make a test of it", n.reason)
			}
		})
	}
}

// Each case of the book has its test, its place or its reason, and each test that is named is there.
func TestEdgesAreCovered(t *testing.T) {
	t.Parallel()
	const cases = 125
	tests := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := goparser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				tests[f.Name.Name] = true
			}
		}
	}
	covered := map[int]bool{}
	for n, names := range edges {
		covered[n] = true
		for name := range strings.FieldsSeq(names) {
			if !tests[name] {
				t.Errorf("case %d: there is no %s", n, name)
			}
		}
	}
	for _, list := range elsewhere {
		for _, n := range list {
			covered[n] = true
		}
	}
	for _, n := range notYet {
		for _, n := range n.cases {
			covered[n] = true
		}
	}
	for n := 1; n <= cases; n++ {
		if !covered[n] {
			t.Errorf("case %d has neither a test nor a reason", n)
		}
	}
	if len(covered) != cases {
		t.Errorf("%d cases, want %d", len(covered), cases)
	}
}
