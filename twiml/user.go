package twiml

import (
	"strings"

	"fspivot/dialplan"
)

// User is somebody of the account to ring: <User>id</User>, <Device>id</Device>, <Client>name</Client>. An id has up to
// 256 letters, digits and _ - . @ +. Routes knows its endpoints. Source: twiml.md 4.7.
type User struct{ ID string }

func parseUser(e *element) target {
	id := strings.TrimSpace(e.text())
	for _, child := range e.children() {
		switch child.name() {
		case "Identity":
			id = strings.TrimSpace(child.text())
		case "Parameter":
			child.problem("13750", "Parameter is not supported yet: it is ignored")
		default:
			child.problem("12200", "%s is not known inside %s: it is skipped", clip(child.name()), e.name())
		}
	}
	if !identity(id) {
		e.problem("13224", "%q is no id: it is left out", clip(id))
		return nil
	}
	return User{id}
}

func identity(s string) bool {
	for _, r := range s {
		if r > 'z' || !isWord(byte(r)) && !strings.ContainsRune("_-.@+", r) {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

func (n User) endpoints(s *session) ([]dialplan.Endpoint, error) { return s.Routes.User(n.ID) }
