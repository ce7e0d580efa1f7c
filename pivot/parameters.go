package pivot

import (
	"maps"
	"strconv"

	"fspivot/call"
	"fspivot/egress"
)

// Versions of the parameter sets. Source: pivot.md 6.1.
const (
	kazooVersion = "4.x"
	twimlVersion = "2010-04-01"
)

// Call status words. Source: pivot.md 13; twiml.md 3.2.
const (
	statusRinging    = "ringing"
	statusInProgress = "in-progress"
	statusCompleted  = "completed"
)

// kazooNames are the dashed names that results have in the kazoo format; the others keep theirs. Source: pivot.md 5.4.
var kazooNames = map[string]string{
	"RecordingUrl": "Recording-Url", "RecordingSid": "Recording-ID", "RecordingDuration": "Recording-Duration",
}

// facts are what one request tells of the call.
type facts struct {
	state   *call.State
	status  string            // of the caller's leg
	results map[string]string // of the verb that caused the request: Digits, Dial…, Recording…
	vars    map[string]string // user variables
}

// parameters are the request's, by rank: the call's own names win over results, and those over user variables.
// Source: pivot.md 5.4, 6; twiml.md 3.1.
func parameters(format string, f facts) egress.Params {
	p := egress.Params{}
	for name, value := range f.vars {
		p[name] = value
	}
	for name, value := range f.results {
		if format == formatTwiML {
			p[name] = value
			continue
		}
		p[kazooName(name)] = numeric(name, value)
	}
	_, gathered := f.results["Digits"]
	if !gathered {
		// A user variable cannot stand in for digits that were not collected.
		delete(p, "Digits")
		if len(f.state.Collections) > 0 {
			digits := egress.Params{}
			for name, value := range f.state.Collections {
				digits[name] = value
			}
			p["Digits"] = digits
		}
	}
	if format == formatTwiML {
		maps.Copy(p, twimlParameters(f))
	} else {
		maps.Copy(p, kazooParameters(f))
	}
	return p
}

func kazooName(name string) string {
	if dashed, ok := kazooNames[name]; ok {
		return dashed
	}
	return name
}

// numeric keeps a recording's length a number in a JSON body.
func numeric(name, value string) any {
	if name == "RecordingDuration" {
		if n, err := strconv.Atoi(value); err == nil {
			return n
		}
	}
	return value
}

func kazooParameters(f facts) egress.Params {
	s := f.state
	p := egress.Params{
		"Account-ID":       s.AccountID,
		"Api-Version":      kazooVersion,
		"Call-ID":          s.ID,
		"Call-Status":      f.status,
		"Caller-ID-Name":   s.Name(),
		"Caller-ID-Number": s.Number(),
		"Direction":        direction(s),
		"From":             or(s.From.User, "nouser"),
		"From-Realm":       or(s.From.Host, "norealm"),
		"To":               or(s.To.User, "nouser"),
		"To-Realm":         or(s.To.Host, "norealm"),
		"Language":         or(s.Language, "en-us"),
		"Request":          or(s.Dialled, s.Request.User),
		"Request-Realm":    or(s.Request.Host, "norealm"),
	}
	switch len(s.OwnerIDs) {
	case 0:
	case 1:
		p["User-ID"] = s.OwnerIDs[0]
	default:
		owners := make([]any, len(s.OwnerIDs))
		for i, id := range s.OwnerIDs {
			owners[i] = id
		}
		p["User-ID"] = owners
	}
	if len(s.AppVars) > 0 {
		vars := egress.Params{}
		maps.Copy(vars, s.AppVars)
		p["Custom-Application-Vars"] = vars
	}
	if len(s.SIPHeaders) > 0 {
		headers := egress.Params{}
		for name, value := range s.SIPHeaders {
			headers[name] = value
		}
		p["Custom-SIP-Headers"] = headers
	}
	return p
}

func twimlParameters(f facts) egress.Params {
	s := f.state
	p := egress.Params{
		"AccountSid":   s.AccountID,
		"ApiVersion":   twimlVersion,
		"CallSid":      s.ID,
		"CallStatus":   f.status,
		"CallerName":   s.Name(),
		"CallerNumber": s.Number(),
		"Direction":    direction(s),
		"From":         or(s.From.User, "nouser"),
		"FromRealm":    or(s.From.Host, "norealm"),
		"To":           or(s.To.User, "nouser"),
		"ToRealm":      or(s.To.Host, "norealm"),
		"Caller":       or(s.From.User, "nouser"),
		"Called":       or(s.To.User, "nouser"),
	}
	for name, value := range map[string]string{
		"ForwardedFrom": s.ForwardedFrom, "SipCallId": s.SIPCallID, "SipDomain": s.To.Host, "SipSourceIp": s.SIPSource,
	} {
		if value != "" {
			p[name] = value
		}
	}
	for name, value := range s.SIPHeaders {
		p["SipHeader_"+name] = value
	}
	return p
}

func direction(s *call.State) string { return or(s.Direction, "inbound") }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
