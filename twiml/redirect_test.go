package twiml

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		doc  string
		s    Settings
		want *Request
		apps apps
	}{
		{`<Redirect>next</Redirect>`, Settings{}, &Request{URL: "next", Method: "GET"}, nil},
		{`<Redirect method="post"> http://h/next?a=1&amp;b=2 </Redirect>`, Settings{}, &Request{URL: "http://h/next?a=1&b=2", Method: "POST"}, nil},
		{`<Redirect method="PUT">next</Redirect>`, Settings{}, &Request{URL: "next", Method: "GET"}, nil},
		{`<Redirect>next</Redirect>`, Settings{Dialect: Twilio}, &Request{URL: "next", Method: "POST"}, nil},
		{`<Redirect method="GET">next</Redirect>`, Settings{Dialect: Twilio}, &Request{URL: "next", Method: "GET"}, nil},
		{`<Redirect><![CDATA[a?b&c]]></Redirect>`, Settings{}, &Request{URL: "a?b&c", Method: "GET"}, nil},
		{`<Redirect>//k/x#rt=1</Redirect>`, Settings{}, &Request{URL: "//k/x#rt=1", Method: "GET"}, nil},
		{`<Say>a</Say><Redirect>n</Redirect><Say>never</Say>`, Settings{}, &Request{URL: "n", Method: "GET"}, apps{dialplan.Answer{}, speak("a", allKeys)}},
	} {
		s := &script{settings: tt.s}
		o, err := s.run(t, tt.doc)
		if err != nil || o.Kind != RequestNext {
			t.Fatalf("%s: %+v, %v", tt.doc, o, err)
		}
		if diff := cmp.Diff(tt.want, o.Request); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.doc, diff)
		}
		if diff := cmp.Diff(tt.apps, s.apps, whole); diff != "" {
			t.Errorf("%s: it answers nothing (-want +got):\n%s", tt.doc, diff)
		}
	}
}

// An empty or bad address is a failed request with its place, never the current document again.
func TestRedirectNowhere(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", " ", "<!-- x -->", "tel:1", "file:///etc/passwd", "ftp://h/", "data:,x", "http:", "http://[", "%zz", `<Variable key="a" value="1"/>`} {
		s := &script{}
		o, err := s.run(t, "<Redirect>"+content+"</Redirect>")
		if err != nil || o.Kind != RequestNext {
			t.Fatalf("%q: %+v, %v", content, o, err)
		}
		fault, ok := errors.AsType[*DocumentError](o.Request.Invalid)
		if !ok || fault.Code != "11100" || fault.Line != 1 || fault.Path != "Response/Redirect[0]" {
			t.Errorf("%q: %#v", content, o.Request.Invalid)
		}
		if diff := cmp.Diff([]string{"11100"}, codes(t, "<Redirect>"+content+"</Redirect>")); diff != "" {
			t.Errorf("%q: problems (-want +got):\n%s", content, diff)
		}
	}
}

func TestRedirectKeepsVariables(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Set><Variable key="a" value="0"/></Set><Redirect>n<Variable key="a" value="b"/><Variable key="c"/></Redirect>`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "c": ""}, s.vars); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestRedirectHangup(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"speak", "drain"} {
		s := &script{hangupAt: at}
		if o, err := s.run(t, `<Say>a</Say><Redirect>n</Redirect>`); !errors.Is(err, dialplan.ErrGone) || o.Request != nil {
			t.Errorf("%s: %+v, %v", at, o, err)
		}
	}
}

func TestRedirectProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Redirect method="PUT">x</Redirect>`:      {"13710"},
		`<Redirect>x<Say>a</Say></Redirect>`:       {"12200"},
		`<Redirect foo="1">x</Redirect>`:           {"12200"},
		`<Redirect>x</Redirect><Say>a</Say><Say/>`: {"12200", "13520"}, // one line for all behind it, which are checked still
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}
