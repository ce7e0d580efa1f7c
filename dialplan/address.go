package dialplan

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"sort"
	"strings"
)

// Number is a dialled number or the user part of an address: digits, letters and + * # . _ -.
type Number string

// ParseNumber takes a number from foreign text; blanks, dots, dashes and brackets between digits are dropped.
func ParseNumber(s string) (Number, error) {
	s = strings.NewReplacer(" ", "", "(", "", ")", "").Replace(strings.TrimSpace(s))
	if s == "" || len(s) > 64 || !only(s, "+*#._-") {
		return "", fmt.Errorf("number %q: digits, letters and + * # . _ - may be used", s)
	}
	return Number(s), nil
}

func (n Number) word() string {
	if p, err := ParseNumber(string(n)); err == nil {
		return string(p)
	}
	return "invalid"
}

// SIPURI is an address that was parsed: user@host[:port][;transport=…], with the headers of its query aside.
type SIPURI struct {
	Secure    bool // sips:
	User      string
	Host      string // name or address; IPv6 in brackets
	Port      string
	Transport string // "udp", "tcp", "tls" or ""
	Headers   []Header
}

var (
	hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$`)
	portForm = regexp.MustCompile(`^[0-9]{1,5}$`)
)

// ParseSIPURI takes `sip:user@host[:port][;transport=…][?X-Name=value&…]`, with or without the scheme, from foreign
// text. Parameters other than transport are dropped; a header that may not be sent is left out and named in refused.
// Source: twiml.md 4.7, Sip.
func ParseSIPURI(s string) (uri SIPURI, refused []string, err error) {
	rest := strings.TrimSpace(s)
	if len(rest) > 1400 {
		return uri, nil, fmt.Errorf("sip address of %d characters", len(rest))
	}
	switch scheme, after, ok := strings.Cut(rest, ":"); {
	case ok && strings.EqualFold(scheme, "sip"):
		rest = after
	case ok && strings.EqualFold(scheme, "sips"):
		uri.Secure, rest = true, after
	}
	rest, query, _ := strings.Cut(rest, "?")
	rest, parameters, _ := strings.Cut(rest, ";")
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		return uri, nil, fmt.Errorf("sip address %q has no user@host", clip(s))
	}
	if uri.User, err = url.PathUnescape(user); err != nil || uri.User == "" || len(uri.User) > 128 || !only(uri.User, "+*#._-") {
		return uri, nil, fmt.Errorf("sip address: user %q: letters, digits and + * # . _ - may be used", clip(user))
	}
	if uri.Host, uri.Port, err = parseHost(host); err != nil {
		return uri, nil, err
	}
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(name, "transport") {
			switch t := strings.ToLower(value); t {
			case "udp", "tcp", "tls":
				uri.Transport = t
			}
		}
	}
	if uri.Secure {
		uri.Transport = "tls"
	}
	total := 0
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		header, headerErr := ParseHeader(name, value)
		total += len(name) + len(value)
		if nameErr != nil || valueErr != nil || headerErr != nil || total >= 1024 {
			refused = append(refused, clip(name))
			continue
		}
		uri.Headers = append(uri.Headers, header)
	}
	return uri, refused, nil
}

func parseHost(s string) (host, port string, err error) {
	host = s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", fmt.Errorf("sip address: host %q", clip(s))
		}
		a, err := netip.ParseAddr(s[1:end])
		if err != nil || a.Zone() != "" || !a.Is6() {
			return "", "", fmt.Errorf("sip address: host %q is no IPv6 address", clip(s))
		}
		host, port = "["+a.String()+"]", strings.TrimPrefix(s[end+1:], ":")
		if port == "" && s[end+1:] != "" || port != "" && !strings.HasPrefix(s[end+1:], ":") {
			return "", "", fmt.Errorf("sip address: host %q", clip(s))
		}
	} else {
		host, port, _ = strings.Cut(s, ":")
		if len(host) > 253 || !hostForm.MatchString(host) {
			return "", "", fmt.Errorf("sip address: host %q is no host name or address", clip(s))
		}
	}
	if port != "" && !portForm.MatchString(port) {
		return "", "", fmt.Errorf("sip address: port %q", clip(port))
	}
	return host, port, nil
}

// word is user@host:port;transport=t, made of checked parts again so that a literal can't smuggle others in.
func (u SIPURI) word() string {
	host, port, err := parseHost(u.Host + portSuffix(u.Port))
	if err != nil || u.User == "" || !only(u.User, "+*#._-") {
		return "invalid@invalid.invalid"
	}
	s := u.User + "@" + host + portSuffix(port)
	switch u.Transport {
	case "udp", "tcp", "tls":
		s += ";transport=" + u.Transport
	}
	return s
}

func portSuffix(port string) string {
	if port == "" {
		return ""
	}
	return ":" + port
}

func (u SIPURI) String() string { return u.word() }

// Header is a SIP header that may be put on a leg's INVITE.
type Header struct {
	Name  string
	Value Value
}

var sendable = map[string]bool{
	"user-to-user": true, "remote-party-id": true, "p-preferred-identity": true, "p-called-party-id": true,
	"p-asserted-identity": true, "diversion": true, "alert-info": true, "privacy": true,
}

// ParseHeader takes a header from foreign text: X-… or one of the few others that twiml.md 4.7 lists. A value with a
// line break is refused.
func ParseHeader(name, value string) (Header, error) {
	if !only(name, "-_") || len(name) > 64 || !strings.HasPrefix(strings.ToLower(name), "x-") && !sendable[strings.ToLower(name)] || strings.EqualFold(name, "x-") {
		return Header{}, fmt.Errorf("sip header %q may not be sent", clip(name))
	}
	if strings.ContainsAny(value, "\r\n\x00") || len(value) > 1024 {
		return Header{}, fmt.Errorf("sip header %s: its value has a line break or is over 1024 bytes", name)
	}
	return Header{name, Foreign(value)}, nil
}

// A Template is how the configuration dials: text of the operator's with {number}, {uri}, {username}, {realm} in it,
// such as "sofia/gateway/carrier/{number}".
type Template struct{ s string }

var placeholder = regexp.MustCompile(`\{([a-z_]*)\}`)

// ParseTemplate takes a template from configuration; allowed names its placeholders. One endpoint only: what separates
// legs or sets variables is refused, so that one entry is one leg.
func ParseTemplate(s string, allowed ...string) (Template, error) {
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		ok := false
		for _, a := range allowed {
			ok = ok || a == m[1]
		}
		if !ok {
			return Template{}, fmt.Errorf("dial template %q: {%s} is unknown, of use are {%s}", s, m[1], strings.Join(allowed, "}, {"))
		}
	}
	rest := placeholder.ReplaceAllString(s, "")
	if s == "" || !strings.Contains(s, "/") || !only(rest, "/@:._-+*#;=%") {
		return Template{}, fmt.Errorf("dial template %q: letters, digits and / @ : . _ - + * # ; = %% and placeholders may be used", s)
	}
	return Template{s}, nil
}

// IsZero tells that there is no template.
func (t Template) IsZero() bool { return t.s == "" }

// Number fills {number} in.
func (t Template) Number(n Number) Endpoint {
	return Endpoint{address: strings.ReplaceAll(t.s, "{number}", n.word())}
}

// URI fills {uri} in; the address's headers go to the leg.
func (t Template) URI(u SIPURI) Endpoint {
	return Endpoint{address: strings.ReplaceAll(t.s, "{uri}", u.word()), Headers: u.Headers}
}

// User fills {username} and {realm} in.
func (t Template) User(username, realm Number) Endpoint {
	return Endpoint{address: strings.NewReplacer("{username}", username.word(), "{realm}", realm.word()).Replace(t.s)}
}

// clip shortens foreign text for an error.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func sortedHeaders(headers []Header) []Header {
	list := append([]Header(nil), headers...)
	sort.SliceStable(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}
