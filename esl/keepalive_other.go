//go:build !linux

package esl

import (
	"net"
	"time"
)

// limitUnacknowledged does nothing where there is no such option: a dead peer is noticed when the kernel gives up.
func limitUnacknowledged(*net.TCPConn, time.Duration) {}
