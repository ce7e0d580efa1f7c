package egress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Params are a request's parameters: strings, numbers, booleans, nil, []any, and Params or map[string]any below.
type Params map[string]any

// EncodeForm gives name=value&…, by name, nested as name[sub]=value and name[]=value. A nil and what is empty below
// leave nothing. Source: pivot.md 5.3.
func (p Params) EncodeForm() string {
	var parts []string
	for _, name := range names(p) {
		parts = encode(parts, escape(name), p[name])
	}
	return strings.Join(parts, "&")
}

func names(p map[string]any) []string {
	list := make([]string, 0, len(p))
	for name := range p {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func encode(parts []string, name string, value any) []string {
	switch v := value.(type) {
	case nil:
		return parts
	case Params:
		return encode(parts, name, map[string]any(v))
	case map[string]any:
		for _, sub := range names(v) {
			parts = encode(parts, name+"["+escape(sub)+"]", v[sub])
		}
		return parts
	case []any:
		for i, item := range v {
			switch item.(type) {
			case map[string]any, Params, []any:
				parts = encode(parts, name+"["+strconv.Itoa(i)+"]", item)
			default:
				parts = encode(parts, name+"[]", item)
			}
		}
		return parts
	case string:
		return append(parts, name+"="+escape(v))
	case float64:
		return append(parts, name+"="+escape(strconv.FormatFloat(v, 'f', -1, 64)))
	default:
		return append(parts, name+"="+escape(fmt.Sprint(v)))
	}
}

// escape leaves letters, digits and . - _ ~ and makes a blank "+", every other byte %XX.
func escape(s string) string {
	const upper = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ':
			b.WriteByte('+')
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte(".-_~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(upper[c>>4])
			b.WriteByte(upper[c&15])
		}
	}
	return b.String()
}

// EncodeJSON gives one JSON object. Bytes that are not UTF-8 are replaced, so that it stays valid. Source: pivot.md 5.2.
func (p Params) EncodeJSON() ([]byte, error) {
	if p == nil {
		return []byte("{}"), nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p); err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// AppendQuery puts encoded parameters behind a query, neither of which need be there. Source: pivot.md 3.
func AppendQuery(query, encoded string) string {
	if encoded == "" {
		return query
	}
	if query = strings.TrimRight(query, "&"); query == "" {
		return encoded
	}
	return query + "&" + encoded
}
