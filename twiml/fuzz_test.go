package twiml

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// examples are all documents and verbs that the references show.
func examples(tb testing.TB) []string {
	tb.Helper()
	span := regexp.MustCompile("`([^`]*<[^`]*)`")
	var list []string
	for _, name := range []string{"twiml", "pivot", "scenarios"} {
		body, err := os.ReadFile("../docs/reference/" + name + ".md")
		if err != nil {
			tb.Fatal(err)
		}
		for _, m := range span.FindAllStringSubmatch(string(body), -1) {
			text := strings.NewReplacer(`\|`, "|", "…", "").Replace(m[1])
			if !strings.Contains(text, "<Response") && !strings.Contains(text, "<!DOCTYPE") {
				text = "<Response>" + text + "</Response>"
			}
			list = append(list, text)
		}
	}
	return list
}

// The references' own documents are read, or refused for a reason.
func TestExamples(t *testing.T) {
	t.Parallel()
	list := examples(t)
	read := 0
	for _, text := range list {
		doc, _, err := Parse([]byte(text), "")
		if (doc == nil) == (err == nil) {
			t.Errorf("%s: %v, %v", text, doc, err)
		}
		if err == nil {
			read++
		}
	}
	if len(list) < 60 || read < 40 {
		t.Errorf("%d examples, %d of them read", len(list), read)
	}
}

// A document or an error, never both; what is found is bounded; what is read can be run, ends, and is harmless.
func FuzzParse(f *testing.F) {
	for _, text := range examples(f) {
		f.Add([]byte(text), "")
	}
	for _, text := range []string{
		"\xEF\xBB\xBF<?xml version='1.0' encoding='iso-8859-1'?><Response><Say>\xe9</Say></Response>",
		"\n<?xml version=\"1.0\"?><Response xmlns:a='b'><a:Say/><Say a:b='1' loop='2'>a<break/>b</Say></Response>",
		`<Response><Gather numDigits="4" action="pin"><Say loop="3">a<break time="1s"/></Say><Play loop="0">f</Play><Pause length="2"/></Gather></Response>`,
		`<Response><Dial record="record-from-ringing-dual" sequential="1" hangupOnStar="yes" ringTone="uk" callerId="1"><Sip username="u" password="p">sip:a@h?X-A=1</Sip><User>u</User></Dial></Response>`,
		`<Response><Record recordingStatusCallback="x" recordingStatusCallbackEvent="absent,completed"/><Set><Variable key="a" value="${b}"/></Set><Redirect method="post">//h<Variable key="c"/></Redirect></Response>`,
		`<Response><![CDATA[x]]><Play digits="1w,A"/><Reject reason="busy" prompt="f"/></Response>`,
	} {
		f.Add([]byte(text), "")
		f.Add([]byte(text), "iso-8859-1")
	}
	f.Add([]byte("<Response/>"), strings.Repeat("\xd3", 5000)) // a message as long as the charset's name
	f.Fuzz(func(t *testing.T, body []byte, charset string) {
		began := time.Now()
		doc, problems, err := Parse(body, charset)
		if (doc == nil) == (err == nil) {
			t.Fatalf("document %v, error %v", doc, err)
		}
		if err != nil {
			if fault, ok := errors.AsType[*DocumentError](err); !ok || fault.Code == "" || len(fault.Error()) > 4000 {
				t.Errorf("error %.200v", err)
			}
			if len(problems) > 0 {
				t.Errorf("problems beside an error: %v", problems)
			}
			return
		}
		if len(problems) > maxProblems+1 {
			t.Errorf("%d problems", len(problems))
		}
		for _, p := range problems {
			if len(fmt.Sprint(p)) > 4000 || p.Code == "" || p.Text == "" {
				t.Errorf("problem %.200v", p)
			}
		}
		for _, settings := range []Settings{{}, {Dialect: Twilio, GatherTotal: true, UnknownVerb: HangUpOnIt}} {
			for _, fault := range attack(t, body, settings) {
				t.Error(fault)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
