package dialplan

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Number is a dialled number or the user part of an address: digits, letters and + * # . _ -, no - in front.
type Number string

// ParseNumber takes a number from foreign text. Blanks and brackets are dropped, and dashes too where the rest is
// digits and a +: "+1 (415) 555-2671".
func ParseNumber(s string) (Number, error) {
	s = strings.NewReplacer(" ", "", "(", "", ")", "").Replace(strings.TrimSpace(s))
	if strings.Trim(s, "0123456789+-") == "" {
		s = strings.ReplaceAll(s, "-", "")
	}
	if s == "" || len(s) > maxUser || !only(s, userMarks) {
		return "", fmt.Errorf("number %q: up to %d digits, letters and + * # . _ - may be used", clip(s), maxUser)
	}
	if s[0] == '-' {
		return "", fmt.Errorf("number %q begins with -, which the switch may read as an option", clip(s))
	}
	return Number(s), nil
}

const (
	maxUser   = 128
	userMarks = "+*#._-"
	invalid   = "invalid"
)

// word is the number, or a word that nobody has as a number where a literal holds something else.
func (n Number) word() string {
	if p, err := ParseNumber(string(n)); err == nil {
		return string(p)
	}
	return invalid
}

// SIPURI is an address that was parsed: user@host[:port][;transport=…], with the headers of its query aside.
type SIPURI struct {
	Secure    bool     // sips:
	User      string   // 1–128 letters, digits and + * # . _ -
	Host      string   // name or address; IPv6 in brackets
	Port      string   // 1–65535; "": the default
	Transport string   // "udp", "tcp", "tls" or ""; always "tls" with Secure
	Headers   []Header // of the query
}

const hostLabel = `[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?`

var (
	hostForm = regexp.MustCompile(`^` + hostLabel + `(\.` + hostLabel + `)*\.?$`)
	portForm = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)
)

// ParseSIPURI takes `sip:user@host[:port][;transport=…][?X-Name=value&…]`, with or without the scheme, from foreign
// text. Parameters other than transport are dropped; a header that may not be sent is left out and named in refused.
// Source: twiml.md 4.7, Sip.
func ParseSIPURI(s string) (uri SIPURI, refused []string, err error) {
	rest := strings.TrimSpace(s)
	if len(rest) > maxURI {
		return uri, nil, fmt.Errorf("sip address of %d bytes, over %d", len(rest), maxURI)
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
		return SIPURI{}, nil, fmt.Errorf("sip address %q has no user@host", clip(s))
	}
	if uri.User, err = url.PathUnescape(user); err != nil || !isUser(uri.User) {
		return SIPURI{}, nil, fmt.Errorf("sip address: user %q: up to %d letters, digits and + * # . _ - may be used",
			clip(user), maxUser)
	}
	if uri.Host, uri.Port, err = parseHost(host); err != nil {
		return SIPURI{}, nil, err
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
		if nameErr != nil || valueErr != nil || headerErr != nil || total >= maxHeaders {
			refused = append(refused, clip(name))
			continue
		}
		uri.Headers = append(uri.Headers, header)
	}
	return uri, refused, nil
}

const (
	maxURI     = 1400 // bytes of an address as it is written
	maxHeaders = 1024 // bytes of the names and values of its headers
)

func isUser(s string) bool { return s != "" && len(s) <= maxUser && only(s, userMarks) }

func parseHost(s string) (host, port string, err error) {
	host, port, hasPort := strings.Cut(s, ":")
	if inner, rest, ok := strings.Cut(strings.TrimPrefix(s, "["), "]"); ok && strings.HasPrefix(s, "[") {
		a, err := netip.ParseAddr(inner)
		if err != nil || a.Zone() != "" || !a.Is6() {
			return "", "", fmt.Errorf("sip address: host %q is no IPv6 address", clip(s))
		}
		host = "[" + a.String() + "]"
		if port, hasPort = strings.CutPrefix(rest, ":"); !hasPort && rest != "" {
			return "", "", fmt.Errorf("sip address: %q stands behind the host", clip(rest))
		}
	} else if len(host) > 253 || !hostForm.MatchString(host) {
		return "", "", fmt.Errorf("sip address: host %q is no host name or address", clip(s))
	}
	if n, err := strconv.Atoi(port); hasPort && (err != nil || n > 65535 || !portForm.MatchString(port)) {
		return "", "", fmt.Errorf("sip address: port %q is not of 1–65535", clip(port))
	}
	return host, port, nil
}

