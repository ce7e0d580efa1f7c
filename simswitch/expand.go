package simswitch

import "strings"

// maxExpansions bounds how deep values are expanded in values. Source: switch_channel.c, 100.
const maxExpansions = 100

// expand replaces ${name}, ${name:offset:length} and ${name(args)} in an application's argument. The last runs an
// API command, which Trace shows as KindExpandedAPI. Values are expanded again. Backslashes mean something only where
// the text holds ${ or an escape. Source: switch_channel.c switch_channel_expand_variables_check.
func (c *channel) expand(in string) string { return c.expandAt(in, 0) }

func (c *channel) expandAt(in string, depth int) string {
	if depth > maxExpansions || in == "" || !holdsVariable(in) && !holdsEscape(in) {
		return in
	}
	var b strings.Builder
	for i := 0; i < len(in); i++ {
		literal := false
		if in[i] == '\\' && i+1 < len(in) {
			switch in[i+1] {
			case '$':
				literal = true
				i++
				if i+1 < len(in) && in[i+1] == '$' {
					i++
				}
			case '\'':
				i++ // FreeSWITCH drops the quote, too
				continue
			case '\\':
				b.WriteByte('\\')
				i++
				continue
			}
		}
		if in[i] == '$' && !literal {
			start := i
			if start+1 < len(in) && in[start+1] == '$' {
				start++
			}
			if start+1 < len(in) && in[start+1] == '{' {
				body, end := braced(in, start+1)
				b.WriteString(c.variable(body, depth))
				i = end
				continue
			}
			i = start
		}
		b.WriteByte(in[i])
	}
	return b.String()
}

// braced is what stands in the braces that open at in[open], and the index of the last byte that belongs to them.
func braced(in string, open int) (string, int) {
	depth := 1
	for i := open + 1; i < len(in); i++ {
		switch {
		case in[i] == '}' && depth == 1:
			return in[open+1 : i], i
		case in[i] == '{' && i != open+1:
			depth++
		case in[i] == '}':
			depth--
		}
	}
	return in[open+1:], len(in) - 1
}

func (c *channel) variable(body string, depth int) string {
	if i := strings.IndexAny(body, " ("); i >= 0 {
		return c.function(body[:i], body[i+1:], body[i] == '(', depth)
	}
	name := c.expandAt(body, depth+1)
	name, slice, sliced := strings.Cut(name, ":")
	if i := strings.IndexByte(name, '['); i >= 0 && strings.IndexByte(name[i:], ']') > 0 {
		name = name[:i]
	}
	value, _ := c.lookup(name)
	value = c.expandAt(value, depth+1)
	if !sliced {
		return value
	}
	offset, length, _ := strings.Cut(slice, ":")
	if n := number(offset); n >= 0 {
		value = value[min(n, len(value)):]
	} else {
		value = value[max(0, len(value)+n):]
	}
	if n := number(length); n > 0 && n < len(value) {
		value = value[:n]
	}
	return value
}

// function is ${name(args)} or ${name args}: the API command runs.
func (c *channel) function(name, args string, parentheses bool, depth int) string {
	if parentheses {
		open := 1
		for i := range len(args) {
			if args[i] == '(' {
				open++
			} else if args[i] == ')' {
				if open--; open == 0 {
					args = args[:i]
					break
				}
			}
		}
	}
	name = c.expandAt(strings.TrimRight(name, " "), depth+1)
	args = c.expandAt(args, depth+1)
	text := strings.TrimRight(name+" "+args, " ")
	c.trace(KindExpandedAPI, text)
	answer := c.s.api(text)
	if strings.HasPrefix(answer, "-ERR "+name+" Command not found!") {
		return ""
	}
	return answer
}

// holdsVariable is switch_string_var_check_const: a dollar, maybe backslashes, a brace.
func holdsVariable(s string) bool {
	dollar := false
	for i := range len(s) {
		switch {
		case s[i] == '$':
			dollar = true
		case dollar && s[i] == '{':
			return true
		case dollar && s[i] != '\\':
			dollar = false
		}
	}
	return false
}

// holdsEscape is switch_string_has_escaped_data.
func holdsEscape(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '\\' {
			switch s[i+1] {
			case '\\', 'n', 's', 't', '\'':
				return true
			}
		}
	}
	return false
}
