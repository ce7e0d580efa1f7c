package simswitch

import (
	"strings"
	"time"
)

// Endpoint is how a dialled party behaves. The zero value answers at once and stays.
type Endpoint struct {
	Rings      bool          // 180 comes at once
	EarlyMedia bool          // 183 comes at once
	After      time.Duration // from the dial to its answer or refusal; below 0: it never does either
	Refuses    string        // hangup cause with which it refuses; "": it answers
	SIP        int           // SIP status of the refusal; 0: none came
	Stays      time.Duration // from its answer to its hangup; 0: it does not hang up
	Presses    string        // keys after its answer, as for Phone.Press
}

// DefaultEndpoints goes by the last four digits of the dialled number or user:
//
//	9001 answers at once, hangs up after 3 s      8404 UNALLOCATED_NUMBER, sip:404
//	9002 answers at once, stays                   8486 USER_BUSY, sip:486
//	9003 rings for 2 s, answers, stays            8503 NORMAL_TEMPORARY_FAILURE, sip:503
//	8480 rings for ever                           8603 CALL_REJECTED, sip:603
//
// Any other refuses the connection: NORMAL_TEMPORARY_FAILURE, sip:503.
func DefaultEndpoints(dialString string) Endpoint {
	number := dialledNumber(dialString)
	switch number[max(0, len(number)-4):] {
	case "9001":
		return Endpoint{Stays: 3 * time.Second}
	case "9002":
		return Endpoint{}
	case "9003":
		return Endpoint{Rings: true, After: 2 * time.Second}
	case "8480":
		return Endpoint{Rings: true, After: -1}
	case "8404":
		return Endpoint{Refuses: "UNALLOCATED_NUMBER", SIP: 404}
	case "8486":
		return Endpoint{Refuses: "USER_BUSY", SIP: 486}
	case "8603":
		return Endpoint{Refuses: "CALL_REJECTED", SIP: 603}
	}
	return Endpoint{Refuses: "NORMAL_TEMPORARY_FAILURE", SIP: 503}
}

// dialledNumber is the number or user of one leg: sofia/gateway/carrier/15551234, user/ann@example.com,
// sofia/external/sip:ann@example.com:5060.
func dialledNumber(dialString string) string {
	number := dialString[strings.LastIndexByte(dialString, '/')+1:]
	number, _, _ = strings.Cut(number, "@")
	number, _, _ = strings.Cut(number, ";")
	return strings.TrimPrefix(strings.TrimPrefix(number, "sips:"), "sip:")
}