// word is user@host:port;transport=t, made of checked parts again so that a literal can't smuggle others in.
func (u SIPURI) word() string {
	host, port, err := parseHost(u.Host + portSuffix(u.Port))
	if err != nil || !isUser(u.User) {
		return invalid + "@invalid.invalid"
	}
	transport := u.Transport
	if u.Secure {
		transport = "tls"
	}
	s := u.User + "@" + host + portSuffix(port)
	switch transport {
	case "udp", "tcp", "tls":
		s += ";transport=" + transport
	}
	return s
}

func portSuffix(port string) string {
	if port == "" {
		return ""
	}
	return ":" + port
}

func (u SIPURI) scheme() string {
	if u.Secure {
		return "sips:"
	}
	return "sip:"
}

// String is the address as ParseSIPURI takes it.
func (u SIPURI) String() string {
	s := u.scheme() + u.word()
	for i, h := range u.Headers {
		s += string("?&"[min(i, 1)]) + url.QueryEscape(h.Name) + "=" + url.QueryEscape(h.Value.s)
	}
	return s
}

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
	lower := strings.ToLower(name)
	extension := strings.HasPrefix(lower, "x-") && lower != "x-"
	if len(name) > 64 || !only(name, "-_") || !extension && !sendable[lower] {
		return Header{}, fmt.Errorf("sip header %q may not be sent", clip(name))
	}
	if strings.ContainsAny(value, "\r\n\x00") || len(value) > maxHeaders {
		return Header{}, fmt.Errorf("sip header %s: its value has a line break or is over %d bytes", name, maxHeaders)
	}
	return Header{name, Foreign(value)}, nil
}

// A Template is how the configuration dials: text of the operator's with {number}, {uri}, {username}, {realm} in it,
// such as "sofia/gateway/carrier/{number}". The endpoint of an address that is none, or of a zero Template, can't be
// reached: nothing is dialled for it.
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
			return Template{}, fmt.Errorf("dial template %q: {%s} is unknown, of use are {%s}", s, m[1],
				strings.Join(allowed, "}, {"))
		}
	}
	rest := placeholder.ReplaceAllString(s, "")
	if !strings.Contains(s, "/") || !only(rest, "/@:._-+*#;=%") || strings.Contains(rest, separatesGroups) {
		return Template{}, fmt.Errorf("dial template %q: letters, digits and / @ : . _ - + * # ; = %% and placeholders "+
			"may be used", s)
	}
	return Template{s}, nil
}

// IsZero tells that there is no template.
func (t Template) IsZero() bool { return t.s == "" }

// Number fills {number} in.
func (t Template) Number(n Number) Endpoint { return t.fill("{number}", n.word()) }

// URI fills {uri} in; the address's headers go to the leg.
func (t Template) URI(u SIPURI) Endpoint {
	e := t.fill("{uri}", u.word())
	e.Headers = u.Headers
	return e
}

// User fills {username} and {realm} in.
func (t Template) User(username, realm Number) Endpoint {
	return t.fill("{username}", username.word(), "{realm}", realm.word())
}

// separatesGroups stands between groups of legs, wherever in a dial string it is found. Source: FreeSWITCH 1.10.12
// switch_types.h SWITCH_ENT_ORIGINATE_DELIM.
const separatesGroups = ":_:"

func (t Template) fill(oldNew ...string) Endpoint {
	for _, word := range oldNew {
		if word == invalid || strings.HasPrefix(word, invalid+"@") {
			return Endpoint{}
		}
	}
	address := strings.NewReplacer(oldNew...).Replace(t.s)
	if strings.Contains(address, separatesGroups) || strings.ContainsAny(address, "{}") {
		return Endpoint{}
	}
	return Endpoint{address: address}
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
