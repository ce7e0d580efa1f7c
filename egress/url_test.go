package egress

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed is all that there is to a URL.
type parsed struct {
	String, User, Password, Fragment string
}

func partsOf(u *URL) parsed {
	password, _ := u.user.Password()
	return parsed{String: u.String(), User: u.user.Username(), Password: password, Fragment: u.Fragment()}
}

func mustParse(t *testing.T, raw string) *URL {
	t.Helper()
	u, err := ParseURL(raw)
	if err != nil {
		t.Fatalf("ParseURL(%q): %v", raw, err)
	}
	return u
}

// Source: pivot.md 2, 3, 18; twiml.md 1.2.
func TestParseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]parsed{
		"http://h":                         {String: "http://h/"},
		"http://h/":                        {String: "http://h/"},
		"https://h/a/b.php":                {String: "https://h/a/b.php"},
		"HTTP://Host.Example/Path":         {String: "http://host.example/Path"},
		"HtTpS://h/":                       {String: "https://h/"},
		"  http://h/a\n":                   {String: "http://h/a"},
		"\t\r\nhttp://h/a\r\n\t":           {String: "http://h/a"},
		"http://h/a\n  b":                  {String: "http://h/a%20%20b"},
		"http://h/two words?q=a b":         {String: "http://h/two%20words?q=a%20b"},
		"http://h?x=1":                     {String: "http://h/?x=1"},
		"http://h/p?":                      {String: "http://h/p"},
		"http://h/p?x=1&":                  {String: "http://h/p?x=1&"},
		"http://h/p?x=%zz":                 {String: "http://h/p?x=%zz"},
		"http://h/p?x=a+b%20c":             {String: "http://h/p?x=a+b%20c"},
		`http://h/p?j={"a":"<b>"}&c=d^e|f`: {String: "http://h/p?j=%7B%22a%22:%22%3Cb%3E%22%7D&c=d%5Ee%7Cf"},
		"http://h/p?name=Söhne":            {String: "http://h/p?name=S%C3%B6hne"},
		"http://h/Söhne":                   {String: "http://h/S%C3%B6hne"},
		"http://h/a%2Fb":                   {String: "http://h/a%2Fb"},
		"http://h/a+b":                     {String: "http://h/a+b"},
		"http://h/%e2%82%ac":               {String: "http://h/%e2%82%ac"},
		"http://h/p#rc=3&rt=500":           {String: "http://h/p", Fragment: "rc=3&rt=500"},
		"http://h/p?x=1#f":                 {String: "http://h/p?x=1", Fragment: "f"},
		"http://h/p#a%20b":                 {String: "http://h/p", Fragment: "a%20b"},
		"http://h#f":                       {String: "http://h/", Fragment: "f"},

		"http://h:8080/":    {String: "http://h:8080/"},
		"http://h:1/":       {String: "http://h:1/"},
		"http://h:65535/":   {String: "http://h:65535/"},
		"http://h:/":        {String: "http://h/"},
		"http://h:080/":     {String: "http://h:80/"},
		"http://my_server/": {String: "http://my_server/"},
		"http://h.example.": {String: "http://h.example./"},
		"http://-h-/":       {String: "http://-h-/"},

		"http://user:pass@h/":   {String: "http://h/", User: "user", Password: "pass"},
		"http://user@h/":        {String: "http://h/", User: "user"},
		"http://:pass@h/":       {String: "http://h/", Password: "pass"},
		"http://@h/":            {String: "http://h/"},
		"http://u:p@w@h/":       {String: "http://h/", User: "u", Password: "p@w"},
		"http://u:p%40w@h/":     {String: "http://h/", User: "u", Password: "p@w"},
		"http://u:a:b@h/":       {String: "http://h/", User: "u", Password: "a:b"},
		"http://u:a%25b@h/":     {String: "http://h/", User: "u", Password: "a%b"},
		"http://u:a+b@h/":       {String: "http://h/", User: "u", Password: "a+b"},
		"http://u:pässwort@h/":  {String: "http://h/", User: "u", Password: "pässwort"},
		"http://u:p%C3%A4ss@h/": {String: "http://h/", User: "u", Password: "päss"},
		"http://us%3Aer:p%2Fw@h:81/?q=x@y#f@": {String: "http://h:81/?q=x@y", User: "us:er", Password: "p/w",
			Fragment: "f@"},
		"http://example.com@127.0.0.1/": {String: "http://127.0.0.1/", User: "example.com"},

		"http://[::1]":                   {String: "http://[::1]/"},
		"http://[::1]:8080/x":            {String: "http://[::1]:8080/x"},
		"http://[0:0:0:0:0:0:0:1]/":      {String: "http://[::1]/"},
		"http://[2001:DB8::A]/":          {String: "http://[2001:db8::a]/"},
		"http://[::ffff:127.0.0.1]/":     {String: "http://[::ffff:127.0.0.1]/"},
		"http://[::ffff:7f00:1]/":        {String: "http://[::ffff:127.0.0.1]/"},
		"http://u:p@[::1]:8080/":         {String: "http://[::1]:8080/", User: "u", Password: "p"},
		"http://192.0.2.1:80/":           {String: "http://192.0.2.1:80/"},
		"http://0x7f.1/":                 {String: "http://0x7f.1/"}, // the policy knows what that is
		"http://2130706433/":             {String: "http://2130706433/"},
		"http://bücher.example/":         {String: "http://xn--bcher-kva.example/"},
		"http://BÜCHER.example:81/":      {String: "http://xn--bcher-kva.example:81/"},
		"http://b%C3%BCcher.example/":    {String: "http://xn--bcher-kva.example/"},
		"http://xn--bcher-kva.example/":  {String: "http://xn--bcher-kva.example/"},
		"http://例え.テスト/":                 {String: "http://xn--r8jz45g.xn--zckzah/"},
		"http://１２７.０.０.１/":              {String: "http://127.0.0.1/"}, // full-width digits
		"http://127。0。0。1/":              {String: "http://127.0.0.1/"}, // ideographic stops
		"http://ⓛocalhost/":              {String: "http://localhost/"},
		"http://local\u00adhost/":        {String: "http://localhost/"}, // a soft hyphen
		"http://h/a/../b":                {String: "http://h/a/../b"},
		"http://h//double":               {String: "http://h//double"},
		"http://h/p;v=1,2:3@x!$&'()*":    {String: "http://h/p;v=1,2:3@x!$&'()*"},
		"https://h/?a=http://x/y?z=1&b=": {String: "https://h/?a=http://x/y?z=1&b="},
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			u, err := ParseURL(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, partsOf(u)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			if u.Redacted() != u.String() {
				t.Errorf("Redacted() = %q, String() = %q", u.Redacted(), u.String())
			}
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for raw, want := range map[string]string{
		"":                            `bad_url: "": the scheme must be http or https`,
		"  \n":                        `bad_url: "  \n": the scheme must be http or https`,
		"h/p":                         `bad_url: "h/p": the scheme must be http or https`,
		"/p":                          `bad_url: "/p": the scheme must be http or https`,
		"//h/p":                       `bad_url: "//h/p": the scheme must be http or https`,
		"ftp://h/":                    `bad_url: "ftp://h/": the scheme must be http or https`,
		"file:///etc/passwd":          `bad_url: "file:///etc/passwd": the scheme must be http or https`,
		"tel:+15551230000":            `bad_url: "tel:+15551230000": the scheme must be http or https`,
		"data:text/xml,<Response/>":   `bad_url: "data:text/xml,<Response/>": the scheme must be http or https`,
		"httpfoo://h/":                `bad_url: "httpfoo://h/": the scheme must be http or https`,
		"javascript:alert(1)":         `bad_url: "javascript:alert(1)": the scheme must be http or https`,
		"http:":                       `bad_url: "http:": there is no host`,
		"http://":                     `bad_url: "http://": there is no host`,
		"http:///p":                   `bad_url: "http:///p": there is no host`,
		"http:h/p":                    `bad_url: "http:h/p": there is no host`,
		"http://:80/":                 `bad_url: "http://:80/": there is no host`,
		"http://?x=1":                 `bad_url: "http://?x=1": there is no host`,
		"http://h:0/":                 `bad_url: "http://h:0/": port 0 is not between 1 and 65535`,
		"http://h:65536/":             `bad_url: "http://h:65536/": port 65536 is not between 1 and 65535`,
		"http://h:http/":              `bad_url: "http://h:http/": invalid port ":http" after host`,
		"http://h:-1/":                `bad_url: "http://h:-1/": invalid port ":-1" after host`,
		"http://h/\x00":               `bad_url: "http://h/\x00": net/url: invalid control character in URL`,
		"http://h/\x7f":               `bad_url: "http://h/\x7f": net/url: invalid control character in URL`,
		"http://h/%zz":                `bad_url: "http://h/%zz": invalid URL escape "%zz"`,
		"http://a b/":                 `bad_url: "http://a b/": invalid URL escape "%20"`,
		`http://good\@evil/`:          `bad_url: "…@evil/": it cannot be read; characters such as / ? # % in a password must be encoded`,
		`http://good\evil/`:           `bad_url: "http://good\\evil/": invalid character "\\" in host name`,
		"http://[::1/":                `bad_url: "http://[::1/": missing ']' in host`,
		"http://[fe80::1%25eth0]/":    `bad_url: "http://[fe80::1%25eth0]/": an address with a zone may not be asked`,
		"http://a..b/":                `bad_url: "http://a..b/": host: "a..b" has a part of no or over 63 characters`,
		"http://./":                   `bad_url: "http://./": host: "." has a part of no or over 63 characters`,
		"http://localhost../":         `bad_url: "http://localhost../": host: "localhost.." has a part of no or over 63 characters`,
		"http://" + long + "/":        `bad_url: "http://` + long + `/": host: "` + long + `" has a part of no or over 63 characters`,
		"http://h/" + long + long:     `bad_url: "http://h/` + long + long[:47] + `…": invalid URL escape "%zz"`,
		"http://\xff\xfe/":            "",
		"http://[v1.x]/":              "",
		"http://[1.2.3.4]/":           "",
		"http://a,b/":                 "",
		"http://${system(touch x)}/":  "",
		"http://" + longHost() + "/x": "",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(raw, "http://h/aaa") {
				raw += "%zz"
			}
			u, err := ParseURL(raw)
			if err == nil {
				t.Fatalf("is taken as %q", u)
			}
			if want != "" && err.Error() != want {
				t.Errorf("got  %v\nwant %v", err, want)
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Reason != BadURL || e.Code() != "11100" {
				t.Errorf("error %#v is not an *Error for BadURL with code 11100", err)
			}
		})
	}
}

