// Package api is the HTTP side: health, and recordings by their address. It has no goroutine of its own. Start reading at
// Handler.ServeHTTP.
package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
)

// Handler answers /healthz, /readyz and /v2/accounts/{account}/recordings/{id}[.wav].
type Handler struct {
	// Token is X-Auth-Token of /v2. "": none is asked for, which the configuration allows on loopback alone; then only
	// requests to a loopback host are served, so that no web page can have a browser here ask in its own name.
	Token      string
	Recordings string // folder: <account>/<id>.wav

	draining atomic.Bool
}

// Drain has /readyz say that no more calls should come.
func (h *Handler) Drain() { h.draining.Store(true) }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, http.StatusMethodNotAllowed, "only GET and HEAD are served here")
		return
	}
	switch clean := path.Clean(r.URL.Path); {
	case clean == "/healthz":
		plain(w, "ok\n")
	case clean == "/readyz":
		if h.draining.Load() {
			problem(w, http.StatusServiceUnavailable, "the service is stopping")
			return
		}
		plain(w, "ready\n")
	case strings.HasPrefix(clean+"/", "/v2/"):
		switch {
		case h.Token == "" && !loopback(r.Host):
			problem(w, http.StatusMisdirectedRequest, "without http.auth_token only localhost is served")
			return
		case h.Token != "" && !equal(r.Header.Get("X-Auth-Token"), h.Token):
			w.Header().Set("WWW-Authenticate", `X-Auth-Token realm="fspivot"`)
			problem(w, http.StatusUnauthorized, "send the configured http.auth_token as X-Auth-Token")
			return
		}
		h.recording(w, r, strings.Split(strings.TrimPrefix(clean, "/"), "/"))
	default:
		problem(w, http.StatusNotFound, "there is nothing here")
	}
}

// equal compares in a time that tells nothing of the token, its length included.
func equal(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// loopback tells whether a request's Host is this machine's own. A page that had its name's address changed to ours
// still asks by its name. Without a Host it was no browser.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	address, err := netip.ParseAddr(host)
	return host == "" || strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

// recording serves a file by its id, with ranges. An id is a UUID, so no path can be made of it.
func (h *Handler) recording(w http.ResponseWriter, r *http.Request, parts []string) {
	if len(parts) != 5 || parts[1] != "accounts" || parts[3] != "recordings" {
		problem(w, http.StatusNotFound, "there is nothing here")
		return
	}
	name := strings.TrimSuffix(parts[4], ".wav")
	id, err := uuid.Parse(name)
	if err != nil || !strings.EqualFold(id.String(), name) || !localName(parts[2]) { // uuid takes other spellings too
		problem(w, http.StatusNotFound, "there is no such recording")
		return
	}
	root, err := os.OpenRoot(h.Recordings)
	if err != nil {
		problem(w, http.StatusNotFound, "there are no recordings")
		return
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(path.Join(parts[2], id.String()+".wav"))
	if err != nil {
		problem(w, http.StatusNotFound, "there is no such recording")
		return
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		problem(w, http.StatusNotFound, "there is no such recording")
		return
	}
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Cache-Control", "private")
	http.ServeContent(w, r, "", info.ModTime(), file)
}

func localName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, `/\`)
}

// plain answers what changes at any moment.
func plain(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text))
}

// problem answers with problem details. Source: RFC 9457.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}
