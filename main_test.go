package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fspivot": func() { os.Exit(run()) }})
}

// The scripts run the commands as a user does. Beside testscript's own words there is
//
//	webapp    serves the script's files by their names, TwiML unless they end in .json, sets $WEB, lets pivot ask it
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			root, err := os.Getwd()
			if err != nil {
				return err
			}
			e.Setenv("ROOT", root)
			return os.MkdirAll(filepath.Join(e.WorkDir, "configs", "accounts", "demo", "callflows"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"webapp": webapp},
	})
}

func webapp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: webapp")
	}
	dir := ts.MkAbs(".")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := os.ReadFile(filepath.Join(dir, filepath.Base(r.URL.Path)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		if strings.HasSuffix(r.URL.Path, ".json") {
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(string(body), "$WEB", "http://"+r.Host))
	}))
	ts.Defer(server.Close)
	ts.Setenv("WEB", server.URL)
	ts.Setenv("FSPIVOT_PIVOT_ALLOWED", strings.TrimPrefix(server.URL, "http://"))
}
