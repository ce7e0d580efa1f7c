package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
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

// always are blocked whatever the configuration says, unless allowed: addresses of this link and others at which clouds
// keep their metadata service.
var always = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::/128"),
	netip.MustParsePrefix("fd00:ec2::254/128"), netip.MustParsePrefix("fd20:ce::254/128"), // Amazon, Google
	netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("168.63.129.16/32"), // Alibaba, Azure
}

// nat64 holds addresses that a gateway makes IPv4 of. Source: RFC 6052.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// NewPolicy makes a policy of settings: blocked has networks and host names; allowed opens exceptions for networks, host
// names, and an address or host name with a port. A host name that is allowed may have any address. Where IPv4's loopback
// is blocked, IPv6's is as well. The error joins one for each entry that is wrong.
func NewPolicy(blocked, allowed []string) (*Policy, error) {
	p := &Policy{hosts: map[string]bool{}, allowedHosts: map[string]bool{}, allowedPorts: map[netip.AddrPort]bool{}}
	var faults []error
	for _, entry := range blocked {
		host, network, _, err := parseEntry(entry, false)
		switch {
		case err != nil:
			faults = append(faults, err)
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
			faults = append(faults, err)
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
	if a, ok := literal(canonicalHost(entry)); ok {
		return "", network, 0, fmt.Errorf("%q is an address: write it as a network, %s/%d", entry, a, a.BitLen())
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
	host, err = asciiHost(canonicalHost(host))
	if err != nil {
		return "", network, 0, fmt.Errorf("%q is neither a network nor a host name", entry)
	}
	if _, ok := literal(host); ok {
		return "", network, 0, fmt.Errorf("%q is an address in a spelling that is not taken here", entry)
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
	if nat64.Contains(address) {
		if b := address.As16(); inside(p.networks, netip.AddrFrom4([4]byte(b[12:]))) {
			return fmt.Errorf("address %s is blocked, it stands for an IPv4 address that is (pivot.blocked)", address)
		}
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

// Limits of a connection. An attempt goes on when its request has given up: net/http may use it for another.
const (
	connectTime  = 10 * time.Second       // of name server and all addresses
	attemptDelay = 250 * time.Millisecond // before the next address is tried beside the last one. Source: RFC 8305 5
	maxAddresses = 16                     // of a name that are tried
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dial connects to an address that was checked: every address of a name is, and one blocked among them is a failure.
// The name is not looked up again between the check and the connection. It ends when closed is.
func (p *Policy) dial(resolver Resolver, closed <-chan struct{}) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, connectTime)
		var watching sync.WaitGroup
		defer watching.Wait()
		defer cancel()
		watching.Go(func() {
			select {
			case <-closed:
				cancel()
			case <-ctx.Done():
			}
		})
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
		if len(addresses) == 0 {
			return nil, &Error{Reason: DNS, Err: fmt.Errorf("%s has no address", host)}
		}
		if !p.allowedHosts[name] && !p.allowedHosts[joinPort(name, port)] {
			for _, a := range addresses {
				if err := p.CheckAddress(netip.AddrPortFrom(a, port)); err != nil {
					return nil, &Error{Reason: Blocked, Err: err}
				}
			}
		}
		return race(ctx, network, addresses[:min(len(addresses), maxAddresses)], port)
	}
}

// race connects to whichever address answers first: the next one is tried when one fails, or beside it after a little
// time. The error is that of the first that failed.
func race(ctx context.Context, network string, addresses []netip.Addr, port uint16) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	var attempts sync.WaitGroup
	results := make(chan result, len(addresses)) // never full
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	start := func(a netip.Addr) {
		attempts.Go(func() {
			conn, err := dialer.DialContext(ctx, network, netip.AddrPortFrom(a.Unmap(), port).String())
			results <- result{conn, err}
		})
	}
	defer func() {
		cancel()
		attempts.Wait()
		close(results)
		for r := range results { // those that came second
			if r.conn != nil {
				_ = r.conn.Close()
			}
		}
	}()
	var first error
	start(addresses[0])
	started, ended := 1, 0
	for ended < len(addresses) {
		var next <-chan time.Time
		if started < len(addresses) {
			next = time.After(attemptDelay)
		}
		select {
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			ended++
			if first == nil {
				first = r.err
			}
			if started < len(addresses) {
				start(addresses[started])
				started++
			}
		case <-next:
			start(addresses[started])
			started++
		}
	}
	return nil, first
}
