package esl

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The kernel is told to notice a dead switch, whether or not a command is on its way to it.
func TestNoticeDeath(t *testing.T) {
	t.Parallel()
	conn, _ := loopback(t)
	noticeDeath(conn)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	type options struct{ KeepAlive, Idle, Interval, Count, Unacknowledged int }
	var got options
	if err := raw.Control(func(fd uintptr) {
		for _, o := range []struct {
			level, name int
			value       *int
		}{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, &got.KeepAlive},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, &got.Idle},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, &got.Interval},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, &got.Count},
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, &got.Unacknowledged},
		} {
			if *o.value, err = unix.GetsockoptInt(int(fd), o.level, o.name); err != nil {
				t.Error(err)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(options{KeepAlive: 1, Idle: 15, Interval: 5, Count: 3, Unacknowledged: 30000}, got); diff != "" {
		t.Errorf("socket options in seconds and, the last, milliseconds (-want +got):\n%s", diff)
	}
}
