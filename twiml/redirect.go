package twiml

import (
	"context"
	"errors"
	"strings"
)

// Redirect goes on with another document when what plays has been heard.
//
//	<Redirect method="POST">next?a=1</Redirect>
//	<Redirect>next<Variable key="k" value="v"/></Redirect>
//
// Without a usable URL it is a failed request, never the current document again. Variables are as in Set. It does not
// answer. Source: twiml.md 4.10.
type Redirect struct {
	URL       reference
	Method    string // GET, POST; "": the dialect's default
	Variables []Variable
}

func parseRedirect(e *element) verb {
	v := &Redirect{
		URL:       e.reference(strings.TrimSpace(e.text()), "Redirect"),
		Method:    e.method("method", "13710"),
		Variables: parseVariables(e, "Redirect"),
	}
	if v.URL.url == "" {
		v.URL.invalid = e.fault("11100", errors.New("Redirect has no URL"))
		e.problem("11100", "Redirect has no URL")
	}
	return v
}

func (v *Redirect) run(ctx context.Context, s *session) (outcome, error) {
	s.set(v.Variables)
	if err := s.drain(ctx); err != nil {
		return next, err
	}
	return request(s.action(v.URL, v.Method, nil)), nil
}
