package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	node "go.yaml.in/yaml/v3"
)

// Prefix begins the environment variables: esl.listen is FSPIVOT_ESL_LISTEN. Lists of texts are separated by commas; other
// lists and maps are written as YAML.
const Prefix = "FSPIVOT_"

// An Error is a setting that cannot be used.
type Error struct {
	File     string // "" where there is none
	Line     int    // in it, from 1; 0: unknown
	Variable string // of the environment, when that set it
	Key      string // pivot.blocked, dial.resources[0].match; "": all of it
	Err      error
}

func (e *Error) Error() string {
	text := e.Err.Error()
	if e.Key != "" {
		text = e.Key + ": " + text
	}
	switch {
	case e.Variable != "":
		return e.Variable + ": " + text
	case e.File != "" && e.Line > 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, text)
	case e.File != "":
		return e.File + ": " + text
	case e.Line > 0:
		return fmt.Sprintf("line %d: %s", e.Line, text)
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Load reads the file, "" for none, and the environment over it, and checks all. The error joins an *Error for every
// fault.
func Load(file string, environment []string) (Config, error) {
	if file == "" {
		return Parse("", nil, environment)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return Default(), fmt.Errorf("configuration: %w", err)
	}
	return Parse(file, body, environment)
}

// Parse is Load with the file's content.
func Parse(name string, body []byte, environment []string) (Config, error) {
	c := Default()
	r := reader{file: name, lines: map[string]int{}, variables: map[string]string{}}
	values, err := r.read(body, environment)
	if err != nil {
		return c, err
	}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: &c, TagName: "koanf", ErrorUnused: true,
		ZeroFields: true})
	if err == nil {
		err = decoder.Decode(values)
	}
	if err != nil {
		r.fault("", err)
	}
	for _, err := range flatten(c.Check()) {
		if e, ok := errors.AsType[*Error](err); ok {
			r.fault(e.Key, e.Err)
		}
	}
	return c, errors.Join(r.faults...)
}

// reader makes one tree of settings from file and environment.
type reader struct {
	file      string
	lines     map[string]int    // of keys in the file
	variables map[string]string // that set keys
	faults    []error
}

// fault notes what is wrong with a setting, and where that was set.
func (r *reader) fault(key string, err error) {
	e := &Error{Key: key, Err: err}
	for at := key; ; at = parent(at) { // a key that is missing in a list or section is that one's fault
		if e.Variable = r.variables[at]; e.Variable != "" {
			break
		}
		if e.Line = r.lines[at]; e.Line > 0 || at == "" {
			e.File = r.file
			break
		}
	}
	r.faults = append(r.faults, e)
}

func parent(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

// read gives all settings that are there and have a place in a Config. Only a file that is not YAML is an error.
func (r *reader) read(body []byte, environment []string) (map[string]any, error) {
	k := koanf.New(".")
	if len(body) > 0 {
		var root node.Node
		err := node.Unmarshal(body, &root)
		if err == nil {
			err = k.Load(rawbytes.Provider(body), yaml.Parser())
		}
		if err != nil {
			return nil, &Error{File: r.file, Err: err}
		}
		r.locate(&root, "")
	}
	r.section(k.Raw(), reflect.TypeFor[Config](), "")
	variables := env.Provider(".", env.Opt{Prefix: Prefix, EnvironFunc: func() []string { return environment },
		TransformFunc: r.variable})
	if err := k.Load(variables, nil); err != nil {
		return nil, &Error{Err: err}
	}
	values := k.Raw()
	(&reader{}).section(values, reflect.TypeFor[Config](), "") // what is wrong was said
	return values, nil
}

// variable gives the key of an environment variable and its value in that key's type; "" for one that is passed over.
func (r *reader) variable(name, text string) (string, any) {
	key, t, ok := setting(strings.TrimPrefix(name, Prefix), reflect.TypeFor[Config](), "")
	if !ok {
		if name != Prefix+"FREESWITCH" { // of the tests on a real switch
			r.faults = append(r.faults, &Error{Variable: name, Err: errors.New("there is no such setting")})
		}
		return "", nil
	}
	var value any = text
	switch {
	case t.Kind() == reflect.String, t == reflect.TypeFor[[]string]():
	default: // a number, a truth value, and what is written as YAML
		if err := node.Unmarshal([]byte(text), &value); err != nil || value == nil {
			value = text
		}
	}
	var within reader
	value, err := within.convert(value, t, key)
	if err = errors.Join(append(within.faults, err)...); err != nil {
		r.faults = append(r.faults, &Error{Variable: name, Key: key, Err: err})
		return "", nil
	}
	r.variables[key] = name
	return key, value
}

// setting finds the key and the type of a variable's name, ESL_LISTEN.
func setting(name string, t reflect.Type, path string) (string, reflect.Type, bool) {
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("koanf")
		rest, ok := strings.CutPrefix(name, strings.ToUpper(tag))
		switch {
		case !ok:
		case rest == "" && field.Type.Kind() != reflect.Struct:
			return join(path, tag), field.Type, true
		case strings.HasPrefix(rest, "_") && field.Type.Kind() == reflect.Struct:
			if key, found, ok := setting(rest[1:], field.Type, join(path, tag)); ok {
				return key, found, true
			}
		}
	}
	return "", nil, false
}

