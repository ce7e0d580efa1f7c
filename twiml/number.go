package twiml

import (
	"strings"

	"fspivot/dialplan"
)

// Number is a telephone number to ring: <Number>+15005550002</Number>, or the text of a Dial. Digits, a leading +, *
// and # count; all else in the text is dropped. Source: twiml.md 1.2, 4.7.
type Number struct{ Number dialplan.Number }

// dialled makes a Number of text.
func (e *element) dialled(text string) (Number, bool) {
	var b strings.Builder
	for _, r := range text {
		if r >= '0' && r <= '9' || r == '*' || r == '#' || r == '+' && b.Len() == 0 {
			b.WriteRune(r)
		}
	}
	n, err := dialplan.ParseNumber(b.String())
	if err != nil || b.String() == "+" {
		e.problem("13223", "%q is no number: it is left out", clip(strings.TrimSpace(text)))
		return Number{}, false
	}
	return Number{n}, true
}

func (n Number) endpoints(s *session) ([]dialplan.Endpoint, error) {
	endpoint, err := s.Routes.Number(n.Number)
	if err != nil {
		return nil, err
	}
	return []dialplan.Endpoint{endpoint}, nil
}
