package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// defaults are the configuration's.
var defaults = []string{"127.0.0.1/32", "0.0.0.0/32", "localhost"}

func mustPolicy(t *testing.T, blocked, allowed []string) *Policy {
	t.Helper()
	p, err := NewPolicy(blocked, allowed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// nameServer is a name server that a test answers for: each look-up of a name gets its next answer, the last one stays.
type nameServer struct {
	mu      sync.Mutex
	answers map[string][]string // addresses separated by blanks; "": there are none
	asked   []string
}

func (n *nameServer) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, host)
	answers, ok := n.answers[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		n.answers[host] = answers[1:]
	}
	var list []netip.Addr
	for text := range strings.FieldsSeq(answers[0]) {
		list = append(list, netip.MustParseAddr(text))
	}
	return list, nil
}

func (n *nameServer) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.asked)
}

// Source: pivot.md 18.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	type result map[string]bool // URL: may it be asked
	for name, c := range map[string]struct {
		blocked, allowed []string
		want             result
	}{
		"defaults": {blocked: defaults, want: result{
			"http://localhost/":                       false,
			"http://LOCALHOST./":                      false,
			"http://LocalHost:8080/":                  false,
			"https://localhost/":                      false,
			"http://localhost.example/":               true,
			"http://my.localhost/":                    true, // its addresses are checked when it is dialled
			"http://127.0.0.1/":                       false,
			"http://127.0.0.1:8080/":                  false,
			"http://127.0.0.1./":                      false,
			"http://127.0.0.2/":                       true,
			"http://0.0.0.0/":                         false,
			"http://0/":                               false,
			"http://0.0.0.1/":                         true,
			"http://[::1]/":                           false,
			"http://[0:0:0:0:0:0:0:1]:8080/":          false,
			"http://[::]/":                            false,
			"http://[::2]/":                           true,
			"http://[::ffff:127.0.0.1]/":              false,
			"http://[::ffff:7f00:1]/":                 false,
			"http://[::ffff:0.0.0.0]/":                false,
			"http://[::ffff:127.0.0.2]/":              true,
			"http://[64:ff9b::127.0.0.1]/":            false,
			"http://[64:ff9b::a9fe:a9fe]/":            false,
			"http://[64:ff9b::192.0.2.1]/":            true,
			"http://0x7f.1/":                          false,
			"http://0X7F.0x0.0x0.0x1/":                false,
			"http://0x7f000001/":                      false,
			"http://2130706433/":                      false,
			"http://017700000001/":                    false,
			"http://127.1/":                           false,
			"http://127.0.1/":                         false,
			"http://0177.0.0.1/":                      false,
			"http://0177.1/":                          false,
			"http://127.0.0.01/":                      false,
			"http://１２７.０.０.１/":                       false,
			"http://127。0。0。1/":                       false,
			"http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/":                       false,
			"http://127.0.0.1.example/":               true,
			"http://4294967296/":                      true, // no address: a name like any other
			"http://256.0.0.1/":                       true,
			"http://127.0.0.1.1/":                     true,
			"http://0b1.0.0.1/":                       true,
			"http://1_27.0.0.1/":                      true,
			"http://0x/":                              true,
			"http://example.com@127.0.0.1/":           false,
			"http://example.com:80@127.0.0.1/":        false,
			"http://127.0.0.1@example.com/":           true,
			"http://example.com%40127.0.0.1@[::1]/":   false,
			"http://example.com/?u=http://127.0.0.1/": true,
			"http://example.com/#@127.0.0.1/":         true,
			"http://10.0.0.1/":                        true,
			"http://192.168.1.1/":                     true,
			"http://example.com/":                     true,
			"http://169.254.169.254/latest/meta-data": false,
			"http://169.254.1.1/":                     false,
			"http://0xa9fea9fe/":                      false,
			"http://[::ffff:169.254.169.254]/":        false,
			"http://[fe80::1]/":                       false,
			"http://[fd00:ec2::254]/":                 false,
			"http://[fd20:ce::254]/":                  false,
			"http://[fd00:ec2::253]/":                 true,
			"http://100.100.100.200/":                 false,
			"http://168.63.129.16/":                   false,
		}},
		"none blocked": {want: result{
			"http://localhost/":       true,
			"http://127.0.0.1:8080/":  true,
			"http://[::1]/":           true,
			"http://0.0.0.0/":         true,
			"http://169.254.169.254/": false,
			"http://[::]/":            false,
		}},
		"networks": {blocked: []string{"10.0.0.0/8", " 192.168.0.0/16 ", "127.0.0.0/8", "fc00::/7",
			"::ffff:172.16.0.0/108"}, want: result{
			"http://10.255.1.2/":           false,
			"http://11.0.0.1/":             true,
			"http://012.0.0.1/":            false, // octal
			"http://167772161/":            false,
			"http://[::ffff:10.0.0.1]/":    false,
			"http://192.168.3.4/":          false,
			"http://127.9.9.9/":            false,
			"http://[::1]/":                false, // where IPv4's loopback is
			"http://[fd12::1]/":            false,
			"http://172.16.1.1/":           false,
			"http://172.31.1.1/":           false,
			"http://172.32.1.1/":           true,
			"http://localhost/":            true, // its address is checked when it is dialled
			"http://[64:ff9b::10.1.1.1]/":  false,
			"http://[64:ff9b:1::a01:101]/": true,
		}},
		"network with host bits": {blocked: []string{"10.1.2.3/8"},
			want: result{"http://10.200.0.1/": false, "http://11.1.2.3/": true}},
		"everything": {blocked: []string{"0.0.0.0/0", "::/0"},
			want: result{"http://192.0.2.1/": false, "http://[2001:db8::1]/": false, "http://h/": true}},
		"names": {blocked: []string{"Internal.Example.", "bücher.example"}, want: result{
			"http://internal.example/":     false,
			"http://INTERNAL.EXAMPLE.:81/": false,
			"http://a.internal.example/":   true,
			"http://bücher.example/":       false,
			"http://xn--bcher-kva.example": false,
		}},
		"exceptions": {blocked: append([]string{"10.0.0.0/8", "hooks.example"}, defaults...),
			allowed: []string{"127.0.0.1:9000", "[::1]:9000", "10.1.0.0/16", "localhost:3000", "hooks.example",
				"169.254.169.254/32"},
			want: result{
				"http://127.0.0.1:9000/":             true,
				"http://127.0.0.1:9001/":             false,
				"http://127.0.0.1/":                  false,
				"http://127.1:9000/":                 true,
				"http://[::ffff:127.0.0.1]:9000/":    true,
				"http://[::1]:9000/":                 true,
				"http://[::1]/":                      false,
				"http://10.1.2.3/":                   true,
				"http://10.2.2.3/":                   false,
				"http://localhost:3000/":             true,
				"http://LOCALHOST.:3000/":            true,
				"http://localhost/":                  false,
				"http://localhost:3001/":             false,
				"http://hooks.example/":              true,
				"https://hooks.example:8443/":        true,
				"http://evil.hooks.example:9000/":    true,
				"http://169.254.169.254/":            true,
				"http://169.254.169.253/":            false,
				"http://127.0.0.1:9000@127.0.0.1/":   false,
				"http://localhost:3000@127.0.0.1:1/": false,
			}},
		"exception for a port that is a scheme's": {blocked: defaults,
			allowed: []string{"127.0.0.1:80", "localhost:443"}, want: result{
				"http://127.0.0.1/":     true,
				"https://127.0.0.1/":    false,
				"http://127.0.0.1:80/":  true,
				"https://localhost/":    true,
				"http://localhost/":     false,
				"http://localhost:443/": true,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mustPolicy(t, c.blocked, c.allowed)
			for raw, want := range c.want {
				err := p.CheckURL(mustParse(t, raw))
				if (err == nil) != want {
					t.Errorf("CheckURL(%q) = %v, want allowed %t", raw, err, want)
				}
				if e, ok := errors.AsType[*Error](err); err != nil &&
					(!ok || e.Reason != Blocked || e.Code() != "11100" || e.URL == "") {
					t.Errorf("CheckURL(%q): %#v is not for Blocked", raw, err)
				}
			}
		})
	}
}

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, defaults, []string{"127.0.0.1:9000"})
	for text, want := range map[string]bool{
		"127.0.0.1:80": false, "127.0.0.1:9000": true, "[::ffff:127.0.0.1]:80": false, "[::ffff:127.0.0.1]:9000": true,
		"[fe80::1%eth0]:80": false, "[::1%1]:80": false, "192.0.2.1:80": true,
	} {
		if err := p.CheckAddress(netip.MustParseAddrPort(text)); (err == nil) != want {
			t.Errorf("CheckAddress(%s) = %v, want allowed %t", text, err, want)
		}
	}
}

func TestNewPolicyRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		blocked, allowed []string
		want             string
	}{
		{blocked: []string{"10.0.0.1"}, want: `"10.0.0.1" is an address: write it as a network, 10.0.0.1/32`},
		{blocked: []string{"::1"}, want: `"::1" is an address: write it as a network, ::1/128`},
		{blocked: []string{"[::1]"}, want: `"[::1]" is an address: write it as a network, ::1/128`},
		{blocked: []string{"127.1"}, want: `"127.1" is an address: write it as a network, 127.0.0.1/32`},
		{blocked: []string{"10.0.0.0/33"}, want: `"10.0.0.0/33" is not a network such as 10.0.0.0/8`},
		{blocked: []string{"example.com/8"}, want: `"example.com/8" is not a network such as 10.0.0.0/8`},
		{blocked: []string{"http://h/"}, want: `"http://h/" is not a network such as 10.0.0.0/8`},
		{blocked: []string{""}, want: `"" is neither a network nor a host name`},
		{blocked: []string{"*.example.com"}, want: `"*.example.com" is neither a network nor a host name`},
		{blocked: []string{"localhost:80"}, want: `"localhost:80" is neither a network nor a host name`},
		{blocked: []string{"127.0.0.1:80"}, want: `"127.0.0.1:80" is neither a network nor a host name`},
		{allowed: []string{"host:0"}, want: `"host:0" is neither a network nor a host name`},
		{allowed: []string{"host:70000"}, want: `"host:70000" is neither a network nor a host name`},
		{allowed: []string{"127.0.0.1"}, want: `"127.0.0.1" is an address: write it as a network, 127.0.0.1/32`},
		{allowed: []string{"127.1:80"}, want: `"127.1:80" is an address in a spelling that is not taken here`},
		{blocked: []string{"a b", "10.0.0.1"}, allowed: []string{"x y"},
			want: `"a b" is neither a network nor a host name
"10.0.0.1" is an address: write it as a network, 10.0.0.1/32
"x y" is neither a network nor a host name`},
	} {
		_, err := NewPolicy(c.blocked, c.allowed)
		if err == nil || err.Error() != c.want {
			t.Errorf("NewPolicy(%q, %q):\ngot  %v\nwant %s", c.blocked, c.allowed, err, c.want)
		}
	}
}

