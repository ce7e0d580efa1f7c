package kazoojson

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fspivot/dialplan"
)

// examples are the JSON blocks of the reference.
func examples(t testing.TB) []string {
	t.Helper()
	pages, err := filepath.Glob("../docs/reference/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no reference: %v", err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```")
	var list []string
	for _, page := range pages {
		body, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(body), -1) {
			list = append(list, m[1])
		}
	}
	return list
}

// The reference's examples of the modules that there are can be returned by a web server.
func TestReferenceExamples(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, example := range examples(t) {
		node, err := Parse([]byte(example), true)
		if err != nil {
			if node, err = Parse([]byte(example), false); err != nil {
				continue // lists of nodes, documents, modules that there are not
			}
			if _, ok := registry[node.Module]; ok {
				if _, err := Parse([]byte(example), true); !strings.Contains(err.Error(), "there is no module") {
					t.Errorf("%s: %v", example, err)
				}
			}
		}
		seen[node.Module] = true
	}
	for _, name := range names() {
		if !seen[name] && name != "pivot" {
			t.Errorf("no example of %s", name)
		}
	}
}

// A document or an error, never both and never neither; what was parsed is bounded and can be walked, and nothing that
// the switch would expand is sent.
func FuzzParse(f *testing.F) {
	for _, example := range examples(f) {
		f.Add([]byte(example))
	}
	for name, a := range attacks {
		f.Add([]byte(action(name, a.data, "_", action(name, a.data))))
	}
	for _, seed := range []string{"", "{}", "[]", "null", `{"module":"tts","data":{"text":"${a}"}}`, `{"module":"play","data":{"id":"a","endless_playback":true}}`,
		`{"numbers":["1"],"patterns":["^(\\d+)$"],"flow":{"module":"answer","data":{}}}`, "{\"module\":\"answer\",\"data\":{}}\x00", `{"module":"sleep","data":{"duration":1e5}}`} {
		f.Add([]byte(seed))
	}
	quotes := strings.NewReplacer(`\`, "", `'`, "", `"`, "")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, strict := range []bool{true, false} {
			node, err := Parse(body, strict)
			if (node == nil) == (err == nil) {
				t.Fatalf("strict %v: %v and %v", strict, node, err)
			}
			if err != nil {
				checkFaults(t, body, err)
				continue
			}
			nodes, depth := measure(node)
			if nodes > maxNodes || depth > maxDepth || nodes > len(body)/2 {
				t.Fatalf("strict %v: %d nodes, %d deep, of %d bytes", strict, nodes, depth, len(body))
			}
			s := script{most: 100, state: caller}
			if err := s.run(t, node); err != nil && !errors.Is(err, errEndless) {
				t.Fatalf("strict %v: %v", strict, err)
			}
			for _, a := range s.apps {
				if sent := dialplan.Describe(a); strings.Contains(quotes.Replace(sent), "${") {
					t.Fatalf("strict %v: sends %q", strict, sent)
				}
			}
			for _, p := range s.problems() {
				if strings.Contains(p, "panic: ") && strings.Contains(p, "goroutine ") {
					t.Fatalf("strict %v: %s", strict, p)
				}
			}
		}
		if c, err := ParseCallflow("a", body); c == nil {
			if err == nil {
				t.Fatal("neither a callflow nor an error")
			}
		} else if _, err := NewNumbers([]*Callflow{c}); err != nil && len(c.Patterns) == 0 {
			t.Fatal(err)
		}
	})
}

// checkFaults looks at the places of faults: each is within the body.
func checkFaults(t *testing.T, body []byte, err error) {
	t.Helper()
	list := flattened(err)
	if len(list) > maxFaults+1 {
		t.Fatalf("%d faults", len(list))
	}
	lines := 1 + strings.Count(string(body), "\n")
	for _, e := range list {
		if fault, ok := errors.AsType[*DocumentError](e); ok && (fault.Line < 1 || fault.Line > lines || fault.Column < 1 || fault.Column > len(body)+1) {
			t.Fatalf("%v at %d:%d of %d lines", fault, fault.Line, fault.Column, lines)
		}
	}
}

func measure(n *Node) (nodes, depth int) {
	if n == nil {
		return 0, 0
	}
	for _, child := range n.Children {
		below, deep := measure(child)
		nodes, depth = nodes+below, max(depth, deep)
	}
	return nodes + 1, depth + 1
}
