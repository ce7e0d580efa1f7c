package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// flow is a callflow that answers to numbers.
func flow(name string, numbers ...string) string {
	body, err := json.Marshal(map[string]any{"name": name, "numbers": numbers,
		"flow": map[string]any{"module": "hangup", "data": map[string]any{}, "children": map[string]any{}}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// files makes files in a folder of the test's own; "" removes one.
func files(t *testing.T, dir string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		name = filepath.Join(dir, name)
		if content == "" {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shown is what is served of an account: documents as "collection/id", callflows with their names, numbers with their
// callflows.
func shown(d *Documents, id string) []string {
	a, ok := d.Account(id)
	if !ok {
		return nil
	}
	list := []string{"realm " + a.Realm()}
	for collection, docs := range a.Documents {
		for id, doc := range docs {
			list = append(list, fmt.Sprintf("%s/%s %v", collection, id, doc["name"]))
		}
	}
	for id, f := range a.Callflows {
		list = append(list, "flow "+id+" "+f.Name)
	}
	for _, number := range []string{"2000", "2001", "2002", "2030"} {
		if m, ok := a.Numbers.Find(number, true); ok {
			list = append(list, number+" is "+m.Flow.ID+" "+m.Flow.Name)
		}
	}
	slices.Sort(list)
	return list
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// told is an error's text, one fault a line, with DIR for the folder.
func told(dir string, err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), dir, "DIR"), "\n")
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	contents := map[string]string{
		"acme/account.json":         `{"name": "Acme", "realm": "Acme.Example", "n": 12345678901234567890}`,
		"acme/callflows/main.json":  flow("Main", "2000", "2001"),
		"acme/callflows/extra.json": flow("Extra", "2030"),
		"empty/README":              "x",
		".git/callflows/x.json":     "not JSON",
		"acme/callflows/.x.json":    "an editor's",
		"acme/callflows/.json":      "an editor's",
		"acme/callflows/x.json~":    "an editor's",
		"acme/callflows/x.txt":      "a note",
		"acme/other/x.json":         "no collection",
		"file.json":                 "no account",
	}
	want := []string{"realm Acme.Example", "flow main Main", "flow extra Extra", "2000 is main Main",
		"2001 is main Main", "2030 is extra Extra",
		"callflows/main Main", "callflows/extra Extra"}
	for _, collection := range Collections {
		if collection == "callflows" {
			continue
		}
		contents["acme/"+collection+"/one.json"] = `{"name": "` + collection + `"}`
		want = append(want, collection+"/one "+collection)
	}
	slices.Sort(want)
	files(t, dir, contents)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "account acme", want, shown(d, "acme"))
	same(t, "account empty", []string{"realm "}, shown(d, "empty"))
	for _, id := range []string{".git", "file", "file.json", "", ".", "..", "acme/callflows", "ACME"} {
		if _, ok := d.Account(id); ok {
			t.Errorf("there is an account %q", id)
		}
	}
	doc, ok := d.Document("acme", "accounts", "acme")
	if number, isNumber := doc["n"].(json.Number); !ok || !isNumber || number != "12345678901234567890" {
		t.Errorf("the account's own document is %v", doc)
	}
	for _, c := range []struct {
		account, collection, id string
		want                    bool
	}{
		{"acme", "media", "one", true}, {"acme", "callflows", "main", true}, {"acme", "media", "two", false},
		{"acme", "other", "x", false}, {"acme", "", "", false},
		{"empty", "media", "one", false}, {"none", "media", "one", false}, {"none", "accounts", "none", false},
		{"acme", "accounts", "empty", false},
		{"empty", "accounts", "empty", true}, {"acme", "media", "../media/one", false},
	} {
		if _, ok := d.Document(c.account, c.collection, c.id); ok != c.want {
			t.Errorf("document %s of %s of account %q: %t", c.id, c.collection, c.account, ok)
		}
	}
}

func TestOpenWithoutFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	d, err := Open(dir)
	same(t, "error", []string{"accounts: there is no folder DIR"}, told(dir, err))
	if _, ok := d.Account("acme"); ok {
		t.Error("there is an account")
	}
	if _, ok := d.AccountOfRealm("x"); ok {
		t.Error("there is a realm")
	}
	file := filepath.Join(t.TempDir(), "file")
	files(t, filepath.Dir(file), map[string]string{"file": "x"})
	if _, err := Open(file); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file as folder: %v", err)
	}
}

