package simswitch

import "strings"

// dialString is what bridge dials: groups one after the other, the legs of a group together.
type dialString struct {
	vars   []header // {…} and <…>
	groups [][]legSpec
}

// legSpec is one leg of a dial string.
type legSpec struct {
	vars   []header // […]
	target string   // sofia/gateway/carrier/15551234
}

// parseDialString reads {a=b,c=d}[e=f]sofia/x/y,[g=h]sofia/x/z|sofia/x/w. Groups of :_: are taken one after the
// other, too. Source: switch_ivr_originate.c switch_ivr_originate, switch_ivr_enterprise_originate.
func parseDialString(text string) dialString {
	var d dialString
	text = strings.TrimSpace(text)
	for len(text) > 0 && (text[0] == '{' || text[0] == '<') {
		closing := byte('}')
		if text[0] == '<' {
			closing = '>'
		}
		inside, rest := bracketed(text, closing)
		d.vars = append(d.vars, assignments(inside)...)
		text = strings.TrimLeft(rest, " ")
	}
	for _, enterprise := range strings.Split(text, ":_:") {
		for _, group := range outside(enterprise, '|') {
			var legs []legSpec
			for _, one := range outside(group, ',') {
				var leg legSpec
				one = strings.TrimSpace(one)
				for len(one) > 0 && (one[0] == '[' || one[0] == '{') {
					closing := byte(']')
					if one[0] == '{' {
						closing = '}'
					}
					inside, rest := bracketed(one, closing)
					leg.vars = append(leg.vars, assignments(inside)...)
					one = strings.TrimLeft(rest, " ")
				}
				if leg.target = one; one != "" {
					legs = append(legs, leg)
				}
			}
			if len(legs) > 0 {
				d.groups = append(d.groups, legs)
			}
		}
	}
	return d
}

// bracketed is what stands between the bracket that opens text and its partner, and what follows.
func bracketed(text string, closing byte) (inside, rest string) {
	depth, quoted := 0, false
	for i := range len(text) {
		switch x := text[i]; {
		case x == '\'':
			quoted = !quoted
		case quoted:
		case x == text[0]:
			depth++
		case x == closing:
			if depth--; depth == 0 {
				return text[1:i], text[i+1:]
			}
		}
	}
	return "", ""
}

// assignments reads a=b,c='d,e'; ^^x at the start makes x the comma.
func assignments(text string) []header {
	var h []header
	for _, pair := range separate(text, ',', 1024) {
		name, value, ok := strings.Cut(pair, "=")
		if ok && name != "" {
			h = append(h, header{strings.TrimSpace(name), value})
		}
	}
	return h
}

// outside splits at x where it is outside of brackets and quotes.
func outside(text string, x byte) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i := range len(text) {
		switch y := text[i]; {
		case y == '\'' && depth > 0:
			quoted = !quoted
		case quoted:
		case y == '[' || y == '{':
			depth++
		case y == ']' || y == '}':
			depth--
		case y == x && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}