// server is a web server on an address of the loopback network; hits are the paths it was asked for.
type server struct {
	*httptest.Server
	port string
	mu   sync.Mutex
	hits []string
}

func newServer(t *testing.T, address string, handle http.HandlerFunc) *server {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.hits = append(s.hits, r.Method+" "+r.URL.RequestURI())
		s.mu.Unlock()
		if handle != nil {
			handle(w, r)
		}
	}))
	_ = s.Listener.Close()
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(listener.Addr().String())
	return s
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits
}

func newClient(t *testing.T, p *Policy, resolver Resolver) *Client {
	t.Helper()
	c := NewClient(Config{Policy: p, Version: "1.2", Resolver: resolver})
	t.Cleanup(c.Close)
	return c
}

func get(t *testing.T, c *Client, raw string) (*Response, error) {
	t.Helper()
	return c.Do(t.Context(), Request{Method: http.MethodGet, URL: mustParse(t, raw)})
}

// What is dialled is what was checked: the server is on 127.0.0.2, which the defaults allow, and 127.0.0.1 is blocked.
func TestDialChecksAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []string // of the name server, in turn
		allowed []string
		want    []Reason // of requests in turn; "": it was answered
	}{
		"good":             {answers: []string{"127.0.0.2"}, want: []Reason{""}},
		"mapped":           {answers: []string{"::ffff:127.0.0.2"}, want: []Reason{""}},
		"blocked":          {answers: []string{"127.0.0.1"}, want: []Reason{Blocked}},
		"blocked, mapped":  {answers: []string{"::ffff:127.0.0.1"}, want: []Reason{Blocked}},
		"blocked, IPv6":    {answers: []string{"::1"}, want: []Reason{Blocked}},
		"metadata":         {answers: []string{"169.254.169.254"}, want: []Reason{Blocked}},
		"good and blocked": {answers: []string{"127.0.0.2 127.0.0.1"}, want: []Reason{Blocked}},
		"blocked and good": {answers: []string{"127.0.0.1 127.0.0.2"}, want: []Reason{Blocked}},
		"no address":       {answers: []string{""}, want: []Reason{DNS}},
		"unknown name":     {want: []Reason{DNS}},
		"rebound later":    {answers: []string{"127.0.0.2", "127.0.0.1"}, want: []Reason{"", Blocked}},
		"name allowed": {answers: []string{"127.0.0.1 127.0.0.2"}, allowed: []string{"web.test"},
			want: []Reason{""}},
		"other name allowed": {answers: []string{"127.0.0.1"}, allowed: []string{"other.test"},
			want: []Reason{Blocked}},
		"name allowed at other port": {answers: []string{"127.0.0.1"}, allowed: []string{"web.test:1"},
			want: []Reason{Blocked}},
		"second address": {answers: []string{"127.0.0.3 127.0.0.2"}, want: []Reason{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "127.0.0.2", func(w http.ResponseWriter,
				_ *http.Request) {
				w.Header().Set("Connection", "close")
			})
			n := &nameServer{answers: map[string][]string{}}
			if c.answers != nil {
				n.answers["web.test"] = c.answers
			}
			client := newClient(t, mustPolicy(t, defaults, c.allowed), n)
			answered := 0
			for i, want := range c.want {
				_, err := get(t, client, "http://web.test:"+s.port+"/")
				if e, ok := errors.AsType[*Error](err); want == "" && err != nil || want != "" &&
					(!ok || e.Reason != want) {
					t.Errorf("request %d: %v, want reason %q", i, err, want)
				}
				if want == "" {
					answered++
				}
				if n.count() != i+1 {
					t.Errorf("request %d: the name server was asked %d times", i, n.count())
				}
			}
			if got := len(s.seen()); got != answered {
				t.Errorf("the server got %d requests, want %d", got, answered)
			}
		})
	}
}

// Odd spellings of an address are that address, and no name server is asked.
func TestDialLiterals(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", nil)
	n := &nameServer{}
	client := newClient(t, mustPolicy(t, nil, nil), n)
	for _, host := range []string{"127.0.0.1", "127.0.0.1.", "127.1", "0x7f.1", "2130706433", "0177.0.0.1",
		"[::ffff:127.0.0.1]"} {
		if _, err := get(t, client, "http://"+host+":"+s.port+"/"); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n.count() != 0 {
		t.Errorf("the name server was asked for %q", n.asked)
	}
}

// A host name that is blocked is not even looked up.
func TestBlockedNameIsNotLookedUp(t *testing.T) {
	t.Parallel()
	n := &nameServer{answers: map[string][]string{"localhost": {"192.0.2.1"}}}
	client := newClient(t, mustPolicy(t, defaults, nil), n)
	_, err := get(t, client, "http://u:secret@LOCALHOST./p")
	const want = "blocked: http://localhost./p: host localhost is blocked (pivot.blocked)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if n.count() != 0 {
		t.Errorf("the name server was asked for %q", n.asked)
	}
}
