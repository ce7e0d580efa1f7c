package egress

import "fmt"

// Reason is why a request failed, from a closed list; it is given where the fault arises.
type Reason string

// The reasons.
const (
	BadURL           Reason = "bad_url"
	Blocked          Reason = "blocked"
	DNS              Reason = "dns"
	Refused          Reason = "refused"
	Unreachable      Reason = "unreachable"
	TLS              Reason = "tls"
	Timeout          Reason = "timeout"
	Reset            Reason = "reset"
	TooManyRedirects Reason = "too_many_redirects"
	BadRedirect      Reason = "bad_redirect"
	TooLarge         Reason = "too_large"
	Truncated        Reason = "truncated"
	Cancelled        Reason = "cancelled"
	Protocol         Reason = "protocol"
	Local            Reason = "local" // a file here that could not be read or written
)

// An Error is a request that got no usable answer.
type Error struct {
	Reason Reason
	URL    string // without credentials
	Err    error
}

func (e *Error) Error() string {
	if e.URL == "" {
		return fmt.Sprintf("%s: %v", e.Reason, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Reason, e.URL, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

var codes = map[Reason]string{
	BadURL: "11100", Blocked: "11100", DNS: "11210", Refused: "11205", Unreachable: "11205", TLS: "11220",
	Timeout: "11200", Reset: "11205",
	TooManyRedirects: "11215", BadRedirect: "11206", TooLarge: "11750", Truncated: "11206", Cancelled: "11200",
	Protocol: "11206",
	Local:    "11200",
}

// Code is the code of debug records. Source: twiml.md, appendix C.
func (e *Error) Code() string { return codes[e.Reason] }
