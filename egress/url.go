package egress

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// URL is an http or https address that may be requested, as far as its form goes. Credentials and fragment are kept
// aside: String never shows them, and neither goes on the wire. A URL is never changed.
type URL struct {
	u        url.URL // without userinfo and fragment
	user     *url.Userinfo
	fragment string
}

// ParseURL takes an absolute http or https address from foreign text. Blanks around it are dropped, blanks in it are
// encoded. Source: pivot.md 3; twiml.md 1.2.
func ParseURL(raw string) (*URL, error) {
	u, err := parseURL(raw)
	if err != nil {
		return nil, err
	}
	return newURL(raw, u)
}

// tidy does to a URL what documents need: line breaks and blanks around it go; blanks in it, and letters that are not
// ASCII, are encoded.
func tidy(raw string) string {
	const upper = "0123456789ABCDEF"
	raw = strings.Trim(raw, " \t\r\n")
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\r' || c == '\n' || c == '\t':
		case c == ' ' || c >= 0x80:
			b.WriteByte('%')
			b.WriteByte(upper[c>>4])
			b.WriteByte(upper[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Shown makes text that was meant as a URL fit for logs: nothing in front of its last "@" is shown, since it could be a
// password, wherever the faults of the text have put it. At most 120 bytes are.
func Shown(raw string) string {
	const most = 120
	if at := strings.LastIndexByte(raw, '@'); at >= 0 {
		raw = "…" + raw[at:]
	}
	if len(raw) > most {
		raw = raw[:most] + "…"
	}
	return strings.ToValidUTF8(raw, "\uFFFD")
}

func badURL(raw string, err error) error {
	return &Error{Reason: BadURL, Err: fmt.Errorf("%q: %w", Shown(raw), err)}
}

// parseURL is url.Parse, whose errors quote what they stumbled over: that may be a piece of the password.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(tidy(raw))
	switch {
	case err == nil:
		return u, nil
	case strings.Contains(raw, "@"):
		return nil, badURL(raw, errors.New("it cannot be read; characters such as / ? # % in a password must be encoded"))
	}
	return nil, badURL(raw, unwrapURLError(err))
}

func unwrapURLError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func newURL(raw string, u *url.URL) (*URL, error) {
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, badURL(raw, errors.New("the scheme must be http or https"))
	}
	if u.Opaque != "" || u.Host == "" || u.Hostname() == "" {
		return nil, badURL(raw, errors.New("there is no host"))
	}
	host := strings.ToLower(u.Hostname())
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return nil, badURL(raw, errors.New("an address with a zone may not be asked"))
		}
		host = a.String()
		if a.Is6() {
			host = "[" + host + "]"
		}
	} else if strings.HasPrefix(u.Host, "[") {
		return nil, badURL(raw, errors.New("the host is no IPv6 address"))
	} else if host, err = asciiHost(host); err != nil {
		return nil, badURL(raw, fmt.Errorf("host: %w", err))
	}
	if port := u.Port(); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return nil, badURL(raw, fmt.Errorf("port %s is not between 1 and 65535", port))
		}
		host += ":" + strconv.Itoa(n)
	}
	out := &URL{u: *u, user: u.User, fragment: u.EscapedFragment()}
	if _, hasPassword := u.User.Password(); !hasPassword && u.User.Username() == "" {
		out.user = nil
	}
	out.u.Host, out.u.User, out.u.Fragment, out.u.RawFragment = host, nil, "", ""
	out.u.RawQuery = encodeQuery(u.RawQuery)
	if out.u.Path == "" {
		out.u.Path, out.u.RawPath = "/", ""
	}
	out.u.ForceQuery = false
	return out, nil
}

// asciiHost gives the form of a name that name servers know. Names that no registry has, such as my_server, stay.
func asciiHost(host string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil {
		if !plainHost(host) {
			return "", err
		}
		ascii = host
	}
	labels := strings.Split(strings.TrimSuffix(ascii, "."), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("%q has a part of no or over 63 characters", Shown(ascii))
		}
	}
	if len(ascii) > 253 {
		return "", errors.New("the name has over 253 characters")
	}
	return ascii, nil
}

// encodeQuery encodes what has no place in a query and strict servers refuse; escapes that are there stay.
func encodeQuery(query string) string {
	for _, c := range `"<>\^{|}` + "`" {
		query = strings.ReplaceAll(query, string(c), fmt.Sprintf("%%%02X", c))
	}
	return query
}

// plainHost lets names through that are used though no registry has them, such as my_server.
func plainHost(host string) bool {
	for _, r := range host {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r) {
			return false
		}
	}
	return host != ""
}

// Resolve takes a reference of a document at u: relative, absolute, or empty for u itself. Credentials are inherited by
// the same origin alone. Source: RFC 3986 5; twiml.md 2.3; pivot.md 12.1.
func (u *URL) Resolve(ref string) (*URL, error) {
	r, err := parseURL(ref)
	if err != nil {
		return nil, err
	}
	if *r == (url.URL{Fragment: r.Fragment, RawFragment: r.RawFragment}) { // also where RFC 3986 would tidy u's path
		same := *u
		same.fragment = r.EscapedFragment()
		return &same, nil
	}
	out, err := newURL(ref, u.u.ResolveReference(r))
	if err != nil {
		return nil, err
	}
	if r.User != nil {
		out.user = r.User
	} else if out.SameOrigin(u) {
		out.user = u.user
	}
	return out, nil
}

// String is the address as it is requested: no credentials, no fragment.
func (u *URL) String() string { return u.u.String() }

// Redacted is String: there is nothing in it to hide. Logs and records use it.
func (u *URL) Redacted() string { return u.u.String() }

// Fragment is what stood behind #, still encoded: settings of the connection, never sent. Source: twiml.md 3.6.
func (u *URL) Fragment() string { return u.fragment }

// SameOrigin tells whether scheme, host and port are equal.
func (u *URL) SameOrigin(o *URL) bool {
	return o != nil && u.u.Scheme == o.u.Scheme && u.u.Hostname() == o.u.Hostname() && u.port() == o.port()
}

func (u *URL) port() string {
	switch {
	case u.u.Port() != "":
		return u.u.Port()
	case u.u.Scheme == "https":
		return "443"
	}
	return "80"
}

// WithQuery gives u with encoded parameters behind its own query. Source: pivot.md 3.
func (u *URL) WithQuery(encoded string) *URL {
	out := *u
	out.u.RawQuery = AppendQuery(u.u.RawQuery, encoded)
	return &out
}

// Append gives u with a name at the end of its path; a query stays behind it. Source: twiml.md 5.1.
func (u *URL) Append(name string) *URL {
	out := *u
	out.u.RawPath = strings.TrimSuffix(u.u.EscapedPath(), "/") + "/" + url.PathEscape(name)
	out.u.Path = strings.TrimSuffix(u.u.Path, "/") + "/" + name
	return &out
}

// CacheKey tells apart what may be answered differently, by address and credentials, and shows neither: 64 hex digits.
func (u *URL) CacheKey() string {
	sum := sha256.Sum256([]byte(u.user.String() + "@" + u.String()))
	return hex.EncodeToString(sum[:])
}