// Each fault names file and line; what is good is served. The first load has nothing old to serve.
func TestOpenWithFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files(t, dir, map[string]string{
		"acme/account.json":            `[]`,
		"acme/callflows/good.json":     flow("Good", "2000"),
		"acme/callflows/syntax.json":   "{\n  \"numbers\": [\"2001\"],\n  \"flow\": {,}\n}",
		"acme/callflows/cut.json":      "{\n  \"numbers\": [\"2001\"",
		"acme/callflows/faulty.json":   `{"numbers": ["2002"], "flow": 5}`,
		"acme/callflows/rest.json":     flow("Rest", "2001") + "\n{}",
		"acme/devices/good.json":       `{"name": "Good"}`,
		"acme/devices/null.json":       `null`,
		"acme/devices/text.json":       `"x"`,
		"acme/devices/blank.json":      " \n",
		"acme/devices/huge.json":       `{"x": "` + strings.Repeat("x", maxDocument) + `"}`,
		"acme/devices/just.json":       `{"name": "` + strings.Repeat("x", maxDocument-len(`{"name": ""}`)) + `"}`,
		"acme/devices/deep.json":       strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
		"acme/lists/folder.json/x.txt": "x",
		"acme/users/good.json":         `{"name": "Good"}`,
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "acme/users/pipe.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("none", filepath.Join(dir, "acme/users/dangling.json")); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	got := told(dir, err)
	for i, line := range got {
		if strings.HasPrefix(line, "DIR/acme/devices/deep.json:1: ") {
			got[i] = "DIR/acme/devices/deep.json:1: …" // encoding/json's words
		}
	}
	same(t, "faults", []string{
		"DIR/acme/account.json: is not a JSON object",
		"DIR/acme/callflows/cut.json:2: the JSON object ends too early",
		"DIR/acme/callflows/faulty.json:1: flow: is not an object",
		"DIR/acme/callflows/rest.json:2: there is something behind the JSON object",
		"DIR/acme/callflows/syntax.json:3: invalid character ',' looking for beginning of object key string",
		"DIR/acme/devices/blank.json:2: the JSON object ends too early",
		"DIR/acme/devices/deep.json:1: …",
		fmt.Sprintf("DIR/acme/devices/huge.json: over %d bytes", maxDocument),
		"DIR/acme/devices/null.json: is not a JSON object",
		"DIR/acme/devices/text.json: is not a JSON object",
		"DIR/acme/lists/folder.json: is not a file",
		"stat DIR/acme/users/dangling.json: no such file or directory",
		"DIR/acme/users/pipe.json: is not a file",
	}, got)
	a, _ := d.Account("acme")
	same(t, "devices", []string{"good", "just"}, slices.Sorted(maps.Keys(a.Documents["devices"])))
	delete(a.Documents["devices"], "just")
	same(t, "served", []string{"2000 is good Good", "callflows/good Good", "devices/good Good", "flow good Good",
		"realm ", "users/good Good"}, shown(d, "acme"))
}

// watched is a folder under Watch in a bubble of virtual time.
type watched struct {
	*Documents
	dir     string
	reports [][]string
	loads   int
}

// watch runs f with a folder that is looked at every second; f calls tick to have it looked at once.
func watch(t *testing.T, contents map[string]string, f func(w *watched, tick func())) {
	t.Helper()
	dir := t.TempDir()
	files(t, dir, contents)
	synctest.Test(t, func(t *testing.T) {
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		w := &watched{Documents: d, dir: dir}
		ctx, cancel := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() {
			d.Watch(ctx, time.Second, func(err error) {
				w.loads++
				w.reports = append(w.reports, told(dir, err))
			})
		})
		f(w, func() {
			<-time.After(time.Second)
			synctest.Wait()
		})
		cancel()
		watching.Wait()
	})
}

