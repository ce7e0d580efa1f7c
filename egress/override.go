package egress

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// When is a set of failures after which a request is sent again.
type When uint8

// The failures.
const (
	NoConnection When = 1 << iota // "ct": none came about, in time, or it was lost before a byte of an answer
	Silence                       // "rt": no byte of an answer within ReadTime
	Status4xx                     // "4xx"
	Status5xx                     // "5xx"
)

var policies = map[string]When{
	"ct": NoConnection, "rt": Silence, "4xx": Status4xx, "5xx": Status5xx,
	"all": NoConnection | Silence | Status4xx | Status5xx,
}

const maxOverrides = 16 // settings in a fragment that are read

// Override makes the request one as its URL's fragment wants it, and tells what of that was not done as written.
//
//	#rc=3&rp=5xx,ct&ct=2000&rt=4000&tt=4500
//
// rc is how often it is sent again, 0-5; rp when: ct, rt, 4xx, 5xx, all, of which ct is meant if there is no rp. In
// milliseconds: ct until there is a connection, 100-10000; rt from there until the answer's first byte, 100-15000; tt
// all in all, 100-15000, which can only shorten Timeout. Out of its bounds, a number is held to them. e and sni, an edge
// and the check of TLS names, change nothing. A fragment without "=" is none of ours. Source: twiml.md 3.6.
func (r *Request) Override() []error {
	if !strings.Contains(r.URL.fragment, "=") {
		return nil
	}
	var problems []error
	problem := func(format string, values ...any) {
		problems = append(problems, fmt.Errorf("connection setting "+format, values...))
	}
	pairs := strings.Split(r.URL.fragment, "&")
	if len(pairs) > maxOverrides {
		problem("number %d and those behind it are left out", maxOverrides+1)
		pairs = pairs[:maxOverrides]
	}
	for _, pair := range pairs {
		key, raw, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(raw)
		if err != nil {
			value = raw
		}
		milliseconds := func(to *time.Duration, most int) {
			if n, ok := bounded(key, value, 100, most, problem); ok {
				*to = time.Duration(n) * time.Millisecond
			}
		}
		switch key {
		case "rc":
			if n, ok := bounded(key, value, 0, 5, problem); ok {
				r.Retries = n
			}
		case "rp":
			var when When
			for _, word := range strings.Split(value, ",") {
				w, ok := policies[strings.ToLower(strings.TrimSpace(word))]
				if !ok {
					problem("rp=%s is none of ct, rt, 4xx, 5xx, all: it is left out", quoted(word))
				}
				when |= w
			}
			if when != 0 {
				r.RetryWhen = when
			}
		case "ct":
			milliseconds(&r.ConnectTime, 10000)
		case "rt":
			milliseconds(&r.ReadTime, 15000)
		case "tt":
			total := r.deadline()
			milliseconds(&total, 15000)
			r.Timeout = min(r.deadline(), total)
		case "e", "sni", "":
		default:
			problem("%s is not known: it is left out", quoted(key))
		}
	}
	return problems
}

// bounded reads a whole number and holds it to its bounds.
func bounded(key, value string, least, most int, problem func(string, ...any)) (int, bool) {
	n, err := strconv.Atoi(value)
	if err != nil {
		problem("%s=%s is no whole number: it is left out", key, quoted(value))
		return 0, false
	}
	if n < least || n > most {
		held := max(least, min(n, most))
		problem("%s=%d is not between %d and %d: %d is used", key, n, least, most, held)
		return held, true
	}
	return n, true
}

// quoted is for records: a fragment may be long.
func quoted(s string) string {
	const most = 20
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}

// overdue is an attempt that took longer than the request's ConnectTime or ReadTime.
type overdue struct {
	connected bool
	limit     time.Duration
}

func (o *overdue) Error() string {
	if o.connected {
		return fmt.Sprintf("no byte of an answer within %s (rt)", o.limit)
	}
	return fmt.Sprintf("no connection within %s (ct)", o.limit)
}
