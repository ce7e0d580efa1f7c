package dialplan_test

import "strings"

// The switch's way of taking arguments apart, so that tests see what it would see. Source: FreeSWITCH 1.10.12
// switch_utils.c separate_string_blank_delim, separate_string_char_delim, cleanup_separated_string; switch_event.c
// switch_event_create_brackets; switch_ivr_originate.c.

// words splits at blanks.
func words(s string) []string { return separate(s, ' ', len(s)+1) }

// separate splits at delimiter into at most most parts, of which the last keeps the rest.
func separate(s string, delimiter byte, most int) []string {
	if strings.HasPrefix(s, "^^") && len(s) > 3 {
		s, delimiter = s[3:], s[2]
	}
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '\'' && (delimiter == ' ' || quoted || strings.Contains(s[i+1:], "'")):
			quoted = !quoted
		case s[i] == delimiter && !quoted && len(parts) < most-1:
			parts = append(parts, s[start:i])
			for delimiter == ' ' && i+1 < len(s) && s[i+1] == ' ' {
				i++
			}
			start = i + 1
		}
	}
	if start < len(s) {
		parts = append(parts, s[start:])
	}
	for i, part := range parts {
		parts[i] = cleanup(part)
	}
	return parts
}

// cleanup takes quotes in pairs, escapes and outer blanks away.
func cleanup(s string) string {
	s = strings.TrimLeft(s, " ")
	var b strings.Builder
	end, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`'"\nrts`, s[i+1]) >= 0:
			i++
			b.WriteString(map[byte]string{'n': "\n", 'r': "\r", 't': "\t", 's': " "}[s[i]])
			if strings.IndexByte(`'"\`, s[i]) >= 0 {
				b.WriteByte(s[i])
			}
			end = b.Len()
		case s[i] == '\'' && (quoted || strings.Contains(s[i+1:], "'")):
			if quoted = !quoted; quoted {
				end = b.Len()
			}
		default:
			b.WriteByte(s[i])
			if s[i] != ' ' || quoted {
				end = b.Len()
			}
		}
	}
	return b.String()[:end]
}

// leg is one leg of a dial string.
type leg struct {
	vars   [][2]string // name and value, in order
	target string
}

// dialString takes a dial string apart: groups in turn, legs together. Variables for all legs and a rest that is none
// are errors, for this package writes neither.
func dialString(s string) (groups [][]leg, fault string) {
	if strings.Contains(s, ":_:") {
		return nil, "is split into several dial strings"
	}
	if s != "" && strings.IndexByte("<{", s[0]) >= 0 {
		return nil, "sets variables of all legs"
	}
	for _, group := range separate(s, '|', 128) {
		b := []byte(group)
		end, plain, quoted := -1, false, false
		for i := range b { // a comma in brackets is no end of a leg
			if end < 0 && b[i] == '[' {
				end = closing(string(b), i)
				plain, quoted = strings.HasPrefix(string(b[i+1:]), "^^"), false
			}
			if b[i] == '\'' {
				quoted = !quoted
			}
			if i < end && b[i] == ',' {
				if b[i] = 2; quoted || plain {
					b[i] = 1
				}
			}
			if i == end {
				end = -1
			}
		}
		var legs []leg
		for _, text := range separate(string(b), ',', 128) {
			var l leg
			for strings.HasPrefix(text, "[") {
				end := closing(text, 0)
				if end < 0 {
					return nil, "has a bracket without end"
				}
				inside, delimiter := strings.ReplaceAll(text[1:end], "\x01", ","), byte(2)
				for _, one := range separate(inside, delimiter, 1024) {
					if pair := separate(one, '=', 2); len(pair) == 2 {
						l.vars = append(l.vars, [2]string{pair[0], pair[1]})
					}
				}
				text = text[end+1:]
			}
			l.target = text
			legs = append(legs, l)
		}
		groups = append(groups, legs)
	}
	return groups, ""
}

// closing is where the bracket that opens at s[open] ends, -1 where it does not.
func closing(s string, open int) int {
	depth := 0
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