func TestWatch(t *testing.T) {
	t.Parallel()
	watch(t, map[string]string{
		"acme/account.json":         `{"realm": "one.example"}`,
		"acme/callflows/main.json":  flow("Main", "2000"),
		"acme/callflows/extra.json": flow("Extra", "2030"),
		"acme/devices/d.json":       `{"name": "D", "sip": {"username": "alice"}}`,
	}, func(w *watched, tick func()) {
		first := shown(w.Documents, "acme")
		before, _ := w.Account("acme")
		tick()
		tick()
		same(t, "reports without a change", 0, w.loads)

		// What becomes invalid stays what it was, and the reason is told once.
		files(t, w.dir, map[string]string{
			"acme/account.json":        `{"realm": `,
			"acme/callflows/main.json": `{"numbers": ["2000", "2002"], "flow": 5}`,
			"acme/devices/d.json":      `nothing`,
		})
		tick()
		same(t, "served", first, shown(w.Documents, "acme"))
		tick()
		same(t, "reports", [][]string{{
			"DIR/acme/account.json:1: the JSON object ends too early",
			"DIR/acme/callflows/main.json:1: flow: is not an object",
			"DIR/acme/devices/d.json:1: invalid character 'o' in literal null (expecting 'u')",
		}}, w.reports)
		if id, _, ok := mustAccount(t, w.Documents, "acme").Device("alice"); !ok || id != "d" {
			t.Error("the device is not found any more")
		}
		if _, ok := w.AccountOfRealm("one.example"); !ok {
			t.Error("the realm is not found any more")
		}

		// Another change while they are invalid: they still stay, and are told of again.
		files(t, w.dir, map[string]string{"acme/callflows/new.json": flow("New", "2001")})
		tick()
		same(t, "served", sorted(append([]string{"2001 is new New", "callflows/new New", "flow new New"}, first...)),
			shown(w.Documents, "acme"))
		same(t, "reports", 2, w.loads)
		same(t, "report", 3, len(w.reports[1]))

		// Mended, and one gone.
		files(t, w.dir, map[string]string{
			"acme/account.json":         `{"realm": "two.example"}`,
			"acme/callflows/main.json":  flow("Mended", "2002"),
			"acme/callflows/extra.json": "",
			"acme/devices/d.json":       `{"name": "E"}`,
		})
		tick()
		same(t, "served", []string{"2001 is new New", "2002 is main Mended", "callflows/main Mended",
			"callflows/new New", "devices/d E",
			"flow main Mended", "flow new New", "realm two.example"}, shown(w.Documents, "acme"))
		same(t, "report", []string(nil), w.reports[2])
		if _, ok := w.AccountOfRealm("one.example"); ok {
			t.Error("the old realm is found")
		}
		if _, _, ok := mustAccount(t, w.Documents, "acme").Device("alice"); ok {
			t.Error("the old device is found")
		}

		// A call that has the old account goes on with it.
		if m, ok := before.Numbers.Find("2000", true); !ok || m.Flow.Name != "Main" || before.Realm() != "one.example" {
			t.Error("an account was changed under a call")
		}
	})
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

func mustAccount(t *testing.T, d *Documents, id string) *Account {
	t.Helper()
	a, ok := d.Account(id)
	if !ok {
		t.Fatalf("there is no account %s", id)
	}
	return a
}

// What counts as a change.
func TestWatchSees(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		want   int // loads
	}{
		"same size, other time": {func(t *testing.T, dir string) {
			name := filepath.Join(dir, "acme/callflows/main.json")
			files(t, dir, map[string]string{"acme/callflows/main.json": flow("Niam", "2000")})
			touch(t, name, time.Now().Add(time.Hour))
		}, 1},
		"new account": {func(t *testing.T, dir string) {
			files(t, dir,
				map[string]string{"new/account.json": `{}`})
		}, 1},
		"new account, empty": {func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, "new"), 0o755)) },
			1},
		"account gone": {func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, "acme"))) }, 1},
		"account renamed": {func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "acme"), filepath.Join(dir, "emca")))
		}, 1},
		"new document": {func(t *testing.T, dir string) { files(t, dir, map[string]string{"acme/media/x.json": `{}`}) },
			1},
		"all gone": {func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, 1},
		"file of no collection": {func(t *testing.T, dir string) {
			files(t, dir, map[string]string{"acme/other/x.json": `{}`, "acme/note": "x"})
		}, 0},
		"hidden file": {func(t *testing.T, dir string) {
			files(t, dir, map[string]string{"acme/media/.x.json": `{}`, ".x/account.json": `{}`})
		}, 0},
		"not JSON": {func(t *testing.T, dir string) { files(t, dir, map[string]string{"acme/media/x.json~": `{}`}) },
			0},
		"link to another": {func(t *testing.T, dir string) {
			// As a mounted configuration map changes: the file's link stays, the folder's leads elsewhere.
			must(t, os.Remove(filepath.Join(dir, "..data")))
			must(t, os.Symlink("..two", filepath.Join(dir, "..data")))
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watch(t, map[string]string{"acme/callflows/main.json": flow("Main", "2000"),
				"..one/users/u.json": `{"name": "one"}`, "..two/users/u.json": `{"name": "other"}`},
				func(w *watched, tick func()) {
					must(t, os.Symlink("..one", filepath.Join(w.dir, "..data")))
					must(t, os.MkdirAll(filepath.Join(w.dir, "linked/users"), 0o755))
					must(t, os.Symlink("../../..data/users/u.json", filepath.Join(w.dir, "linked/users/u.json")))
					tick()
					same(t, "linked", []string{"realm ", "users/u one"}, shown(w.Documents, "linked"))
					c.change(t, w.dir)
					tick()
					same(t, "loads", 1+c.want, w.loads)
					if name == "link to another" {
						same(t, "linked", []string{"realm ", "users/u other"}, shown(w.Documents, "linked"))
					}
					if name == "all gone" {
						same(t, "report", []string{"accounts: there is no folder DIR"}, w.reports[1])
						mustAccount(t, w.Documents, "acme") // what was there is served
					}
				})
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func touch(t *testing.T, name string, at time.Time) {
	t.Helper()
	must(t, os.Chtimes(name, at, at))
}

// An account may be a link to a folder elsewhere.
func TestLinkedAccount(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	files(t, elsewhere, map[string]string{"acme/callflows/main.json": flow("Main", "2000")})
	must(t, os.Symlink(filepath.Join(elsewhere, "acme"), filepath.Join(dir, "acme")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	d, err := Open(dir)
	must(t, err)
	same(t, "served", []string{"2000 is main Main", "callflows/main Main", "flow main Main", "realm "},
		shown(d, "acme"))
	if _, ok := d.Account("dangling"); ok {
		t.Error("there is an account of a dangling link")
	}
}

// A folder name is no pattern.
func TestFolderNameWithBrackets(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "acc[ount]*s?")
	files(t, dir, map[string]string{"a[c]me/callflows/main.json": flow("Main", "2000")})
	d, err := Open(dir)
	must(t, err)
	same(t, "served", []string{"2000 is main Main", "callflows/main Main", "flow main Main", "realm "},
		shown(d, "a[c]me"))
}

// A collection that cannot be listed keeps its documents.
func TestCollectionThatCannotBeRead(t *testing.T) {
	t.Parallel()
	watch(t, map[string]string{"acme/callflows/main.json": flow("Main", "2000"), "acme/users/u.json": `{"name": "U"}`},
		func(w *watched, tick func()) {
			first := shown(w.Documents, "acme")
			for _, collection := range []string{"callflows", "users"} {
				must(t, os.RemoveAll(filepath.Join(w.dir, "acme", collection)))
				files(t, w.dir, map[string]string{"acme/" + collection: "a file in the folder's place"})
			}
			tick()
			same(t, "served", first, shown(w.Documents, "acme"))
			same(t, "reports", [][]string{{"open DIR/acme/callflows: not a directory",
				"open DIR/acme/users: not a directory"}}, w.reports)
		})
}

// Two claims to one thing: the first has it, always the same, and the fault names both.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	contents := map[string]string{
		"one/account.json":        `{"realm": "same.example"}`,
		"two/account.json":        `{"realm": "SAME.example."}`,
		"one/callflows/a.json":    flow("A", "2000"),
		"one/callflows/b.json":    flow("B", "2000", "2001"),
		"one/callflows/c.json":    flow("C", "no_match"),
		"one/callflows/d.json":    flow("D", "no_match"),
		"one/devices/x.json":      `{"sip": {"username": "alice"}}`,
		"one/devices/y.json":      `{"sip": {"username": "alice"}}`,
		"two/devices/z.json":      `{"sip": {"username": "alice"}}`,
		"one/devices/nobody.json": `{"sip": {"username": ""}}`,
		"one/devices/number.json": `{"sip": {"username": 7}}`,
		"one/devices/nosip.json":  `{"sip": []}`,
	}
	files(t, dir, contents)
	for range 10 {
		d, err := Open(dir)
		same(t, "faults", []string{
			"account one: number 2000 is in callflow a and in b",
			"no_match is in callflow c and in d",
			`account one: sip.username "alice" is device x's and device y's: calls are the first one's`,
			"realm same.example is account one's and account two's: calls to it are the first one's",
		}, told(dir, err))
		if a, ok := d.AccountOfRealm("same.example"); !ok || a.ID != "one" {
			t.Errorf("the realm is %v's", a)
		}
		one, two := mustAccount(t, d, "one"), mustAccount(t, d, "two")
		if m, ok := one.Numbers.Find("2000", true); !ok || m.Flow.ID != "a" {
			t.Errorf("2000 is %v", m.Flow)
		}
		if m, ok := one.Numbers.Find("2001", true); !ok || m.Flow.ID != "b" {
			t.Errorf("2001 is %v", m.Flow)
		}
		if m, ok := one.Numbers.Find("5555", true); !ok || m.Flow.ID != "c" || !m.NoMatch {
			t.Errorf("5555 is %v", m.Flow)
		}
		if id, doc, ok := one.Device("alice"); !ok || id != "x" || doc == nil {
			t.Errorf("alice of one is %s", id)
		}
		if id, _, ok := two.Device("alice"); !ok || id != "z" {
			t.Errorf("alice of two is %s", id)
		}
		for _, name := range []string{"", "7", "bob", "Alice"} {
			if id, doc, ok := one.Device(name); ok || id != "" || doc != nil {
				t.Errorf("%q is device %q", name, id)
			}
		}
	}
}

func TestAccountOfRealm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files(t, dir, map[string]string{
		"a/account.json": `{"realm": "A.Example"}`, "b/account.json": `{"realm": " b.example. "}`,
		"c/account.json": `{"realm": ""}`, "d/account.json": `{"realm": 5}`,
		"e/callflows/x.json": flow("X", "2000"),
	})
	d, err := Open(dir)
	must(t, err)
	for realm, want := range map[string]string{
		"a.example": "a", "A.EXAMPLE": "a", "a.example.": "a", "b.example": "b", "": "", ".": "", "example": "",
		"x.a.example": "", "c": "",
	} {
		got := ""
		if a, ok := d.AccountOfRealm(realm); ok {
			got = a.ID
		}
		if got != want {
			t.Errorf("realm %q is account %q's, want %q", realm, got, want)
		}
	}
}

