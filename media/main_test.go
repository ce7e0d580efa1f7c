package media

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// caller waits as a channel does, until it hangs up.
type caller struct{ gone chan struct{} }

// lacking is a caller whose switch has no speech engine until it is loaded.
type lacking struct {
	caller
	asked  *[]string
	loaded *bool
	err    error
}

func (l lacking) HasModule(_ context.Context, name string) (bool, error) {
	*l.asked = append(*l.asked, name)
	return *l.loaded, l.err
}

func (caller) HasModule(context.Context, string) (bool, error) { return true, nil }
func (caller) SwitchID() string                                { return "switch1" }

func (c caller) WaitFor(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-c.gone:
		return dialplan.ErrGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// documents are those of accounts, by "account/id".
type documents map[string]map[string]any

func (d documents) Document(account, collection, id string) (map[string]any, bool) {
	doc, ok := d[account+"/"+id]
	return doc, ok && collection == "media"
}

// newLibrary makes a library in a folder of the test's own; set changes its configuration.
func newLibrary(t *testing.T, set func(*Config)) *Library {
	t.Helper()
	policy, err := egress.NewPolicy([]string{"127.0.0.9/32"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := egress.NewClient(egress.Config{Policy: policy, Version: "test"})
	t.Cleanup(client.Close)
	dir := t.TempDir()
	c := Config{Dir: filepath.Join(dir, "media"), Recordings: filepath.Join(dir, "recordings"),
		Voice:   dialplan.Voice{Engine: "flite", Name: "slt"},
		BaseURL: "http://127.0.0.1:8088", Client: client}
	if err := os.Mkdir(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if set != nil {
		set(&c)
	}
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(0) })
	return l
}

func newCall(l *Library) *Call {
	return &Call{Library: l, Account: "acme", Channel: caller{make(chan struct{})}, Timeline: timeline.New(),
		Language: "de-de"}
}

// put makes a file with the folders above it.
func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustURL(t *testing.T, raw string) *egress.URL {
	t.Helper()
	u, err := egress.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// records are what a timeline tells, each as "kind code: text".
func records(c *Call) []string {
	var list []string
	for _, r := range c.Timeline.Records() {
		text := string(r.Kind)
		if code := r.Fields["code"]; code != "" {
			text += " " + code
		}
		list = append(list, text+": "+r.Text)
	}
	return list
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
