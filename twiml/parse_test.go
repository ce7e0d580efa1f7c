package twiml

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

// said is the text of the document's Says, one after the other.
func said(d *Document) string {
	var list []string
	for _, v := range d.verbs {
		if say, ok := v.verb.(*Say); ok {
			for _, p := range say.Parts {
				list = append(list, p.Text)
			}
		}
	}
	return strings.Join(list, "|")
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body, charset string
		want          string   // what is said
		problems      []string // codes
	}{
		"plain":                       {`<Response><Say>hi</Say></Response>`, "", "hi", nil},
		"declaration":                 {`<?xml version="1.0" encoding="UTF-8"?><Response><Say>é</Say></Response>`, "", "é", nil},
		"newline before it":           {"\n<?xml version=\"1.0\"?><Response><Say>hi</Say></Response>", "", "hi", []string{"12100"}},
		"comment before it":           {`<!-- php --><?xml version="1.0"?><Response><Say>hi</Say></Response>`, "", "hi", []string{"12100"}},
		"byte-order mark":             {"\xEF\xBB\xBF<?xml version=\"1.0\"?><Response><Say>é</Say></Response>", "iso-8859-1", "é", nil},
		"blanks around":               {" \r\n\t<Response><Say>hi</Say></Response>\n\n", "", "hi", nil},
		"comments around":             {`<!-- a --><Response><!-- b --><Say>hi</Say><!-- c --></Response><!-- d -->`, "", "hi", nil},
		"instructions":                {`<?php x?><Response><?y z?><Say>h<?q?>i</Say></Response><?e?>`, "", "hi", nil},
		"CDATA":                       {`<Response><Say>a <![CDATA[<b> & ]]>&gt; c</Say></Response>`, "", "a <b> & > c", nil},
		"predefined entities":         {`<Response><Say>&lt;&amp;&gt;&quot;&apos;&#233;&#x20AC;</Say></Response>`, "", `<&>"'é€`, nil},
		"ISO-8859-1 by its prolog":    {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Response><Say>\xe9</Say></Response>", "", "é", nil},
		"prolog in single quotes":     {"<?xml version='1.0' encoding='latin1'?><Response><Say>\xe9</Say></Response>", "", "é", nil},
		"ISO-8859-1 by Content-Type":  {"<Response><Say>\xe9</Say></Response>", "ISO-8859-1", "é", nil},
		"Content-Type wins":           {"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><Response><Say>é</Say></Response>", "utf-8", "é", nil},
		"US-ASCII":                    {`<?xml version="1.0" encoding="us-ascii"?><Response><Say>hi</Say></Response>`, "", "hi", nil},
		"quoted charset":              {`<Response><Say>é</Say></Response>`, `"UTF-8"`, "é", nil},
		"namespaces":                  {`<Response xmlns="http://x/" xmlns:a="http://y/"><Say xmlns="">hi</Say></Response>`, "", "hi", nil},
		"prefixed element":            {`<Response xmlns:a="y"><a:Say>no</a:Say><Say>hi</Say></Response>`, "", "hi", []string{"12200"}},
		"prefix that nobody declared": {`<Response><a:Say>no</a:Say><Say>hi</Say></Response>`, "", "hi", []string{"12200"}},
		"prefixed attribute":          {`<Response><Say a:loop="3">hi</Say></Response>`, "", "hi", []string{"12200"}},
		"attributes of Response":      {`<Response version="1.0" foo="1"><Say>hi</Say></Response>`, "", "hi", []string{"12200"}},
		"bad version":                 {`<Response version="x"><Say>hi</Say></Response>`, "", "hi", []string{"12101"}},
		"text between verbs":          {`<Response>a<Say>hi</Say>b</Response>`, "", "hi", []string{"12200"}},
		"unknown verbs":               {`<Response><say>no</say><Foo><Say>no</Say></Foo><Say>hi</Say><Number>1</Number></Response>`, "", "hi", []string{"12200", "12200", "12200"}},
		"verbs to come":               {`<Response><Echo/><Say>hi</Say></Response>`, "", "hi", []string{"13750"}},
		"unknown attribute":           {`<Response><Say Voice="x">hi</Say></Response>`, "", "hi", []string{"12200"}},
		"attribute over lines":        {"<Response><Say\n\tvoice\n=\n'a>b'\n>hi</Say\n></Response\n>", "", "hi", nil},
		"empty body":                  {"", "", "", []string{"11770"}},
		"blank body":                  {" \n\t", "", "", []string{"11770"}},
		"mark alone":                  {"\xEF\xBB\xBF", "", "", []string{"11770"}},
		"empty Response":              {`<Response/>`, "", "", nil},
		"over 64 kB":                  {`<Response><Say>hi</Say>` + strings.Repeat(" ", 70000) + `</Response>`, "", "hi", []string{"14106"}},
		"1 MiB":                       {`<Response><Say>hi</Say>` + strings.Repeat(" ", maxBytes-len(`<Response><Say>hi</Say></Response>`)) + `</Response>`, "", "hi", []string{"14106"}},
		"depth 32":                    {`<Response><Say>hi</Say>` + strings.Repeat("<a>", 31) + strings.Repeat("</a>", 31) + `</Response>`, "", "hi", []string{"12200"}},
		"10000 elements":              {`<Response><Say>` + strings.Repeat("<w/>", 9998) + `hi</Say></Response>`, "", "hi", nil},
		"256 attributes":              {`<Response><Say` + attributes(256) + `>hi</Say></Response>`, "", "hi", append(repeat("12200", maxProblems), "12200")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, problems, err := Parse([]byte(tt.body), tt.charset)
			if err != nil {
				t.Fatal(err)
			}
			if got := said(doc); got != tt.want {
				t.Errorf("says %q, want %q", got, tt.want)
			}
			var codes []string
			for _, p := range problems {
				codes = append(codes, p.Code)
			}
			if diff := cmp.Diff(tt.problems, codes); diff != "" {
				t.Errorf("problems (-want +got):\n%s%v", diff, problems)
			}
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` x%d=""`, i)
	}
	return b.String()
}

