package simswitch

import "strings"

// separate splits as switch_separate_string does: at the delimiter, which ^^ at the start replaces, but not inside
// single quotes or after a backslash; then quotes, escapes and outer blanks are taken away. The last of at most max
// parts keeps the rest. Source: switch_utils.c.
func separate(text string, delimiter byte, max int) []string {
	text, delimiter = takeDelimiter(text, delimiter)
	var parts []string
	quoted := false
	start := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '\'' && (delimiter == ' ' || quoted || strings.IndexByte(text[i+1:], '\'') >= 0):
			quoted = !quoted
		case text[i] == delimiter && !quoted && len(parts) < max-1:
			parts = append(parts, text[start:i])
			for delimiter == ' ' && i+1 < len(text) && text[i+1] == ' ' {
				i++
			}
			start = i + 1
		}
	}
	if start < len(text) {
		parts = append(parts, text[start:])
	}
	for i := range parts {
		if delimiter == ' ' {
			parts[i] = unquote(parts[i], 0)
		} else {
			parts[i] = unquote(parts[i], delimiter)
		}
	}
	return parts
}

// takeDelimiter reads "^^x" at the start of a list: its delimiter is x.
func takeDelimiter(text string, delimiter byte) (string, byte) {
	if len(text) > 3 && strings.HasPrefix(text, "^^") {
		return text[3:], text[2]
	}
	return text, delimiter
}

func unquote(text string, delimiter byte) string {
	text = strings.TrimLeft(text, " ")
	b := make([]byte, 0, len(text))
	quoted := false
	end := 0
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			if x, ok := unescape(text[i+1], delimiter); ok {
				b = append(b, x)
				end = len(b)
				i++
				continue
			}
		}
		if text[i] == '\'' && (quoted || strings.IndexByte(text[i+1:], '\'') >= 0) {
			if quoted = !quoted; quoted {
				end = len(b)
			}
			continue
		}
		b = append(b, text[i])
		if text[i] != ' ' || quoted {
			end = len(b)
		}
	}
	return string(b[:end])
}

func unescape(x, delimiter byte) (byte, bool) {
	switch x {
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 's':
		return ' ', true
	case '\'', '"', '\\':
		return x, true
	}
	return x, delimiter != 0 && x == delimiter
}

// array is how a variable holds several values: one alone, or all between marks. Source: switch_event.c
// switch_event_add_header_string with SWITCH_STACK_PUSH.
func array(values ...string) string {
	if len(values) == 1 {
		return values[0]
	}
	return arrayMark + strings.Join(values, arraySeparator)
}

// elements are the values that array joined.
func elements(text string) []string {
	list, several := strings.CutPrefix(text, arrayMark)
	switch {
	case text == "":
		return nil
	case !several:
		return []string{text}
	}
	return strings.Split(list, arraySeparator)
}

const (
	arrayMark      = "ARRAY::"
	arraySeparator = "|:"
)

// part is the i-th of parts, or "".
func part(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return ""
}

// number reads leading digits with a sign, as C's atoi does; anything else is 0.
func number(text string) int {
	text = strings.TrimLeft(text, " ")
	sign, n := 1, 0
	for i := range len(text) {
		switch x := text[i]; {
		case i == 0 && x == '-':
			sign = -1
		case i == 0 && x == '+':
		case x >= '0' && x <= '9' && n < 1<<40:
			n = n*10 + int(x-'0')
		default:
			return sign * n
		}
	}
	return sign * n
}

// isTrue is FreeSWITCH's idea of truth.
func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	return number(text) != 0
}
