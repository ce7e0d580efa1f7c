package dialplan

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// argument is the text behind an application's name, made by this package alone.
type argument string

// An ExpansionError is the gate's: an argument held what the switch would expand. It means a hole in a constructor.
type ExpansionError struct{ Application, Argument string }

func (e *ExpansionError) Error() string {
	return fmt.Sprintf("dialplan: argument %q of %s would be expanded by the switch", e.Argument, e.Application)
}

// wire is the gate that every argument passes on its way to the switch.
func (a argument) wire(app string) (string, error) {
	s := string(a)
	if expandable(s) || scoped(s) || strings.ContainsRune(s, 0) {
		return "", &ExpansionError{Application: app, Argument: s}
	}
	return s, nil
}

// scoped tells whether s begins with %[name=value] or, with another separator, %;[…]: the switch sets those variables
// before the application runs. Source: FreeSWITCH 1.10.12 switch_core_session_exec.
func scoped(s string) bool {
	return strings.HasPrefix(s, "%[") || len(s) > 2 && s[0] == '%' && s[2] == '['
}

// expandable tells whether the switch could come to see "${" in s. It also looks through the characters that an
// expansion or a splitting of arguments removes: of `$\'{` one expansion leaves "${" for the next. Source: FreeSWITCH
// 1.10.12 switch_channel_expand_variables_check, cleanup_separated_string.
func expandable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '{' && opens(s[:i]) {
			return true
		}
	}
	return false
}

// opens tells whether a brace behind before could begin an expansion.
func opens(before string) bool {
	return strings.IndexByte(before[len(strings.TrimRight(before, "$\\'\"")):], '$') >= 0
}

// breakPairs puts a blank before each brace that could begin an expansion, which keeps the text readable.
func breakPairs(s string) string {
	if !expandable(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '{' && opens(s[:i]) {
			b.WriteByte(' ')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// clean makes foreign text one line of valid UTF-8 without control characters, which become blanks.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\u0085':
			return ' '
		case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d': // joiners matter in some scripts
			return -1
		}
		return r
	}, s)
}

// Text is what is to be spoken. It has no control characters, runs of blanks, braces or backslashes.
type Text struct{ s string }

// Spoken makes foreign text speakable.
func Spoken(s string) Text {
	s = strings.NewReplacer("{", " ", "}", " ", "\\", " ").Replace(clean(s))
	return Text{strings.Join(strings.Fields(s), " ")}
}

// Empty tells that there is nothing to say: speak would hang the caller up over it.
func (t Text) Empty() bool { return t.s == "" }

func (t Text) String() string { return t.s }

// Value is what a channel variable may hold: one line, in which nothing expands however often the switch tries. A
// backslash, which an expansion would eat, is dropped. Exact foreign values belong in the process, not on the channel.
type Value struct{ s string }

// Foreign makes a value of foreign text.
func Foreign(s string) Value {
	return Value{breakPairs(strings.ReplaceAll(clean(s), "\\", ""))}
}

func (v Value) String() string { return v.s }

// plain tells that the value has none of the characters that split or quote a list of settings.
func (v Value) plain() bool {
	return !strings.ContainsAny(v.s, ";'\\^\"") && strings.TrimSpace(v.s) == v.s
}

// Name is a channel variable's name, or a room's or a context's: letters, digits, "_", "-", ".".
type Name struct{ s string }

// acting begins the names of variables whose value the switch runs, or reads as a list of others. Its names have no
// case. Source: FreeSWITCH 1.10.12 switch_channel.c switch_channel_execute_on, switch_channel_api_on; mod_dptools;
// switch_ivr_originate.c; switch_ivr_async.c.
var acting = []string{
	"_nolocal_", "api_", "bridge_export_vars", "bridge_pre_execute", "campon", "exec_", "execute_on_", "export_vars",
	"fsapi", "group_confirm_", "hangup_after_", "hold_music", "record_post_process_", "ringback",
	"session_in_hangup_hook", "sip_api_on_", "sip_execute_on_", "socket_resume", "temp_hold_music",
	"transfer_after_bridge", "transfer_ringback",
}

// ParseName takes a name of foreign text. Names that the switch acts upon, such as api_hangup_hook, are refused; there
// are more than can be listed, so foreign names of variables belong behind a prefix.
func ParseName(s string) (Name, error) {
	if s == "" || len(s) > 128 {
		return Name{}, fmt.Errorf("variable name %q is empty or over 128 characters", clip(s))
	}
	for _, r := range s {
		if !isWord(r) && r != '-' && r != '.' {
			return Name{}, fmt.Errorf("variable name %q has %q: letters, digits, _, - and . may be used", s, r)
		}
	}
	lower := strings.ToLower(s)
	if slices.ContainsFunc(acting, func(prefix string) bool { return strings.HasPrefix(lower, prefix) }) {
		return Name{}, fmt.Errorf("variable name %q is one that the switch acts upon", s)
	}
	return Name{s}, nil
}

func (n Name) String() string { return n.s }

// word keeps a zero Name from leaving a hole in a list of words.
func (n Name) word() string {
	if n.s == "" {
		return "fspivot_unnamed"
	}
	return n.s
}

func isWord(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// only tells whether every character of s is in set or a letter or digit of ASCII.
func only(s, set string) bool {
	for _, r := range s {
		if r != '_' && isWord(r) || strings.ContainsRune(set, r) {
			continue
		}
		return false
	}
	return true
}
