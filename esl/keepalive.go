package esl

import (
	"net"
	"time"
)

// silence is how long a switch whose host went away without a word keeps its sessions here.
const silence = 30 * time.Second

// noticeDeath has the kernel end a connection whose peer answers nothing for the time of silence: probes find a dead
// peer while nothing is on its way, the limit on unacknowledged bytes while a command is. Both are best effort.
func noticeDeath(conn *net.TCPConn) {
	_ = conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: silence / 2, Interval: silence / 6, Count: 3})
	limitUnacknowledged(conn, silence)
}
