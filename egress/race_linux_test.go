package egress

import (
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// deaf listens on an address whose queue of connections is full: whoever connects there hears nothing.
func deaf(t *testing.T, address string, port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: netip.MustParseAddr(address).As4(),
		Port: port}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(address, strconv.Itoa(port)), 50*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the queue takes ten connections")
}

// An address that does not answer, such as an IPv6 address behind a broken router, holds nobody up.
func TestAddressesAreRaced(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", nil)
	port, err := strconv.Atoi(s.port)
	if err != nil {
		t.Fatal(err)
	}
	deaf(t, "127.0.0.9", port)
	for answer, want := range map[string]Reason{
		"127.0.0.9 127.0.0.1":           "",
		"127.0.0.1 127.0.0.9":           "",
		"127.0.0.3 127.0.0.9 127.0.0.1": "", // refused, deaf, good
		"127.0.0.9":                     Timeout,
	} {
		client := newClient(t, mustPolicy(t, nil, nil), &nameServer{answers: map[string][]string{"web.test": {answer}}})
		started := time.Now()
		_, err := client.Do(t.Context(), Request{Method: "GET", URL: mustParse(t, "http://web.test:"+s.port),
			Timeout: time.Second, Retries: 1})
		if got := reasonOf(t, err); got != want {
			t.Errorf("%s: reason %q, want %q, after %s: %v", answer, got, want, time.Since(started), err)
		}
	}
}