func longHost() string { return strings.Repeat("abcdefgh.", 29) + "example" }

// What is wrong with a URL must not show its password, wherever the fault has put it.
func TestErrorsHideCredentials(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"ftp://user:secret@h/",
		"http://user:secret@h:99999/",
		"http://user:secret@",
		"http://user:secret@/p",
		"http:user:secret@h/p",
		"http:///user:secret@h/p",
		"user:secret@h/p",
		"//user:secret@h/p",
		"http://user:sec/secret@h/",
		"http://user:sec#secret@h/",
		"http://user:sec?secret@h/",
		"http://user:%zzsecret@h/",
		"http://user:secret%@h/",
		"http://user:secret@h:port/",
		"http://user@secret:h/", // Kazoo's own form
		"http://user:secret@a..b/",
		"http://user:secret@[::1/",
		"http://user:sec ret\x00secret@h/",
		"http://secret@ftp//x",
		"http://user:secret@@/",
	} {
		base := mustParse(t, "http://base.example/a/b")
		for name, parse := range map[string]func(string) (*URL, error){"parse": ParseURL, "resolve": base.Resolve} {
			t.Run(name+" "+raw, func(t *testing.T) {
				t.Parallel()
				u, err := parse(raw)
				if err == nil {
					// Nothing but a relative path may be made of it.
					if !u.SameOrigin(base) && strings.Contains(u.String(), "secret") {
						t.Errorf("String() = %q shows the secret", u)
					}
					return
				}
				if strings.Contains(strings.Replace(err.Error(), "@secret:h/", "", 1), "secret") {
					t.Errorf("error shows the secret: %v", err)
				}
			})
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://h/p?x=1":         "http://h/p?x=1",
		"http://u:p@h/p":         "…@h/p",
		"http://u:p@h/?mail=a@b": "…@b",
		strings.Repeat("x", 130): strings.Repeat("x", 120) + "…",
		"a\xffb":                 "a\uFFFDb",
		strings.Repeat("x", 119) + "öööööö": strings.Repeat("x", 119) + "\uFFFD…",
	} {
		if got := Shown(raw); got != want {
			t.Errorf("Shown(%q) = %q, want %q", raw, got, want)
		}
	}
}

