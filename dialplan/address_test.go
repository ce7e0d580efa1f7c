package dialplan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"fspivot/dialplan"
	"fspivot/dialplan/dialplantest"
)

var compareValues = cmp.AllowUnexported(dialplan.Value{})

func TestParseNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]dialplan.Number{
		"2000": "2000", " +1 (415) 555-2671 ": "+14155552671", "555-1234": "5551234", "*72": "*72", "123#": "123#",
		"john.doe": "john.doe",
		"john-doe": "john-doe", "192.0.2.1": "192.0.2.1", "example.com": "example.com", "a_b": "a_b",
		strings.Repeat("1", 128): dialplan.Number(strings.Repeat("1", 128)),
	} {
		if got, err := dialplan.ParseNumber(text); err != nil || got != want {
			t.Errorf("ParseNumber(%q) is %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "()", "-", "--", "-bleg", "-both", "a b,c", "1;2", "1@2", "1/2", "${x}",
		"a'b", "ä", "1\n2", strings.Repeat("1", 129)} {
		if got, err := dialplan.ParseNumber(text); err == nil || got != "" {
			t.Errorf("ParseNumber(%q) is %q, %v", text, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := foreign.Draw(t, "text")
		n, err := dialplan.ParseNumber(text)
		if err != nil {
			return
		}
		if !number.MatchString(string(n)) {
			t.Fatalf("number %q", n)
		}
		if again, err := dialplan.ParseNumber(string(n)); err != nil || again != n {
			t.Fatalf("%q again is %q, %v", n, again, err)
		}
	})
}

func TestParseSIPURI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		want    dialplan.SIPURI
		refused []string
		address string // what is dialled
	}{
		{"sip:ann@example.org", dialplan.SIPURI{User: "ann", Host: "example.org"}, nil, "ann@example.org"},
		{" ann@example.org ", dialplan.SIPURI{User: "ann", Host: "example.org"}, nil, "ann@example.org"},
		{"SIP:+15005550002@192.0.2.1:5080", dialplan.SIPURI{User: "+15005550002", Host: "192.0.2.1", Port: "5080"}, nil,
			"+15005550002@192.0.2.1:5080"},
		{"sips:a@b", dialplan.SIPURI{Secure: true, User: "a", Host: "b", Transport: "tls"}, nil, "a@b;transport=tls"},
		{"a@b;lr;transport=TCP;user=phone", dialplan.SIPURI{User: "a", Host: "b", Transport: "tcp"}, nil,
			"a@b;transport=tcp"},
		{"a@b;transport=ws", dialplan.SIPURI{User: "a", Host: "b"}, nil, "a@b"},
		{"a@[2001:DB8::0:1]:5060", dialplan.SIPURI{User: "a", Host: "[2001:db8::1]", Port: "5060"}, nil,
			"a@[2001:db8::1]:5060"},
		{"%61%2Bb@c", dialplan.SIPURI{User: "a+b", Host: "c"}, nil, "a+b@c"},
		{"a@b?X-Case=42&X-Name=two%20words", dialplan.SIPURI{User: "a", Host: "b", Headers: []dialplan.Header{
			{Name: "X-Case", Value: dialplan.Foreign("42")}, {Name: "X-Name", Value: dialplan.Foreign("two words")},
		}}, nil, "a@b"},
		{"a@b?Route=x&X-=1&&X-A=%0d%0aEvil&X-B=ok&%zz=1&x-c=%zz", dialplan.SIPURI{User: "a", Host: "b",
			Headers: []dialplan.Header{
				{Name: "X-B", Value: dialplan.Foreign("ok")},
			}}, []string{"Route", "X-", "X-A", "", "x-c"}, "a@b"},
		{"a@b?X-A=" + strings.Repeat("1", 1000) + "&X-B=" + strings.Repeat("2", 30),
			dialplan.SIPURI{User: "a", Host: "b", Headers: []dialplan.Header{
				{Name: "X-A", Value: dialplan.Foreign(strings.Repeat("1", 1000))},
			}}, []string{"X-B"}, "a@b"},
		{"a@b?X-A=${x}", dialplan.SIPURI{User: "a", Host: "b", Headers: []dialplan.Header{{Name: "X-A",
			Value: dialplan.Foreign("$ {x}")}}}, nil, "a@b"},
	} {
		got, refused, err := dialplan.ParseSIPURI(c.text)
		if err != nil {
			t.Errorf("address %q: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, compareValues); diff != "" {
			t.Errorf("address %q (-want +got):\n%s", c.text, diff)
		}
		if diff := cmp.Diff(c.refused, refused); diff != "" {
			t.Errorf("address %q, headers refused (-want +got):\n%s", c.text, diff)
		}
		if dialled := external(t).URI(got).Address(); dialled != "sofia/external/"+c.address {
			t.Errorf("address %q is dialled as %q", c.text, dialled)
		}
	}
	for _, text := range []string{
		"", "sip:", "ann", "@b", "a@", "a@b c", "a b@c", "a@b,c@d", "a@b@c", "a/b@c", "a%2cb@c", "a%00@b", "a%zz@b",
		"${x}@b", "a@${x}", "a@b:", "a@b:0", "a@b:65536", "a@b:x", "a@[::1", "a@[::1]x", "a@[::1]:",
		"a@[fe80::1%25eth0]", "a@[192.0.2.1]", "a@-b", "a@b..c", "a@_b", "tel:+1", "sip:a@b\r\nX",
		strings.Repeat("a", 129) + "@b", "a@" + strings.Repeat("b", 254), "a@b;" + strings.Repeat("x", 1400),
	} {
		if got, _, err := dialplan.ParseSIPURI(text); err == nil || !cmp.Equal(got, dialplan.SIPURI{}, compareValues) {
			t.Errorf("address %q is %+v, %v", text, got, err)
		}
	}
}

func external(t interface {
	Helper()
	Fatal(...any)
}) dialplan.Template {
	t.Helper()
	template, err := dialplan.ParseTemplate("sofia/external/{uri}", "uri")
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// addresses are SIP addresses in the form that ParseSIPURI gives them.
var addresses = rapid.Custom(func(t *rapid.T) dialplan.SIPURI {
	u := dialplan.SIPURI{
		Secure: rapid.Bool().Draw(t, "secure"),
		User:   rapid.StringMatching(`[A-Za-z0-9+*#._-]{1,128}`).Draw(t, "user"),
		Host: rapid.OneOf(
			rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?){0,4}\.?`),
			rapid.Custom(func(t *rapid.T) string {
				return "[" + netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t,
					"bytes"))).String() + "]"
			}),
		).Draw(t, "host"),
		Port:      rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[1-9][0-9]{0,3}|[1-5][0-9]{4}`)).Draw(t, "port"),
		Transport: rapid.SampledFrom([]string{"", "udp", "tcp", "tls"}).Draw(t, "transport"),
		Headers: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dialplan.Header {
			value := strings.NewReplacer("\r", "", "\n", "", "\x00",
				"").Replace(rapid.StringN(0, 20, 100).Draw(t, "value"))
			h, err := dialplan.ParseHeader(rapid.StringMatching(`[Xx]-[A-Za-z0-9_-]{1,20}|Diversion|alert-info`).Draw(t,
				"name"), value)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}), 0, 3).Draw(t, "headers"),
	}
	if u.Secure {
		u.Transport = "tls"
	}
	return u
})

