// Package api is the HTTP side: health, and recordings by their address. It has no goroutine of its own. Start reading at
// Handler.ServeHTTP.
package api

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
)

// Handler answers /healthz, /readyz and /v2/accounts/{account}/recordings/{id}[.wav].
type Handler struct {
	Token      string // X-Auth-Token of /v2; "": none is asked for, which the configuration allows on loopback alone
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
		_, _ = w.Write([]byte("ok\n"))
	case clean == "/readyz":
		if h.draining.Load() {
			problem(w, http.StatusServiceUnavailable, "the service is stopping")
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	case strings.HasPrefix(clean, "/v2/"):
		if h.Token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Auth-Token")), []byte(h.Token)) != 1 {
			problem(w, http.StatusUnauthorized, "send the configured http.auth_token as X-Auth-Token")
			return
		}
		h.recording(w, r, strings.Split(strings.TrimPrefix(clean, "/"), "/"))
	default:
		problem(w, http.StatusNotFound, "there is nothing here")
	}
}

// recording serves a file by its id, with ranges. An id is a UUID, so no path can be made of it.
func (h *Handler) recording(w http.ResponseWriter, r *http.Request, parts []string) {
	if len(parts) != 5 || parts[1] != "accounts" || parts[3] != "recordings" {
		problem(w, http.StatusNotFound, "there is nothing here")
		return
	}
	id, err := uuid.Parse(strings.TrimSuffix(parts[4], ".wav"))
	if err != nil || !localName(parts[2]) {
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
	if err != nil {
		problem(w, http.StatusInternalServerError, "the recording cannot be read")
		return
	}
	w.Header().Set("Content-Type", "audio/wav")
	http.ServeContent(w, r, "", info.ModTime(), file)
}

func localName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, `/\`)
}

// problem answers with problem details. Source: RFC 9457.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}