// Source: RFC 3986 5.4.1, 5.4.2. An empty fragment and one alone keep the address as it is.
func TestResolve(t *testing.T) {
	t.Parallel()
	const rfc = "http://a/b/c/d;p?q"
	for _, c := range []struct{ base, ref, want, fragment string }{
		{base: rfc, ref: "g", want: "http://a/b/c/g"},
		{base: rfc, ref: "./g", want: "http://a/b/c/g"},
		{base: rfc, ref: "g/", want: "http://a/b/c/g/"},
		{base: rfc, ref: "/g", want: "http://a/g"},
		{base: rfc, ref: "//g", want: "http://g/"},
		{base: rfc, ref: "?y", want: "http://a/b/c/d;p?y"},
		{base: rfc, ref: "g?y", want: "http://a/b/c/g?y"},
		{base: rfc, ref: "#s", want: "http://a/b/c/d;p?q", fragment: "s"},
		{base: rfc, ref: "g#s", want: "http://a/b/c/g", fragment: "s"},
		{base: rfc, ref: "g?y#s", want: "http://a/b/c/g?y", fragment: "s"},
		{base: rfc, ref: ";x", want: "http://a/b/c/;x"},
		{base: rfc, ref: "g;x", want: "http://a/b/c/g;x"},
		{base: rfc, ref: "g;x?y#s", want: "http://a/b/c/g;x?y", fragment: "s"},
		{base: rfc, ref: "", want: "http://a/b/c/d;p?q"},
		{base: rfc, ref: ".", want: "http://a/b/c/"},
		{base: rfc, ref: "./", want: "http://a/b/c/"},
		{base: rfc, ref: "..", want: "http://a/b/"},
		{base: rfc, ref: "../", want: "http://a/b/"},
		{base: rfc, ref: "../g", want: "http://a/b/g"},
		{base: rfc, ref: "../..", want: "http://a/"},
		{base: rfc, ref: "../../", want: "http://a/"},
		{base: rfc, ref: "../../g", want: "http://a/g"},
		{base: rfc, ref: "../../../g", want: "http://a/g"},
		{base: rfc, ref: "../../../../g", want: "http://a/g"},
		{base: rfc, ref: "/./g", want: "http://a/g"},
		{base: rfc, ref: "/../g", want: "http://a/g"},
		{base: rfc, ref: "g.", want: "http://a/b/c/g."},
		{base: rfc, ref: ".g", want: "http://a/b/c/.g"},
		{base: rfc, ref: "g..", want: "http://a/b/c/g.."},
		{base: rfc, ref: "..g", want: "http://a/b/c/..g"},
		{base: rfc, ref: "./../g", want: "http://a/b/g"},
		{base: rfc, ref: "./g/.", want: "http://a/b/c/g/"},
		{base: rfc, ref: "g/./h", want: "http://a/b/c/g/h"},
		{base: rfc, ref: "g/../h", want: "http://a/b/c/h"},
		{base: rfc, ref: "g;x=1/./y", want: "http://a/b/c/g;x=1/y"},
		{base: rfc, ref: "g;x=1/../y", want: "http://a/b/c/y"},
		{base: rfc, ref: "g?y/./x", want: "http://a/b/c/g?y/./x"},
		{base: rfc, ref: "g?y/../x", want: "http://a/b/c/g?y/../x"},
		{base: rfc, ref: "g#s/./x", want: "http://a/b/c/g", fragment: "s/./x"},
		{base: rfc, ref: "g#s/../x", want: "http://a/b/c/g", fragment: "s/../x"},

		// pivot.md 12.1, twiml.md 2.3, scenarios.md V7, V8
		{base: "https://h/a/b.php?x=1", ref: "c.php", want: "https://h/a/c.php"},
		{base: "https://h/a/b.php?x=1", ref: "/c", want: "https://h/c"},
		{base: "https://h/a/b.php?x=1", ref: "../c", want: "https://h/c"},
		{base: "https://h/a/b.php?x=1", ref: "?y=2", want: "https://h/a/b.php?y=2"},
		{base: "https://h/a/b.php?x=1", ref: "?", want: "https://h/a/b.php"},
		{base: "https://h/a/b.php?x=1", ref: "//k/c", want: "https://k/c"},
		{base: "https://h/a/b.php?x=1", ref: "  c.php\n", want: "https://h/a/c.php"},
		{base: "https://h/a/b.php?x=1", ref: " \n ", want: "https://h/a/b.php?x=1"},
		{base: "https://h/a/b.php?x=1", ref: "two words.php", want: "https://h/a/two%20words.php"},
		{base: "https://h/a/b.php?x=1#old", ref: "", want: "https://h/a/b.php?x=1"},
		{base: "https://h/a/b.php?x=1#old", ref: "#rc=2", want: "https://h/a/b.php?x=1", fragment: "rc=2"},
		{base: "https://h/a/b.php?x=1#old", ref: "c", want: "https://h/a/c"},
		{base: "http://h/a/b", ref: "c", want: "http://h/a/c"},
		{base: "http://h/a/", ref: "c", want: "http://h/a/c"},
		{base: "http://host/d1/d2/d3/file.ext", ref: "../.././a", want: "http://host/d1/a"},
		{base: "http://srv.example.com", ref: "c", want: "http://srv.example.com/c"},
		{base: "http://srv.example.com?x=1", ref: "c?y=2", want: "http://srv.example.com/c?y=2"},
		{base: "http://h/a", ref: "https://K.example:8443/x?y#z", want: "https://k.example:8443/x?y", fragment: "z"},
		{base: "http://h/a/../b", ref: "", want: "http://h/a/../b"},
		{base: "http://h/a%2Fb/c", ref: "d%2Fe", want: "http://h/a%2Fb/d%2Fe"},
		{base: "http://h/a/b", ref: "./x:y", want: "http://h/a/x:y"},
	} {
		t.Run(c.base+" "+c.ref, func(t *testing.T) {
			t.Parallel()
			u, err := mustParse(t, c.base).Resolve(c.ref)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parsed{String: c.want, Fragment: c.fragment}, partsOf(u)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	base := mustParse(t, "http://a/b/c/d;p?q")
	for _, ref := range []string{
		"g:h", "http:g", "http:", "tel:+1555", "file:///etc/passwd", "ftp://h/x", "data:text/plain,x", "mailto:a@b",
		"javascript:1",
		"shell_stream://id", "http://", "http://h:0/", "//h:70000/", "//[fe80::1%25lo]/", "%zz", "#%zz", "a\x00b",
		"1:2",
	} {
		if u, err := base.Resolve(ref); err == nil {
			t.Errorf("Resolve(%q) = %q", ref, u)
		} else if e, ok := errors.AsType[*Error](err); !ok || e.Reason != BadURL {
			t.Errorf("Resolve(%q): %v is not for BadURL", ref, err)
		}
	}
}

// Credentials stay with their origin. Source: twiml.md 2.3.
func TestResolveCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ref  string
		want parsed
	}{
		{"", parsed{"https://a/x/y?q", "u", "p", ""}},
		{"z", parsed{"https://a/x/z", "u", "p", ""}},
		{"/z", parsed{"https://a/z", "u", "p", ""}},
		{"https://a/z", parsed{"https://a/z", "u", "p", ""}},
		{"https://A:443/z", parsed{"https://a:443/z", "u", "p", ""}},
		{"//a/z", parsed{"https://a/z", "u", "p", ""}},
		{"//v:w@a/z", parsed{"https://a/z", "v", "w", ""}},
		{"//v@a/z", parsed{"https://a/z", "v", "", ""}},
		{"//v:w@b/z", parsed{"https://b/z", "v", "w", ""}},
		{"http://a/z", parsed{"http://a/z", "", "", ""}},
		{"https://a:444/z", parsed{"https://a:444/z", "", "", ""}},
		{"//b/z", parsed{"https://b/z", "", "", ""}},
		{"//a./z", parsed{"https://a./z", "", "", ""}},
		{"//www.a/z", parsed{"https://www.a/z", "", "", ""}},
	} {
		t.Run(c.ref, func(t *testing.T) {
			t.Parallel()
			u, err := mustParse(t, "https://u:p@a/x/y?q").Resolve(c.ref)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, partsOf(u)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"http://h/a", "http://h/b?c", true},
		{"http://h", "http://H:80/", true},
		{"https://h", "https://h:443/", true},
		{"http://u:p@h/", "http://h/", true},
		{"http://[::1]/", "http://[0::1]:80/", true},
		{"http://bücher.example/", "http://xn--bcher-kva.example/", true},
		{"http://h:0080/", "http://h/", true},
		{"http://h/", "https://h/", false},
		{"http://h:443/", "https://h/", false},
		{"http://h/", "http://h:81/", false},
		{"http://h/", "http://g/", false},
		{"http://h/", "http://h.example/", false},
	} {
		if got := mustParse(t, c.a).SameOrigin(mustParse(t, c.b)); got != c.want {
			t.Errorf("SameOrigin(%q, %q) = %t", c.a, c.b, got)
		}
	}
	if mustParse(t, "http://h/").SameOrigin(nil) {
		t.Error("SameOrigin(nil) is true")
	}
}

// Source: pivot.md 3.
func TestWithQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, encoded, want string }{
		{"http://h/p", "a=1&b=2", "http://h/p?a=1&b=2"},
		{"http://h/p?x=1", "a=1", "http://h/p?x=1&a=1"},
		{"http://h/p?", "a=1", "http://h/p?a=1"},
		{"http://h/p?x=1&", "a=1", "http://h/p?x=1&a=1"},
		{"http://h/p?x=1&&", "a=1", "http://h/p?x=1&a=1"},
		{"http://h/p?&", "a=1", "http://h/p?a=1"},
		{"http://h?x=1", "a=1", "http://h/?x=1&a=1"},
		{"http://h", "a=1", "http://h/?a=1"},
		{"http://h/p?a=0", "a=1", "http://h/p?a=0&a=1"}, // both are sent
		{"http://h/p?x=1&", "", "http://h/p?x=1&"},
		{"http://h/p", "", "http://h/p"},
		{"http://u:p@h/p#f", "a=1", "http://h/p?a=1"},
	} {
		u := mustParse(t, c.raw)
		before := partsOf(u)
		got := u.WithQuery(c.encoded)
		if got.String() != c.want {
			t.Errorf("%q WithQuery(%q) = %q, want %q", c.raw, c.encoded, got, c.want)
		}
		if got.Fragment() != u.Fragment() || got.user != u.user {
			t.Errorf("%q WithQuery(%q) lost credentials or fragment", c.raw, c.encoded)
		}
		if diff := cmp.Diff(before, partsOf(u)); diff != "" {
			t.Errorf("%q changed by WithQuery (-want +got):\n%s", c.raw, diff)
		}
	}
}

