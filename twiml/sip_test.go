package twiml

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

func TestSip(t *testing.T) {
	t.Parallel()
	uri := dialplan.SIPURI{User: "ann", Host: "example.org"}
	with := func(f func(*dialplan.SIPURI)) dialplan.SIPURI {
		u := uri
		f(&u)
		return u
	}
	header := func(name, value string) dialplan.Header {
		h, err := dialplan.ParseHeader(name, value)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for content, want := range map[string]SIP{
		`<Sip>sip:ann@example.org</Sip>`:                                 {URI: uri},
		"<Sip>\n ann@example.org \n</Sip>":                               {URI: uri},
		`<Sip>SIP:ann@example.org:5070</Sip>`:                            {URI: with(func(u *dialplan.SIPURI) { u.Port = "5070" })},
		`<Sip>sip:ann@[2001:db8::1]:5070</Sip>`:                          {URI: with(func(u *dialplan.SIPURI) { u.Host, u.Port = "[2001:db8::1]", "5070" })},
		`<Sip>sips:ann@example.org</Sip>`:                                {URI: with(func(u *dialplan.SIPURI) { u.Secure, u.Transport = true, "tls" })},
		`<Sip>sip:ann@example.org;transport=TCP;region=us1;edge=x</Sip>`: {URI: with(func(u *dialplan.SIPURI) { u.Transport = "tcp" })},
		`<Sip>sip:ann@example.org;x=1?X-Case=42&amp;User-to-User=a%20b</Sip>`: {URI: with(func(u *dialplan.SIPURI) {
			u.Headers = []dialplan.Header{header("X-Case", "42"), header("User-to-User", "a b")}
		})},
		`<Sip username="u" password="p w">sip:ann@example.org</Sip>`:             {URI: uri, Username: "u", Password: dialplan.Foreign("p w")},
		`<Sip username="u*1@h">sip:ann@example.org</Sip>`:                        {URI: uri, Username: "u*1@h"},
		`<Sip username="u" password=" $5a &amp; &lt;">sip:ann@example.org</Sip>`: {URI: uri, Username: "u", Password: dialplan.Foreign(" $5a & <")},
	} {
		got, problems := targets(t, content)
		if diff := cmp.Diff([]target{want}, got, whole); diff != "" || len(problems) > 0 {
			t.Errorf("%s (-want +got):\n%s%v", content, diff, problems)
		}
	}
}

func TestSipProblems(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		`<Sip/>`:                     {"13243", "13224"},
		`<Sip>ann</Sip>`:             {"13243", "13224"},
		`<Sip>sip:ann@a b</Sip>`:     {"13243", "13224"},
		`<Sip>sip:a,sofia/x@h</Sip>`: {"13243", "13224"},
		`<Sip>sip:${x}@h</Sip>`:      {"13243", "13224"},
		`<Sip>tel:+15</Sip>`:         {"13243", "13224"},
		`<Sip>sip:a@h?X-A=1%0d%0aEvil:%202&amp;X-B=2</Sip>`:  {"13252"},
		`<Sip>sip:a@h?Contact=x</Sip>`:                       {"13252"},
		`<Sip><Uri>sip:a@h</Uri></Sip>`:                      {"12200", "13243", "13224"},
		`<Sip username="a b" password="p">sip:a@h</Sip>`:     {"13246"},
		`<Sip password="p">sip:a@h</Sip>`:                    {"13246"},
		`<Sip username="u" password="a|b">sip:a@h</Sip>`:     {"13246"},
		`<Sip username="u" password="a:_:b">sip:a@h</Sip>`:   {"13246"},
		`<Sip username="u" password="a&#10;b">sip:a@h</Sip>`: {"13246"},
	} {
		got, problems := targets(t, content)
		if diff := cmp.Diff(want, problems); diff != "" {
			t.Errorf("%s (-want +got):\n%s", content, diff)
		}
		if len(got) == 1 && got[0].(SIP).Username != "" {
			t.Errorf("%s: half of the credentials are left: %+v", content, got[0])
		}
	}
}

// Header and credentials reach the leg, and a value that can't be sent is told of when it is dialled.
func TestSipLeg(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Dial><Sip username="u" password="p">sip:ann@example.org?X-Case=42&amp;X-Odd=a%7Cb</Sip></Dial>`); err != nil {
		t.Fatal(err)
	}
	uri, _, err := dialplan.ParseSIPURI("sip:ann@example.org?X-Case=42&X-Odd=a%7Cb")
	if err != nil {
		t.Fatal(err)
	}
	e := external.URI(uri)
	e.Username, e.Password, e.Timeout, e.Limit = "u", dialplan.Foreign("p"), 30*time.Second, 4*time.Hour
	s.expect(t, dialplan.Answer{}, bridged(nil, e), hangup)
	if diff := cmp.Diff([]string{"13252"}, s.recorded()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
