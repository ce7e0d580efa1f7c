package egress

import (
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
	u, err := url.Parse(tidy(raw))
	if err != nil {
		return nil, badURL(raw, unwrapURLError(err))
	}
	return newURL(raw, u)
}

// tidy does to a URL what documents need: line breaks and blanks around it go, blanks in it are encoded.
func tidy(raw string) string {
	raw = strings.Trim(raw, " \t\r\n")
	return strings.NewReplacer("\r", "", "\n", "", "\t", "", " ", "%20").Replace(raw)
}

func badURL(raw string, err error) error {
	shown := raw
	if u, parseErr := url.Parse(tidy(raw)); parseErr == nil {
		shown = u.Redacted()
	} else if at := strings.LastIndexByte(shown, '@'); at >= 0 {
		shown = "…" + shown[at:]
	}
	const most = 120
	if len(shown) > most {
		shown = shown[:most] + "…"
	}
	return &Error{Reason: BadURL, Err: fmt.Errorf("%q: %w", strings.ToValidUTF8(shown, "\uFFFD"), err)}
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
	} else if host, err = idna.Lookup.ToASCII(host); err != nil && !plainHost(strings.ToLower(u.Hostname())) {
		return nil, badURL(raw, fmt.Errorf("host: %w", err))
	} else if err != nil {
		host = strings.ToLower(u.Hostname())
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, badURL(raw, fmt.Errorf("port %s is not between 1 and 65535", port))
		}
		host += ":" + port
	}
	out := &URL{u: *u, user: u.User, fragment: u.EscapedFragment()}
	out.u.Host, out.u.User, out.u.Fragment, out.u.RawFragment = host, nil, "", ""
	if out.u.Path == "" {
		out.u.Path, out.u.RawPath = "/", ""
	}
	out.u.ForceQuery = false
	return out, nil
}

// plainHost lets names through that are used though no registry has them, such as my_server.
func plainHost(host string) bool {
	for _, r := range host {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r) {
			return false
		}
	}
	return host != "" && len(host) <= 253
}

// Resolve takes a reference of a document at u: relative, absolute, or empty for u itself. Credentials are inherited by
// the same origin alone. Source: RFC 3986 5; twiml.md 2.3; pivot.md 12.1.
func (u *URL) Resolve(ref string) (*URL, error) {
	ref = tidy(ref)
	if ref == "" || strings.HasPrefix(ref, "#") {
		same := *u
		same.fragment = strings.TrimPrefix(ref, "#")
		return &same, nil
	}
	r, err := url.Parse(ref)
	if err != nil {
		return nil, badURL(ref, unwrapURLError(err))
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
func (u *URL) Append(name string) (*URL, error) {
	out := *u
	out.u.RawPath = ""
	out.u.Path = strings.TrimSuffix(u.u.Path, "/") + "/" + name
	return &out, nil
}