func repeat(code string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = code
	}
	return list
}

// Each fault has its place: line, column and the innermost element.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const x = `<?xml version="1.0"?>`
	for name, tt := range map[string]struct {
		body, charset string
		want          DocumentError // without Err
		says          string        // part of the message
	}{
		"other root":                {"\n <response/>", "", DocumentError{2, 2, "response", "12102", nil}, "root element is not Response"},
		"prefixed root":             {`<a:Response xmlns:a="x"/>`, "", DocumentError{1, 1, "a:Response", "12102", nil}, "root"},
		"no quotes":                 {"<Response>\n<Say voice=man>hi</Say></Response>", "", DocumentError{2, 13, "Response", "12100", nil}, "unquoted"},
		"bare ampersand":            {"<Response>\n<Dial/>\n<Say>fish & chips</Say></Response>", "", DocumentError{3, 12, "Response/Say[0]", "12100", nil}, "&amp;"},
		"bare ampersand in a URL":   {`<Response><Gather action="a?b=1&c=2"/></Response>`, "", DocumentError{1, 34, "Response", "12100", nil}, "&amp;"},
		"unknown entity":            {`<Response><Say>a&nbsp;b</Say></Response>`, "", DocumentError{1, 23, "Response/Say[0]", "12100", nil}, "&amp;"},
		"external entity":           {`<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><Response><Say>&a;</Say></Response>`, "", DocumentError{1, 1, "", "12100", nil}, "DOCTYPE"},
		"DTD":                       {x + "\n<!DOCTYPE Response SYSTEM \"http://h/x.dtd\">\n<Response/>", "", DocumentError{2, 1, "", "12100", nil}, "DOCTYPE"},
		"entity bomb":               {`<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Response>&b;</Response>`, "", DocumentError{1, 1, "", "12100", nil}, "DOCTYPE"},
		"declaration inside":        {`<Response><Say>a<!ELEMENT x>b</Say></Response>`, "", DocumentError{1, 17, "Response/Say[0]", "12100", nil}, "DOCTYPE"},
		"two roots":                 {"<Response/>\n<Response/>", "", DocumentError{2, 1, "", "12100", nil}, "second root element Response"},
		"text behind":               {"<Response/>\nx", "", DocumentError{1, 12, "", "12100", nil}, "outside"},
		"text before":               {"x<Response/>", "", DocumentError{1, 1, "", "12100", nil}, "outside"},
		"an attribute twice":        {`<Response><Say/><Say a="1" a="2">hi</Say></Response>`, "", DocumentError{1, 17, "Response/Say[1]", "12100", nil}, "attribute a of Say is there twice"},
		"cut off":                   {"<Response>\n<Say>hi", "", DocumentError{2, 8, "Response/Say[0]", "12100", nil}, "EOF"},
		"wrong end":                 {"<Response><Pause></Record></Response>", "", DocumentError{1, 27, "Response/Pause[0]", "12100", nil}, "Record"},
		"end without a begin":       {"<Response><Say/></Reject></Response>", "", DocumentError{1, 26, "Response", "12100", nil}, "Reject"},
		"only a comment":            {"<!-- x -->", "", DocumentError{1, 11, "", "12100", nil}, "no element"},
		"no XML":                    {`{"module": "play"}`, "", DocumentError{1, 1, "", "12100", nil}, "outside"},
		"a control character":       {"<Response><Say>\x07</Say></Response>", "", DocumentError{1, 17, "Response/Say[0]", "12100", nil}, "U+0007"},
		"declaration too late":      {`<Response>` + x + `</Response>`, "", DocumentError{1, 11, "Response", "12100", nil}, "XML declaration"},
		"too deep":                  {`<Response>` + strings.Repeat("<a>", 39) + strings.Repeat("</a>", 39) + `</Response>`, "", DocumentError{1, 104, "Response" + strings.Repeat("/a[0]", 32), "14106", nil}, "deeper than 32"},
		"too many elements":         {`<Response>` + strings.Repeat("<a/>", maxElements) + `</Response>`, "", DocumentError{1, 10 + 4*(maxElements-1) + 1, fmt.Sprintf("Response/a[%d]", maxElements-1), "14106", nil}, "more than 10000 elements"},
		"too many attributes":       {`<Response><Say` + attributes(257) + `/></Response>`, "", DocumentError{1, 11, "Response/Say[0]", "14106", nil}, "more than 256 attributes"},
		"too large":                 {`<Response>` + strings.Repeat(" ", 3<<20) + `</Response>`, "", DocumentError{0, 0, "", "11750", nil}, "more than 1048576"},
		"Latin-1 that says UTF-8":   {"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>\xe9</Say></Response>", "", DocumentError{0, 0, "", "12100", nil}, "not valid UTF-8"},
		"Latin-1 that says nothing": {"<Response><Say>\xe9</Say></Response>", "", DocumentError{0, 0, "", "12100", nil}, "not valid UTF-8"},
		"not US-ASCII":              {`<Response><Say>é</Say></Response>`, "us-ascii", DocumentError{0, 0, "", "12100", nil}, "not US-ASCII"},
		"UTF-16":                    {"\xFF\xFE<\x00R\x00", "", DocumentError{0, 0, "", "12100", nil}, "UTF-16"},
		"another charset":           {`<Response/>`, "windows-1252", DocumentError{0, 0, "", "12100", nil}, `charset "windows-1252"`},
		"another, by its prolog":    {`<?xml version="1.0" encoding="Shift_JIS"?><Response/>`, "", DocumentError{0, 0, "", "12100", nil}, `charset "Shift_JIS"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, _, err := Parse([]byte(tt.body), tt.charset)
			fault, ok := errors.AsType[*DocumentError](err)
			if !ok || doc != nil {
				t.Fatalf("%v, %v: want a DocumentError", doc, err)
			}
			if !strings.Contains(fault.Error(), tt.says) {
				t.Errorf("message %q: want %q in it", fault.Error(), tt.says)
			}
			got := *fault
			got.Err = nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fault (-want +got):\n%s%v", diff, fault)
			}
		})
	}
}

func TestDocumentErrorText(t *testing.T) {
	t.Parallel()
	inner := errors.New("no")
	for want, e := range map[string]*DocumentError{
		"document: no (11750)":                                    {Code: "11750", Err: inner},
		"document, line 2, column 3: no (12100)":                  {Line: 2, Column: 3, Code: "12100", Err: inner},
		"document, line 2, column 3, Response/Say[0]: no (12100)": {Line: 2, Column: 3, Path: "Response/Say[0]", Code: "12100", Err: inner},
	} {
		if e.Error() != want || !errors.Is(e, inner) {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
}

// A problem says where it is.
func TestProblemPlaces(t *testing.T) {
	t.Parallel()
	_, problems, err := Parse([]byte("<Response>\n <Dial>\n  <Number>15</Number><Sip/>\n  <Number/></Dial>\n <Gather timeout=\"x\"><Play/></Gather>\n</Response>"), "")
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		Line, Column int
		Path, Code   string
	}
	var got []place
	for _, p := range problems {
		got = append(got, place{p.Line, p.Column, p.Path, p.Code})
	}
	want := []place{
		{3, 22, "Response/Dial[0]/Sip[0]", "13243"},
		{4, 3, "Response/Dial[0]/Number[1]", "13223"},
		{5, 2, "Response/Gather[0]", "13313"},
		{5, 22, "Response/Gather[0]/Play[0]", "12200"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if got, want := problems[1].String(), `line 4, column 3: Response/Dial[0]/Number[1]: "" is no number: it is left out (13223)`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (Problem{Text: "x"}).String(), "x"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Names as long as the document don't make problems longer than it, nor does a message repeat them.
func TestParseBoundsMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100000)
	for _, body := range []string{
		`<Response><` + long + `>` + strings.Repeat(`<a/>`, 300) + `</` + long + `></Response>`,
		`<Response><Dial><` + long + `/></Dial><Say ` + long + `="1"/><Gather action="` + long + `:" method="` + long + `" finishOnKey="` + long + `"/></Response>`,
		`<Response><Dial callerId="` + long + `"><Client>` + long + `</Client><Number>` + long + `</Number><Sip>` + long + `</Sip></Dial></Response>`,
		`<Response><Say><break time="` + long + `" strength="` + long + `"/>a</Say><Redirect>tel:` + long + `</Redirect></Response>`,
		`<Response><` + long + `></x></Response>`,
		`<Response/><` + long + `/>`,
		`<` + long + `/>`,
		`<Response><Say ` + long + `="" ` + long + `=""/></Response>`,
		`<Response>&` + long + `;</Response>`,
	} {
		_, problems, err := Parse([]byte(body), "")
		texts := make([]string, 0, len(problems)+1)
		for _, p := range problems {
			texts = append(texts, p.String())
		}
		if fault, ok := errors.AsType[*DocumentError](err); ok {
			texts = append(texts, fault.Error()+fault.Path)
		}
		if !strings.Contains(strings.Join(texts, ""), "…") {
			t.Errorf("%.30s…: nothing is shortened in %.200q", body, texts)
		}
		for _, text := range texts {
			if len(text) > 1000 || strings.Contains(text, "\uFFFD") {
				t.Errorf("%.30s…: %d bytes of message: %.200s", body, len(text), text)
			}
		}
	}
}

func TestParseBoundsProblems(t *testing.T) {
	t.Parallel()
	_, problems, err := Parse([]byte(`<Response>`+strings.Repeat("<x/>", 500)+`</Response>`), "")
	if err != nil || len(problems) != maxProblems+1 {
		t.Fatalf("%d problems, %v", len(problems), err)
	}
	if last := problems[maxProblems].Text; last != "300 further problems are not listed" {
		t.Errorf("last problem %q", last)
	}
}

// What is refused costs little, whatever it would come to.
func TestParseIsCheap(t *testing.T) {
	for name, body := range map[string]string{
		"3 MB":            `<Response>` + strings.Repeat("<Say>a</Say>", 250000) + `</Response>`,
		"depth":           strings.Repeat("<Response>", 100000),
		"10⁵ elements":    `<Response>` + strings.Repeat("<a/>", 100000),
		"long names":      `<Response><` + strings.Repeat("a", 500000) + `>` + strings.Repeat("<b/>", 9990),
		"many attributes": `<Response><Say` + attributes(60000) + `/></Response>`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := Parse([]byte(body), ""); err == nil {
			t.Errorf("%s: taken", name)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Errorf("%s: %d MiB allocated", name, used>>20)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]any{
		`<Gather timeout=" 7 "/>`:                   7,
		`<Gather timeout="+7"/>`:                    7,
		`<Gather timeout="3.5"/>`:                   5,
		`<Gather timeout="5s"/>`:                    5,
		`<Gather timeout="-7"/>`:                    5,
		`<Gather timeout="-99999999999999999999"/>`: 5,
		`<Gather timeout="99999999999999999999"/>`:  3600,
		`<Gather timeout="0x10"/>`:                  5,
		`<Gather timeout=""/>`:                      5,
		`<Gather actionOnEmptyResult="TRUE"/>`:      true,
		`<Gather actionOnEmptyResult="1"/>`:         true,
		`<Gather actionOnEmptyResult="yes"/>`:       true,
		`<Gather actionOnEmptyResult="False"/>`:     false,
		`<Gather actionOnEmptyResult="on"/>`:        false,
		`<Gather method="pOsT"/>`:                   "POST",
		`<Gather method=" get "/>`:                  "GET",
		`<Gather finishOnKey="none"/>`:              dialplan.Digits(""),
		`<Gather finishOnKey=" 5 "/>`:               dialplan.Digits("5"),
	} {
		d, _, err := Parse([]byte("<Response>"+doc+"</Response>"), "")
		if err != nil {
			t.Fatal(err)
		}
		g := d.verbs[0].verb.(*Gather)
		var got any
		switch want.(type) {
		case int:
			got = int(g.Timeout.Seconds())
		case bool:
			got = g.OnEmpty
		case string:
			got = g.Method
		case dialplan.Digits:
			got = g.Finish
		}
		if got != want {
			t.Errorf("%s: %v, want %v", doc, got, want)
		}
	}
}
