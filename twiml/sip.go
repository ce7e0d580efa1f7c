package twiml

import (
	"strings"

	"fspivot/dialplan"
)

// SIP is a SIP address to ring, with headers for its INVITE:
//
//	<Sip username="u" password="p">sip:user@example.org:5060;transport=tcp?X-Case=42</Sip>
//
// Headers are X-… and the few that dialplan.ParseHeader takes. Source: twiml.md 4.7.
type SIP struct {
	URI      dialplan.SIPURI
	Username string         // up to 256 letters, digits and + * # . _ - @; "": no credentials
	Password dialplan.Value // without what has a meaning in a dial string
}

func parseSIP(e *element) target {
	e.noElements()
	uri, refused, err := dialplan.ParseSIPURI(strings.TrimSpace(e.text()))
	if err != nil {
		e.problem("13243", "%v: it is left out", err)
		return nil
	}
	for _, name := range refused {
		e.problem("13252", "header %q may not be sent: it is left out", name)
	}
	v := SIP{URI: uri, Username: e.attribute("username")}
	password, _ := e.lookup("password")
	switch {
	case v.Username == "" && password == "":
	case v.Username == "" || !identity(strings.NewReplacer("*", "", "#", "").Replace(v.Username)):
		e.problem("13246", "username=%q can't be sent: the credentials are left out", clip(v.Username))
		v.Username = ""
	case strings.ContainsAny(password, "'\\|[]{}^\r\n\x00") || strings.Contains(password, ":_:") || len(password) > 256:
		e.problem("13246", "the password has characters that can't be sent, or too many: the credentials are left out")
		v.Username = ""
	default:
		v.Password = dialplan.Foreign(password)
	}
	return v
}

func (n SIP) endpoints(s *session) ([]dialplan.Endpoint, error) {
	endpoint, err := s.Routes.SIP(n.URI)
	if err != nil {
		return nil, err
	}
	endpoint.Username, endpoint.Password = n.Username, n.Password
	return []dialplan.Endpoint{endpoint}, nil
}