// TestSIPURIPrinted holds parsing to printing.
func TestSIPURIPrinted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := addresses.Draw(t, "address")
		got, refused, err := dialplan.ParseSIPURI(want.String())
		if err != nil || len(refused) > 0 {
			t.Fatalf("%q: %v, refused %q", want, err, refused)
		}
		if diff := cmp.Diff(want, got, compareValues, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q (-printed +parsed):\n%s", want, diff)
		}
	})
}

// TestAnyAddress parses any text: an address or an error, and what is dialled has its form.
func TestAnyAddress(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := foreign.Draw(t, "text")
		for _, text := range []string{text, text + "@example.org", "ann@" + text, "a@b?X-A=" + text, "a@b?" + text +
			"=1", "a@b;transport=" + text} {
			u, _, err := dialplan.ParseSIPURI(text)
			if err != nil {
				continue
			}
			dialled := strings.TrimPrefix(external(t).URI(u).Address(), "sofia/external/")
			if !address.MatchString(dialled) {
				t.Fatalf("%q is dialled as %q", text, dialled)
			}
			again, refused, err := dialplan.ParseSIPURI(u.String())
			if err != nil && len(u.String()) <= 1400 {
				t.Fatalf("%q, printed %q: %v", text, u, err)
			}
			if err == nil {
				if diff := cmp.Diff(u, again, compareValues, cmpopts.EquateEmpty()); diff != "" && len(refused) == 0 {
					t.Fatalf("%q (-once +again):\n%s", text, diff)
				}
			}
		}
	})
}