// section makes the values of a section those of t's fields, and takes out what has no place or no value there.
func (r *reader) section(values map[string]any, t reflect.Type, path string) {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("koanf")] = t.Field(i).Type
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field, ok := fields[name]
		key := join(path, name)
		var err error
		switch {
		case !ok:
			err = fmt.Errorf("there is no such setting; there are %s",
				strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		case values[name] == nil: // a key with nothing behind it: the default holds
			delete(values, name)
			continue
		default:
			values[name], err = r.convert(values[name], field, key)
		}
		if err != nil {
			r.fault(key, err)
			delete(values, name)
		}
	}
}

// convert gives a value as type t wants it. Nothing is guessed: 0123 in a file is a number, and no token.
func (r *reader) convert(value any, t reflect.Type, key string) (any, error) {
	switch t.Kind() {
	case reflect.Struct:
		section, ok := value.(map[string]any)
		if !ok {
			return nil, errors.New("it is a section: settings stand below it")
		}
		r.section(section, t, key)
		return section, nil
	case reflect.String:
		if _, ok := value.(string); !ok {
			return nil, errors.New("text is wanted: put it in quotes")
		}
		return value, nil
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return nil, fmt.Errorf("true or false is wanted, not %v", value)
		}
		return value, nil
	case reflect.Int, reflect.Int64:
		switch value.(type) {
		case int, int64:
			return value, nil
		}
		return nil, fmt.Errorf("a whole number is wanted, not %v", value)
	case reflect.Map:
		entries, ok := value.(map[string]any)
		if !ok {
			return nil, errors.New("names with texts are wanted: {name: text}")
		}
		for name, entry := range entries {
			if _, ok := entry.(string); !ok {
				return nil, fmt.Errorf("%s: text is wanted: put it in quotes", name)
			}
		}
		return entries, nil
	case reflect.Slice:
		return r.list(value, t.Elem(), key)
	}
	return nil, fmt.Errorf("there is no way to set a %s", t)
}

// list converts a list; one of texts may be written as a text with commas.
func (r *reader) list(value any, t reflect.Type, key string) (any, error) {
	items, ok := value.([]any)
	if text, isText := value.(string); isText && t.Kind() == reflect.String {
		items, ok = []any{}, true
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	}
	if !ok {
		return nil, errors.New("a list is wanted")
	}
	for i, item := range items {
		var err error
		if items[i], err = r.convert(item, t, fmt.Sprintf("%s[%d]", key, i)); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return items, nil
}

// flatten lists what errors.Join joined.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, flatten(e)...)
	}
	return list
}

// locate notes the line of every key.
func (r *reader) locate(n *node.Node, path string) {
	switch n.Kind {
	case node.DocumentNode:
		for _, child := range n.Content {
			r.locate(child, path)
		}
	case node.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := join(path, n.Content[i].Value)
			r.lines[key] = n.Content[i].Line
			r.locate(n.Content[i+1], key)
		}
	case node.SequenceNode:
		for i, child := range n.Content {
			key := fmt.Sprintf("%s[%d]", path, i)
			r.lines[key] = child.Line
			r.locate(child, key)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