// Calls look things up while documents are loaded.
func TestLookUpWhileLoading(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files(t, dir, map[string]string{"acme/account.json": `{"realm": "a.example"}`,
		"acme/callflows/main.json": flow("Main", "2000"), "acme/devices/d.json": `{"sip": {"username": "alice"}}`})
	d, err := Open(dir)
	must(t, err)
	done := make(chan struct{})
	var looking sync.WaitGroup
	for range 4 {
		looking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a, ok := d.AccountOfRealm("a.example")
				if !ok {
					t.Error("the realm is gone")
					return
				}
				if _, _, ok := a.Device("alice"); !ok {
					t.Error("the device is gone")
					return
				}
				if _, ok := d.Document("acme", "callflows", "main"); !ok {
					t.Error("the callflow is gone")
					return
				}
			}
		})
	}
	for range 50 {
		must(t, d.load())
	}
	close(done)
	looking.Wait()
}

// What is delivered can be loaded.
func TestExamples(t *testing.T) {
	t.Parallel()
	d, err := Open("../configs/accounts")
	must(t, err)
	demo := mustAccount(t, d, "demo")
	if m, ok := demo.Numbers.Find("2030", true); !ok || m.Flow.ID != "2030" {
		t.Errorf("2030 of the demo account is %v", m.Flow)
	}
}
