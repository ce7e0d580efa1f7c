package twiml

import (
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestRegistryIsSorted(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(registry, compareVerbs) {
		t.Error("the registry is not sorted by name and parent")
	}
	seen := map[string]bool{}
	for _, v := range Verbs() {
		key := v.Parent + "/" + v.Name
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if !strings.HasPrefix(v.Status, "complete") && !strings.HasPrefix(v.Status, "parsed: ") {
			t.Errorf("%s: status %q", key, v.Status)
		}
		if !slices.IsSorted(v.Attributes) || len(slices.Compact(slices.Clone(v.Attributes))) != len(v.Attributes) {
			t.Errorf("%s: attributes %v", key, v.Attributes)
		}
		if !strings.HasPrefix(v.Source, "twiml.md 4.") {
			t.Errorf("%s: source %q", key, v.Source)
		}
		if v.Parent != "Response" && !seen["Response/"+v.Parent] && !slices.ContainsFunc(registry, func(p VerbInfo) bool { return p.Name == v.Parent }) {
			t.Errorf("%s stands in nothing that is known", key)
		}
	}
}

// Verbs hands out copies.
func TestVerbsIsACopy(t *testing.T) {
	t.Parallel()
	list := Verbs()
	for i := range list {
		list[i].Name = "x"
		for j := range list[i].Attributes {
			list[i].Attributes[j] = "x"
		}
	}
	if v, ok := lookup("Response", "Say"); !ok || !slices.Contains(v.Attributes, "loop") {
		t.Errorf("%+v, %v", v, ok)
	}
}

// inside is a document with an element at the place where the registry has it.
func inside(v VerbInfo, element string) string {
	switch v.Parent {
	case "Response":
	case "Dial", "Gather", "Set":
		element = "<" + v.Parent + ">" + element + "</" + v.Parent + ">"
	case "Redirect":
		element = "<Redirect>x" + element + "</Redirect>"
	default:
		panic(v.Parent)
	}
	return "<Response>" + element + "</Response>"
}

// parsed parses a document and gives the attributes that verbs asked for though the registry does not list them.
func parsed(t *testing.T, doc string) (d *Document, problems []Problem, undeclared []string) {
	t.Helper()
	p := &parser{}
	d, problems, err := p.parse([]byte(doc), "")
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return d, problems, p.undeclared
}

// Every known element is taken empty, with each of its attributes empty, and with all of them, where it belongs; and no
// verb reads an attribute that is not listed.
func TestRegistryIsParsed(t *testing.T) {
	t.Parallel()
	for _, v := range registry {
		var all strings.Builder
		elements := []string{fmt.Sprintf("<%s/>", v.Name)}
		for _, a := range v.Attributes {
			elements = append(elements, fmt.Sprintf(`<%s %s=""/>`, v.Name, a), fmt.Sprintf(`<%s %s="1"/>`, v.Name, a))
			fmt.Fprintf(&all, ` %s="1"`, a)
		}
		elements = append(elements, fmt.Sprintf("<%s%s>1</%s>", v.Name, all.String(), v.Name))
		for _, element := range elements {
			doc := inside(v, element)
			d, problems, undeclared := parsed(t, doc)
			if len(undeclared) > 0 {
				t.Errorf("%s reads %v", doc, undeclared)
			}
			for _, p := range problems {
				if strings.Contains(p.Text, "is not known") {
					t.Errorf("%s: %s", doc, p)
				}
			}
			if v.Parent == "Response" && len(d.verbs) != 1 {
				t.Errorf("%s: %d verbs", doc, len(d.verbs))
			}
		}
	}
}

// An attribute that is not listed is told of, at every element.
func TestRegistryNamesOtherAttributes(t *testing.T) {
	t.Parallel()
	for _, v := range registry {
		if v.Parent == "Response" && v.parse == nil || v.Name == "Conference" || v.Name == "Queue" {
			continue // skipped as a whole
		}
		_, problems, _ := parsed(t, inside(v, fmt.Sprintf(`<%s nosuch="1"/>`, v.Name)))
		if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Text == "attribute nosuch is not known here" && p.Code == "12200" }) {
			t.Errorf("%s in %s: %v", v.Name, v.Parent, problems)
		}
	}
}

// What is listed as complete runs, and what is not is named by one problem, never silently.
func TestRegistryTellsTheTruth(t *testing.T) {
	t.Parallel()
	for _, v := range registry {
		if v.Parent != "Response" {
			continue
		}
		d, problems, _ := parsed(t, inside(v, "<"+v.Name+"/>"))
		_, isUnknown := d.verbs[0].verb.(*unknown)
		named := slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == "13750" })
		if complete := strings.HasPrefix(v.Status, "complete"); complete == isUnknown || complete == named {
			t.Errorf("%s is %q: unknown %v, problems %v", v.Name, v.Status, isUnknown, problems)
		}
	}
}

// Each verb that runs has its file and its test.
func TestEachVerbHasItsTest(t *testing.T) {
	t.Parallel()
	for _, v := range registry {
		if v.parse == nil {
			continue
		}
		name := strings.ToLower(v.Name)
		file, err := goparser.ParseFile(token.NewFileSet(), name+".go", nil, 0)
		if err != nil {
			t.Error(err)
			continue
		}
		found := false
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			found = found || ok && f.Name.Name == "parse"+v.Name
		}
		if !found {
			t.Errorf("%s.go does not parse %s", name, v.Name)
		}
		if _, err := os.Stat(name + "_test.go"); err != nil {
			t.Error(err)
		}
	}
}