// Source: twiml.md 5.1.
func TestAppend(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]parsed{
		"http://h/up":               {String: "http://h/up/x.wav"},
		"http://h/up/":              {String: "http://h/up/x.wav"},
		"http://h":                  {String: "http://h/x.wav"},
		"http://h?sig=a%2Fb&t=1":    {String: "http://h/x.wav?sig=a%2Fb&t=1"},
		"http://h/up?sig=1":         {String: "http://h/up/x.wav?sig=1"},
		"http://u:p@h/up":           {String: "http://h/up/x.wav", User: "u", Password: "p"},
		"http://h/a%2Fb":            {String: "http://h/a%2Fb/x.wav"},
		"http://h/two%20words":      {String: "http://h/two%20words/x.wav"},
		"http://h/up.php/a/../b#rc": {String: "http://h/up.php/a/../b/x.wav", Fragment: "rc"},
	} {
		if diff := cmp.Diff(want, partsOf(mustParse(t, raw).Append("x.wav"))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", raw, diff)
		}
	}
	if got := mustParse(t, "http://h/up").Append("a/b ?.wav").String(); got != "http://h/up/a%2Fb%20%3F.wav" {
		t.Errorf("a name with a slash gives %q", got)
	}
}

func TestCacheKey(t *testing.T) {
	t.Parallel()
	list := []string{"http://h/a", "http://h/b", "https://h/a", "http://h/a?x", "http://u@h/a", "http://u:@h/a",
		"http://u:p@h/a", "http://v:p@h/a"}
	var keys []string
	for _, raw := range list {
		key := mustParse(t, raw).CacheKey()
		if len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "" {
			t.Errorf("%q has key %q", raw, key)
		}
		if at := slices.Index(keys, key); at >= 0 {
			t.Errorf("%q and %q have one key", list[at], raw)
		}
		keys = append(keys, key)
	}
	if mustParse(t, "http://H:80/a").CacheKey() == "" || mustParse(t, "http://h/a#f").CacheKey() != keys[0] {
		t.Error("a fragment, which is not sent, makes another key")
	}
}

