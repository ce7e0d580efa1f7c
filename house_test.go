package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fspivot/kazoojson"
	"fspivot/twiml"
)

var update = flag.Bool("update", false, "rewrite what is generated in README.md")

const module = "fspivot"

// arrows are the imports that packages may have of one another: they point down only. A new one is a line here, with its
// reason.
var arrows = map[string][]string{
	"":                      {"api", "bench", "config", "demo", "kazoojson", "service", "simswitch", "timeline", "twiml"},
	"api":                   {},
	"bench":                 {"config", "service", "simswitch", "timeline"},
	"call":                  {},
	"config":                {"dialplan", "egress"},
	"demo":                  {"config", "service", "simswitch", "timeline"},
	"dialplan":              {"esl", "timeline"},
	"dialplan/dialplantest": {"dialplan"},
	"egress":                {},
	"esl":                   {},
	"kazoojson":             {"call", "dialplan", "egress", "timeline"}, // egress: what an address is
	"media":                 {"dialplan", "egress", "timeline"},
	"pivot":                 {"call", "dialplan", "egress", "kazoojson", "media", "timeline", "twiml"},
	"scenarios":             {},
	"service":               {"call", "config", "dialplan", "egress", "esl", "kazoojson", "media", "pivot", "store", "timeline", "twiml"},
	"simswitch":             {},
	"store":                 {"kazoojson"}, // callflows are parsed where they are loaded
	"timeline":              {},
	"twiml":                 {"call", "dialplan", "egress", "timeline"}, // egress: what an address is
}

// outside are libraries that one package wraps: their types stay in there.
var outside = map[string]string{
	"github.com/percipia/eslgo":             "esl",
	"github.com/beevik/etree":               "twiml",
	"github.com/hashicorp/go-retryablehttp": "egress",
	"github.com/knadh/koanf":                "config",
	"github.com/alecthomas/kong":            "",
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []listed
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestArrowsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		allowed, ok := arrows[name]
		if !ok {
			t.Errorf("package %s is not in the table of arrows", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if inside, ok := strings.CutPrefix(imported, module+"/"); ok && !slices.Contains(allowed, inside) {
				t.Errorf("%s imports %s: no arrow for it", p.ImportPath, imported)
			}
			for library, owner := range outside {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && name != owner {
					t.Errorf("%s imports %s, which is %s's alone", p.ImportPath, imported, owner)
				}
			}
		}
	}
}

// forbidden are calls that have a better way, and where they may stand all the same.
var forbidden = map[string]struct {
	why string
	may func(file string) bool
}{
	"time.Sleep":         {"wait for what is to happen, or use testing/synctest", inBubble},
	"context.Background": {"contexts come from main", mayBackground},
	"logrus.Info":        {"the package logger is nobody's", func(string) bool { return false }},
	"logrus.Warn":        {"the package logger is nobody's", func(string) bool { return false }},
	"logrus.Error":       {"the package logger is nobody's", func(string) bool { return false }},
	"logrus.WithField":   {"the package logger is nobody's", func(string) bool { return false }},
	"logrus.WithFields":  {"the package logger is nobody's", func(string) bool { return false }},
}

// mayBackground names the files that own what outlives a call.
func mayBackground(file string) bool {
	return strings.HasSuffix(file, "_test.go") || slices.Contains([]string{"main.go", "media/media.go", "pivot/session.go", "simswitch/switch.go"}, file)
}

// inBubble tells that a file's tests have virtual time: to let it pass is what they are for.
func inBubble(file string) bool {
	body, err := os.ReadFile(file)
	return err == nil && strings.HasSuffix(file, "_test.go") && bytes.Contains(body, []byte("\t\"testing/synctest\"\n"))
}

func TestForbiddenCalls(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".go" {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := call.X.(*ast.Ident)
			if !ok {
				return true
			}
			if f, ok := forbidden[pkg.Name+"."+call.Sel.Name]; ok && !f.may(filepath.ToSlash(name)) {
				t.Errorf("%s calls %s.%s: %s", name, pkg.Name, call.Sel.Name, f.why)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// generated is what README.md has between its markers.
func generated(t *testing.T) map[string]string {
	t.Helper()
	settings, err := os.ReadFile("configs/fspivot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var verbs, modules strings.Builder
	verbs.WriteString("| element | inside | status | attributes | twiml.md |\n| --- | --- | --- | --- | --- |\n")
	for _, v := range twiml.Verbs() {
		fmt.Fprintf(&verbs, "| `%s` | %s | %s | %s | %s |\n", v.Name, v.Parent, v.Status, strings.Join(v.Attributes, ", "), strings.TrimPrefix(v.Source, "twiml.md "))
	}
	modules.WriteString("| module | does | status | reference |\n| --- | --- | --- | --- |\n")
	for _, m := range kazoojson.Modules() {
		fmt.Fprintf(&modules, "| `%s` | %s | %s | %s |\n", m.Name, m.Does, m.Status, m.Source)
	}
	return map[string]string{
		"settings": "```yaml\n" + string(settings) + "```\n",
		"verbs":    verbs.String(),
		"modules":  modules.String(),
	}
}

func TestREADME(t *testing.T) {
	body, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for name, want := range generated(t) {
		begin, end := "<!-- "+name+": generated by go test . -update -->\n", "<!-- /"+name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		have, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("README.md has no block %q", name)
		}
		if have != want && !*update {
			t.Errorf("README.md: the block %q is stale: go test . -update", name)
		}
		text = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// References and captures of docs and testdata are named by doc comments: each name must lead somewhere.
func TestSourcesLead(t *testing.T) {
	for _, dir := range []string{"docs/reference", "docs/decisions", "testdata/captures"} {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) == 0 {
			t.Errorf("%s: %d entries, %v", dir, len(entries), err)
		}
	}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".go" {
			return err
		}
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for word := range strings.FieldsSeq(string(body)) {
			word = strings.Trim(word, ".,;:(){}\"`")
			for _, dir := range []string{"docs/", "testdata/captures/"} {
				if strings.HasPrefix(word, dir) && !strings.ContainsAny(word, "<>%") {
					if matches, err := filepath.Glob(word); err != nil || len(matches) == 0 {
						t.Errorf("%s names %s, which is not there", name, word)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