func TestParseHeader(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-A", "x-a_b-9", "User-to-User", "REMOTE-PARTY-ID", "P-Asserted-Identity",
		"Diversion", "Alert-Info", "Privacy"} {
		h, err := dialplan.ParseHeader(name, `a "b" <sip:c@d>;e=1`)
		if err != nil || h.Name != name || h.Value.String() != `a "b" <sip:c@d>;e=1` {
			t.Errorf("ParseHeader(%q) is %v, %v", name, h, err)
		}
	}
	for _, name := range []string{"", "X-", "x-", "X", "Route", "From", "Contact", "Via", "X-A:", "X-A B", "X-A\r\nB",
		"X-${x}", "X-ä", "X-" + strings.Repeat("a", 63)} {
		if h, err := dialplan.ParseHeader(name, "a"); err == nil || h != (dialplan.Header{}) {
			t.Errorf("ParseHeader(%q) is %v, %v", name, h, err)
		}
	}
	for _, value := range []string{"a\rb", "a\nb", "a\x00b", strings.Repeat("a", 1025)} {
		if h, err := dialplan.ParseHeader("X-A", value); err == nil || h != (dialplan.Header{}) {
			t.Errorf("ParseHeader of value %.20q is %v, %v", value, h, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name, value := foreign.Draw(t, "name"), foreign.Draw(t, "value")
		h, err := dialplan.ParseHeader("X-"+name, value)
		if err != nil {
			return
		}
		if strings.ContainsFunc(h.Name, func(r rune) bool {
			return !strings.ContainsRune("-_", r) &&
				!number.MatchString(string(r))
		}) {
			t.Fatalf("header %q", h.Name)
		}
		if err := dialplantest.Safe(h.Value.String()); err != nil || strings.ContainsAny(h.Value.String(), "\r\n\\") {
			t.Fatalf("header value %q: %v", h.Value, err)
		}
	})
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sofia/gateway/carrier/{number}":       "sofia/gateway/carrier/2000",
		"sofia/gateway/carrier/9{number}":      "sofia/gateway/carrier/92000",
		"sofia/internal/{number}%example.org":  "sofia/internal/2000%example.org",
		"sofia/external/{number}@192.0.2.1":    "sofia/external/2000@192.0.2.1",
		"loopback/{number}/default":            "loopback/2000/default",
		"sofia/gateway/carrier/always-the-one": "sofia/gateway/carrier/always-the-one",
	} {
		template, err := dialplan.ParseTemplate(text, "number")
		if err != nil {
			t.Errorf("template %q: %v", text, err)
			continue
		}
		if got := template.Number("2000").Address(); got != want || template.IsZero() {
			t.Errorf("template %q dials %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		"", "carrier", "{number}", "a/{uri}", "a/{x}", "a/{number", "a/number}", "a/b,c/d", "a/b|c/d", "a/b:_:c/d",
		"{a=b}a/b", "[a=b]a/b", "<a=b>a/b", "a/${number}", "a/b c", "a/'b'", "a/b\n", "a/b~c", "a/b^c", "a/b!c",
		"a/:{number}_:",
	} {
		template, err := dialplan.ParseTemplate(text, "number")
		if err == nil || !template.IsZero() {
			t.Errorf("template %q is taken: it dials %q", text, template.Number("2000").Address())
		}
	}
}

// TestUnreachable is about endpoints that must not be dialled at all.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	parse := func(text string) dialplan.Template {
		template, err := dialplan.ParseTemplate(text, "number", "uri", "username", "realm")
		if err != nil {
			t.Fatal(err)
		}
		return template
	}
	for name, e := range map[string]dialplan.Endpoint{
		"zero endpoint":         {},
		"zero template":         dialplan.Template{}.Number("1"),
		"zero number":           parse("a/{number}").Number(""),
		"hostile number":        parse("a/{number}").Number("1,error/user_busy"),
		"zero address":          parse("a/{uri}").URI(dialplan.SIPURI{}),
		"hostile host":          parse("a/{uri}").URI(dialplan.SIPURI{User: "a", Host: "b,c/d"}),
		"hostile port":          parse("a/{uri}").URI(dialplan.SIPURI{User: "a", Host: "b", Port: "1,c"}),
		"hostile realm":         parse("user/{username}@{realm}").User("a", "${x}"),
		"unfilled template":     parse("a/{uri}").Number("1"),
		"legs made by a number": parse("sofia/a:{number}:b").Number("_"),
	} {
		b := dialplan.Bridge{Endpoints: []dialplan.Endpoint{e}}
		if got := dialplan.Describe(b); got != "bridge error/UNALLOCATED_NUMBER" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