// A URL or an error, never both; what is shown has no credentials, fragment or line break and means the same again.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"http://u:p@h:80/a/../b?x=1&#f", "https://[::ffff:127.0.0.1]:8443/", "http://０x7f.1/",
		"http://bücher.example/ö?ö#ö",
		" http://h/a b\n", "http://h/%2f%zz", "http://a..b/", "http:opaque", "//h/p", "?x", "#f", "http://u%40:p%2F@h/",
		`http://h\x/`,
		"http://1:2:3/", "http://h:080/?", "http://%68/", "http://[v1.a]/", "http://h/?\"<>{}|^`", "http://xn--a/",
		"http://\u200dh/",
	} {
		f.Add(seed, "c?d#e")
		f.Add("http://base/x/y?z", seed)
	}
	f.Fuzz(func(t *testing.T, raw, ref string) {
		u, err := ParseURL(raw)
		check(t, raw, u, err)
		if err == nil {
			next, err := u.Resolve(ref)
			check(t, ref, next, err)
			if err == nil && next.user != nil && !next.SameOrigin(u) && !strings.Contains(ref, "@") {
				t.Errorf("%q resolved at %q carried credentials to %q", ref, raw, next)
			}
		}
	})
}

func check(t *testing.T, raw string, u *URL, err error) {
	t.Helper()
	if (u == nil) != (err != nil) {
		t.Fatalf("%q gives %v and %v", raw, u, err)
	}
	if err != nil {
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != BadURL {
			t.Fatalf("%q: %v is not for BadURL", raw, err)
		}
		return
	}
	shown := u.String()
	for i := 0; i < len(shown); i++ {
		if shown[i] <= ' ' || shown[i] >= 0x7f {
			t.Fatalf("%q is shown as %q", raw, shown)
		}
	}
	authority, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(shown, "https://"), "http://"), "/")
	if strings.Contains(authority, "@") || strings.Contains(shown, "#") {
		t.Fatalf("%q is shown as %q", raw, shown)
	}
	again, err := ParseURL(shown)
	if err != nil {
		t.Fatalf("%q is shown as %q, which is refused: %v", raw, shown, err)
	}
	if again.String() != shown || again.user != nil || again.fragment != "" || !again.SameOrigin(u) {
		t.Fatalf("%q is shown as %q, which is read as %q", raw, shown, again)
	}
}
