package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Policy is which hosts and addresses may be requested. It is checked where a URL is read, and again on the address that
// is really dialled, for every hop of every request. A policy is never changed. Source: pivot.md 18.
type Policy struct {
	hosts    map[string]bool
	networks []netip.Prefix

	allowedHosts    map[string]bool // "host" or "host:port"
	allowedNetworks []netip.Prefix
	allowedPorts    map[netip.AddrPort]bool
}

// always are blocked whatever the configuration says, unless allowed: addresses of this link, where clouds keep their
// metadata service.
var always = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("fd00:ec2::254/128"),
	netip.MustParsePrefix("::/128"),
}

// NewPolicy makes a policy of settings: blocked has networks and host names; allowed opens exceptions for networks, host
// names, and either with a port. Where IPv4's loopback or "this host" is blocked, IPv6's is as well.
func NewPolicy(blocked, allowed []string) (*Policy, error) {
	p := &Policy{hosts: map[string]bool{}, allowedHosts: map[string]bool{}, allowedPorts: map[netip.AddrPort]bool{}}
	var faults []error
	for _, entry := range blocked {
		host, network, _, err := parseEntry(entry, false)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("blocked: %w", err))
		case host != "":
			p.hosts[host] = true
		default:
			p.networks = append(p.networks, network)
			if network.Contains(netip.MustParseAddr("127.0.0.1")) {
				p.networks = append(p.networks, netip.MustParsePrefix("::1/128"))
			}
		}
	}
	p.networks = append(p.networks, always...)
	for _, entry := range allowed {
		host, network, port, err := parseEntry(entry, true)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("allowed: %w", err))
		case host != "":
			p.allowedHosts[joinPort(host, port)] = true
		case port != 0:
			p.allowedPorts[netip.AddrPortFrom(network.Addr(), port)] = true
		default:
			p.allowedNetworks = append(p.allowedNetworks, network)
		}
	}
	return p, errors.Join(faults...)
}

func joinPort(host string, port uint16) string {
	if port == 0 {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

func parseEntry(entry string, ports bool) (host string, network netip.Prefix, port uint16, err error) {
	entry = strings.TrimSpace(entry)
	if strings.Contains(entry, "/") {
		network, err = netip.ParsePrefix(entry)
		if err != nil {
			return "", network, 0, fmt.Errorf("%q is not a network such as 10.0.0.0/8", entry)
		}
		if a := network.Addr(); a.Is4In6() && network.Bits() >= 96 {
			network = netip.PrefixFrom(a.Unmap(), network.Bits()-96)
		}
		return "", network.Masked(), 0, nil
	}
	if _, err := netip.ParseAddr(entry); err == nil {
		return "", network, 0, fmt.Errorf("%q is an address: write it as a network, %s/32 or /128", entry, entry)
	}
	if ap, err := netip.ParseAddrPort(entry); err == nil && ports {
		return "", netip.PrefixFrom(ap.Addr().Unmap(), ap.Addr().Unmap().BitLen()), ap.Port(), nil
	}
	host = entry
	if h, portText, ok := strings.Cut(entry, ":"); ok {
		n, err := strconv.ParseUint(portText, 10, 16)
		if err != nil || !ports || n == 0 {
			return "", network, 0, fmt.Errorf("%q is neither a network nor a host name", entry)
		}
		host, port = h, uint16(n)
	}
	host = canonicalHost(host)
	if !plainHost(host) {
		return "", network, 0, fmt.Errorf("%q is neither a network nor a host name", entry)
	}
	return host, network, port, nil
}

func canonicalHost(host string) string {
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// CheckURL tells what of a URL can be told without asking a name server: blocked names and addresses, odd spellings of
// addresses included.
func (p *Policy) CheckURL(u *URL) error {
	host := canonicalHost(u.u.Hostname())
	port64, _ := strconv.ParseUint(u.port(), 10, 16)
	port := uint16(port64)
	if p.allowedHosts[host] || p.allowedHosts[joinPort(host, port)] {
		return nil
	}
	if address, ok := literal(host); ok {
		return p.wrap(u, p.CheckAddress(netip.AddrPortFrom(address, port)))
	}
	if p.hosts[host] {
		return p.wrap(u, fmt.Errorf("host %s is blocked (pivot.blocked)", host))
	}
	return nil
}

func (p *Policy) wrap(u *URL, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Reason: Blocked, URL: u.Redacted(), Err: err}
}

// CheckAddress tells whether an address may be dialled.
func (p *Policy) CheckAddress(a netip.AddrPort) error {
	address := a.Addr().Unmap().WithZone("")
	if p.allowedPorts[netip.AddrPortFrom(address, a.Port())] || inside(p.allowedNetworks, address) {
		return nil
	}
	if inside(p.networks, address) {
		return fmt.Errorf("address %s is blocked (pivot.blocked; pivot.allowed opens exceptions)", address)
	}
	return nil
}

func inside(networks []netip.Prefix, a netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// literal reads a host that is an address in any spelling that resolvers take: dotted with fewer parts, octal, hex.
func literal(host string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), true
	}
	parts := strings.Split(host, ".")
	if host == "" || len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 33)
		if err != nil && len(part) > 1 && part[0] == '0' {
			n, err = strconv.ParseUint(part, 10, 33)
		}
		if err != nil || strings.Contains(part, "_") || strings.HasPrefix(part, "0b") || strings.HasPrefix(part, "0o") {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			rest := uint(8 * (4 - i))
			if n >= 1<<rest {
				return netip.Addr{}, false
			}
			value = value<<rest | n
		} else {
			if n > 255 {
				return netip.Addr{}, false
			}
			value = value<<8 | n
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// Resolver finds a name's addresses. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// dial connects to an address that was checked: every address of a name is, and one blocked among them is a failure.
// The name is not looked up again between the check and the connection.
func (p *Policy) dial(resolver Resolver) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, portText, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		port64, err := strconv.ParseUint(portText, 10, 16)
		if err != nil {
			return nil, err
		}
		port := uint16(port64)
		name := canonicalHost(host)
		addresses := []netip.Addr{}
		if a, ok := literal(name); ok {
			addresses = append(addresses, a)
		} else if addresses, err = resolver.LookupNetIP(ctx, "ip", host); err != nil {
			return nil, &Error{Reason: DNS, Err: err}
		}
		allowed := p.allowedHosts[name] || p.allowedHosts[joinPort(name, port)]
		for _, a := range addresses {
			if err := p.CheckAddress(netip.AddrPortFrom(a, port)); err != nil && !allowed {
				return nil, &Error{Reason: Blocked, Err: err}
			}
		}
		err = &Error{Reason: DNS, Err: fmt.Errorf("%s has no address", host)}
		for _, a := range addresses {
			var conn net.Conn
			if conn, err = dialer.DialContext(ctx, network, netip.AddrPortFrom(a.Unmap(), port).String()); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
}
