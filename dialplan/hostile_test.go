package dialplan_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
	"fspivot/dialplan/dialplantest"
	"fspivot/simswitch"
	"fspivot/timeline"
)

// TestKindsAreAll holds the table of kinds, on which the hostile tests of this and other packages stand, to the source.
func TestKindsAreAll(t *testing.T) {
	t.Parallel()
	methods := map[string]map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			kind := f.Recv.List[0].Type
			if star, ok := kind.(*ast.StarExpr); ok {
				kind = star.X
			}
			receiver := kind.(*ast.Ident).Name
			if methods[receiver] == nil {
				methods[receiver] = map[string]bool{}
			}
			methods[receiver][f.Name.Name] = true
		}
	}
	var want, got []string
	for receiver, m := range methods {
		if m["Name"] && m["argument"] {
			want = append(want, receiver)
		}
	}
	for _, a := range dialplantest.Kinds() {
		got = append(got, reflect.TypeOf(a).Name())
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dialplantest.Kinds against the source (-source +table):\n%s", diff)
	}
}

// TestHostileText makes every application of every hostile text, in both ways, and looks at what the switch would.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, text := range dialplantest.Hostile {
		for way, list := range map[string][]dialplan.Application{
			"by constructors": dialplantest.Applications(text), "as literals": dialplantest.Literals(text),
			"without it": dialplantest.Kinds(),
		} {
			for _, a := range variants(list) {
				if err := look(a); err != nil {
					t.Errorf("%T of %.200q, made %s: %v", a, text, way, err)
				}
			}
		}
	}
}

// variants adds what decides about an argument's form and is no text.
func variants(list []dialplan.Application) []dialplan.Application {
	for _, a := range slices.Clone(list) {
		switch a := a.(type) {
		case dialplan.Bridge:
			a.InTurn = !a.InTurn
			list = append(list, a)
			for _, e := range a.Endpoints {
				list = append(list, dialplan.Bridge{Endpoints: []dialplan.Endpoint{e}})
			}
		case dialplan.Export:
			a.OnlyOther = !a.OnlyOther
			list = append(list, a)
		case dialplan.Multiset:
			list = append(list, dialplan.Multiset{Variables: append(slices.Clone(a.Variables),
				dialplan.Variable{Value: dialplan.Foreign("1")})})
		case dialplan.PlayAndGetDigits:
			a.File = dialplan.File{}
			list = append(list, a)
		case dialplan.Read:
			a.File = dialplan.File{}
			list = append(list, a)
		case dialplan.Record:
			a.Threshold = 0
			list = append(list, a)
		case dialplan.RecordSession:
			a.Limit = 0
			list = append(list, a)
		case dialplan.SendDTMF:
			list = append(list, a.Split()...)
			a.Length = 1<<63 - 1
			list = append(list, a)
		case dialplan.Respond:
			for _, code := range []int{-1, 404, 1000} {
				a.Code = code
				list = append(list, a)
			}
		}
	}
	return list
}

// look tells what is wrong with an application, its settings included.
func look(a dialplan.Application) error {
	all := []dialplan.Application{a}
	all = append(all, dialplan.Settings(dialplan.Needs(a)...)...)
	for _, v := range dialplan.Needs(a) {
		if pattern := settings[v.Name.String()]; pattern == nil || !pattern.MatchString(v.Value.String()) {
			return fmt.Errorf("needs %s=%.200q, which is not of %v", v.Name, v.Value, pattern)
		}
	}
	for _, name := range dialplan.Clears(a) {
		if !variableName.MatchString(name) {
			return fmt.Errorf("clears %q", name)
		}
	}
	for _, a := range all {
		argument, err := dialplan.Wire(a)
		if err != nil {
			return fmt.Errorf("the gate had to fire: %w", err)
		}
		if err := dialplantest.Safe(argument); err != nil {
			return err
		}
		if !utf8.ValidString(argument) || strings.ContainsAny(argument, "\r\n\t\\") {
			return fmt.Errorf("argument %.200q is not one line of UTF-8 without backslashes", argument)
		}
		if fault := inPlace(a, argument); fault != "" {
			return fmt.Errorf("argument %.300q: %s", argument, fault)
		}
	}
	return nil
}

var (
	variableName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
	number       = regexp.MustCompile(`^[A-Za-z0-9+*#._][A-Za-z0-9+*#._-]{0,127}$`)
	address      = regexp.MustCompile(`^[A-Za-z0-9+*#._-]{1,128}@([A-Za-z0-9.-]{1,253}|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(;transport=(udp|tcp|tls))?$`)
	cause        = regexp.MustCompile(`^[A-Z0-9_]{1,64}$`)
	count        = regexp.MustCompile(`^[0-9]{1,10}$`)
	keys         = regexp.MustCompile(`^(none|[0-9*#A-D]+)$`)
	tones        = regexp.MustCompile(`^[0-9*#A-DwW]{0,90}(@[0-9]{1,5})?$`)
	word         = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	file         = regexp.MustCompile(`^((silence_stream://(-1|[0-9]+)|local_stream://[A-Za-z0-9_./-]+|tone_stream://[%(),.;=+>0-9A-DdlLopsvw*#-]+)|/[^'"\\${}:|!@<>;]*)$`)
	truth        = regexp.MustCompile(`^(true|false)$`)
	template     = regexp.MustCompile(`^[A-Za-z0-9/@:._+*#;=%-]+/[A-Za-z0-9/@:._+*#;=%-]*$`)
)

// settings are the channel variables that applications need, and what their values look like.
var settings = map[string]*regexp.Regexp{
	"RECORD_BRIDGE_REQ":              truth,
	"RECORD_STEREO":                  truth,
	"bridge_terminate_key":           regexp.MustCompile(`^[0-9*#A-D]*$`),
	"call_timeout":                   regexp.MustCompile(`^[0-9]{0,10}$`),
	"continue_on_fail":               truth,
	"effective_caller_id_name":       regexp.MustCompile(`^[^"<>%\\]*$`),
	"effective_caller_id_number":     regexp.MustCompile(`^[A-Za-z0-9+*#._-]*$`),
	"hangup_after_bridge":            truth,
	"hangup_after_conference":        truth,
	"ignore_early_media":             truth,
	"originate_continue_on_timeout":  truth,
	"originate_timeout":              regexp.MustCompile(`^[0-9]{0,10}$`),
	"playback_terminators":           regexp.MustCompile(`^(none|any|[0-9*#A-D]+)$`),
	"ringback":                       regexp.MustCompile(`^$|` + ringback.String()), // none: the far side's early media
	"sip_refer_continue_after_reply": truth,
	"sleep_eat_digits":               truth,
	"transfer_ringback":              ringback,
}

// ringback is a file or a bare tone without an end of its own.
var ringback = regexp.MustCompile(`^(silence_stream://(-1|[0-9]+)|local_stream://[A-Za-z0-9_./-]+|[%(),.;=+>0-9A-DdlLvw*#-]+|/[^'"\\${}:|!@<>;]*)$`)

// inPlace tells whether each part of an argument is where the switch looks for it, and nothing else is there.
func inPlace(a dialplan.Application, argument string) string {
	fields := func(parts []string, patterns ...*regexp.Regexp) string {
		if len(parts) != len(patterns) {
			return fmt.Sprintf("has %d parts, not %d: %.300q", len(parts), len(patterns), parts)
		}
		for i, p := range patterns {
			if !p.MatchString(parts[i]) {
				return fmt.Sprintf("part %d is %.100q, not of %s", i+1, parts[i], p)
			}
		}
		return ""
	}
	whole := func(p *regexp.Regexp) string { return fields([]string{argument}, p) }
	switch a := a.(type) {
	case dialplan.Answer, dialplan.PreAnswer, dialplan.RingReady, dialplan.Park:
		if argument != "" {
			return "is not empty"
		}
	case dialplan.Mark:
		return whole(word)
	case dialplan.Set:
		return assignment(argument, a.Variable)
	case dialplan.Export:
		rest, only := strings.CutPrefix(argument, "nolocal:")
		if only != a.OnlyOther {
			return "is for other legs"
		}
		return assignment(rest, a.Variable)
	case dialplan.Multiset:
		if dialplan.Void(a) {
			return ""
		}
		rest, ok := strings.CutPrefix(argument, "^^;")
		if !ok {
			return "has no separator of its own"
		}
		var want []string // what can stand in the list is there, and is given back as it is
		for _, v := range a.Variables {
			if value := v.Value.String(); !strings.ContainsAny(value, `;'"^\`) && strings.TrimSpace(value) == value {
				want = append(want, dialplan.Argument(dialplan.Set{Variable: v}))
			}
		}
		if got := separate(rest, ';', 256); !slices.Equal(got, want) {
			return fmt.Sprintf("sets %.200q, not %.200q", got, want)
		}
	case dialplan.Hangup:
		return whole(cause)
	case dialplan.SchedHangup:
		return fields(words(argument), regexp.MustCompile(`^\+[0-9]{1,10}$`), cause)
	case dialplan.Respond:
		code, phrase, _ := strings.Cut(argument, " ")
		return fields([]string{code, phrase}, regexp.MustCompile(`^[3-6][0-9]{2}$`),
			regexp.MustCompile(`^[A-Za-z0-9 ,./()-]{0,100}$`))
	case dialplan.Redirect:
		_, rest, _ := strings.Cut(argument, ":")
		return fields([]string{argument, rest}, regexp.MustCompile(`^sips?:`), address)
	case dialplan.Deflect:
		return fields([]string{argument, strings.TrimPrefix(argument, "sip:")}, regexp.MustCompile(`^sip:`), address)
	case dialplan.Transfer:
		return fields(words(argument), number, regexp.MustCompile(`^XML$`), word)
	case dialplan.Conference:
		return whole(regexp.MustCompile(`^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+(\+\+flags\{mute\})?$`))
	case dialplan.Playback:
		if !dialplan.Void(a) {
			return whole(file)
		}
	case dialplan.StopRecordSession:
		if !dialplan.Void(a) {
			return whole(file)
		}
	case dialplan.Record:
		if a.Threshold == 0 {
			return fields(words(argument), file, count)
		}
		return fields(words(argument), file, count, count, count)
	case dialplan.RecordSession:
		if a.Limit == 0 {
			return fields(words(argument), file)
		}
		return fields(words(argument), file, regexp.MustCompile(`^\+[0-9]{1,10}$`))
	case dialplan.Speak:
		if dialplan.Void(a) {
			return ""
		}
		parts := strings.SplitN(argument, "|", 3) // the switch gives the text as it stands behind the second bar
		return fields(parts, word, word, regexp.MustCompile(`^`+regexp.QuoteMeta(a.Text.String())+`$`))
	case dialplan.Say:
		if dialplan.Void(a) {
			return ""
		}
		text := strings.ReplaceAll(a.Text.String(), "'", " ")
		return fields(words(argument), word, word, word, regexp.MustCompile(`^`+regexp.QuoteMeta(text)+`$`))
	case dialplan.Sleep:
		return whole(count)
	case dialplan.SendDTMF:
		if len(argument) > 99 {
			return "is longer than the switch takes"
		}
		return whole(tones)
	case dialplan.MuteWrite:
		return whole(regexp.MustCompile(`^write (true|false)$`))
	case dialplan.PlayAndGetDigits:
		return fields(words(argument), count, count, count, count, keys, file, file, variableName,
			regexp.MustCompile(`^\.\*$`), count)
	case dialplan.Read:
		return fields(words(argument), count, count, file, variableName, count, keys)
	case dialplan.Bridge:
		return dials(a, argument)
	default:
		return fmt.Sprintf("there is no rule for %T: add one", a)
	}
	return ""
}

// assignment is name=value: the value cannot reach the name, and is the one of v.
func assignment(argument string, v dialplan.Variable) string {
	name, value, ok := strings.Cut(argument, "=")
	switch {
	case !ok || !variableName.MatchString(name):
		return fmt.Sprintf("sets %.100q", name)
	case v.Name.String() != "" && name != v.Name.String():
		return fmt.Sprintf("sets %.100q, not %.100q", name, v.Name)
	case value != v.Value.String():
		return fmt.Sprintf("value is %.100q, not %.100q", value, v.Value)
	}
	return ""
}

// legVariables are what a leg may get, and what their values look like.
var legVariables = map[string]*regexp.Regexp{
	"origination_uuid":  regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	"leg_timeout":       count,
	"leg_delay_start":   count,
	"sip_auth_username": regexp.MustCompile(`^[A-Za-z0-9+*#._@-]+$`),
	"sip_auth_password": regexp.MustCompile(`^[^'\\|\[\]{}^]+$`),
	"execute_on_answer": regexp.MustCompile(`^sched_hangup \+[0-9]+ ALLOTTED_TIMEOUT$`),
}

// dials tells whether a dial string has one leg for each endpoint, each with its own target and only with variables
// that are meant.
func dials(b dialplan.Bridge, argument string) string {
	groups, fault := dialString(argument)
	if fault != "" {
		return fault
	}
	var legs []leg
	for _, g := range groups {
		if b.InTurn && len(g) != 1 {
			return fmt.Sprintf("rings %d legs at a time", len(g))
		}
		legs = append(legs, g...)
	}
	if !b.InTurn && len(groups) > 1 {
		return "rings legs in turn"
	}
	if len(legs) != len(b.Endpoints) {
		return fmt.Sprintf("has %d legs of %d endpoints", len(legs), len(b.Endpoints))
	}
	for i, l := range legs {
		if l.target != b.Endpoints[i].Address() || !template.MatchString(strings.NewReplacer("[", "", "]",
			"").Replace(l.target)) {
			return fmt.Sprintf("leg %d dials %.100q, not %.100q", i+1, l.target, b.Endpoints[i].Address())
		}
		got := map[string]string{}
		for _, v := range l.vars {
			name, value := v[0], v[1]
			if _, twice := got[name]; twice && !strings.HasPrefix(name, "sip_h_") {
				return fmt.Sprintf("leg %d has %s twice", i+1, name)
			}
			got[name] = value
			pattern := legVariables[name]
			if header, ok := strings.CutPrefix(name, "sip_h_"); ok {
				if _, err := dialplan.ParseHeader(header, value); err != nil {
					return fmt.Sprintf("leg %d sends a header: %v", i+1, err)
				}
			} else if pattern == nil || !pattern.MatchString(value) {
				return fmt.Sprintf("leg %d has %s=%.100q", i+1, name, value)
			}
		}
		e := b.Endpoints[i]
		want := map[string]string{} // the last of a name counts
		for _, h := range e.Headers {
			value := strings.Trim(h.Value.String(), " ")
			if _, err := dialplan.ParseHeader(h.Name, value); err == nil && value != "" &&
				!slices.Contains(e.Sendable(), h.Name) {
				want[h.Name] = value
			}
		}
		for name, value := range want {
			if got["sip_h_"+name] != value {
				return fmt.Sprintf("leg %d sends %s: %.100q, not %.100q", i+1, name, got["sip_h_"+name], value)
			}
		}
	}
	return ""
}

// TestLookFinds is the test of the test: it must see what the constructors prevent.
func TestLookFinds(t *testing.T) {
	t.Parallel()
	for _, argument := range []string{"a${x}", "a$${x}", "a$\\{x}", "a$'{x}", "a$\\'\"{x}", "\\${x}", "a\x00b",
		"%[a=b]c", "%;[a=b]c"} {
		if dialplantest.Safe(argument) == nil {
			t.Errorf("argument %q counts as safe", argument)
		}
	}
	for _, argument := range []string{"", "$", "a$ {x}", "{$}", "$5 a\\b", "%", "%(500,0,440)", "100%[a]"} {
		if err := dialplantest.Safe(argument); err != nil {
			t.Error(err)
		}
	}
	carrier, _ := dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number")
	two := dialplan.Bridge{Endpoints: []dialplan.Endpoint{carrier.Number("1"), carrier.Number("2")}}
	for argument, wrong := range map[string]bool{
		"sofia/gateway/carrier/1,sofia/gateway/carrier/2":                          false,
		"[^^~leg_timeout=2]sofia/gateway/carrier/1,sofia/gateway/carrier/2":        false,
		"sofia/gateway/carrier/1|sofia/gateway/carrier/2":                          true,
		"sofia/gateway/carrier/1,sofia/gateway/carrier/2,error/user_busy":          true,
		"sofia/gateway/carrier/1,sofia/gateway/carrier/3":                          true,
		"sofia/gateway/carrier/1":                                                  true,
		"[^^~sip_h_X-A=1,2~leg_timeout=2]sofia/gateway/carrier/1,sofia/x/2":        true,
		"[api_on_answer=x]sofia/gateway/carrier/1,sofia/gateway/carrier/2":         true,
		"{api_on_answer=x}sofia/gateway/carrier/1,sofia/gateway/carrier/2":         true,
		"[^^~execute_on_answer=system x]sofia/gateway/carrier/1,sofia/x/2":         true,
		"sofia/gateway/carrier/1,sofia/gateway/carrier/2:_:error/user_busy":        true,
		"[leg_timeout=2,leg_delay_start=1]sofia/gateway/carrier/1,sofia/carrier/2": true,
	} {
		if fault := inPlace(two, argument); (fault != "") != wrong {
			t.Errorf("dial string %q: %q", argument, fault)
		}
	}
	for _, x := range []struct {
		a        dialplan.Application
		argument string
	}{
		{dialplan.Speak{Text: dialplan.Spoken("a")}, "flite|a"}, {dialplan.Transfer{Extension: "1"}, "-bleg 1 XML"},
		{dialplan.Hangup{}, "a b"}, {dialplan.Sleep{}, "-1"}, {dialplan.Set{}, "a"},
		{dialplan.Record{}, "/tmp/x.wav 1 2"},
		{dialplan.Deflect{}, "a@b"}, {dialplan.Playback{File: dialplan.Beep()}, "say:a"},
		{dialplan.Conference{}, "a@b+1"},
	} {
		if inPlace(x.a, x.argument) == "" {
			t.Errorf("%T: %q counts as in place", x.a, x.argument)
		}
	}
}

// TestHostileTextOnTheSwitch runs the applications of every hostile text on a simulated switch, which expands, splits
// and dials as a real one: only what was asked for happens.
func TestHostileTextOnTheSwitch(t *testing.T) {
	t.Parallel()
	for i, text := range dialplantest.Hostile {
		for way, list := range map[string][]dialplan.Application{
			"by constructors": dialplantest.Applications(text), "as literals": dialplantest.Literals(text),
		} {
			onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				// those that end the call: each text has one of them
				var last []dialplan.Application
				known := map[string]bool{"answer": true, "echo": true, "multiset": true, "sched_hangup": true,
					"set": true, "socket": true} // echo is where transfers go
				legs := 0
				do := func(a dialplan.Application) {
					known[a.Name()] = true
					if b, ok := a.(dialplan.Bridge); ok {
						for _, e := range b.Endpoints {
							if !strings.HasPrefix(e.Address(), "error/") {
								legs++
							}
						}
					}
					if _, err := l.Do(ctx, a); err != nil && !errors.Is(err, dialplan.ErrGone) {
						t.Errorf("%T of %.200q, made %s: %v", a, text, way, err)
					}
				}
				for _, a := range list {
					switch a.(type) {
					case dialplan.Record, dialplan.RecordSession: // would make files of such names
					case dialplan.Conference, dialplan.Deflect, dialplan.Hangup, dialplan.Redirect, dialplan.Respond,
						dialplan.SchedHangup, dialplan.Transfer:
						last = append(last, a)
					case dialplan.Park: // for ever
					case dialplan.MuteWrite: // the simulated switch has no set_mute, and hangs up
					case dialplan.Speak, dialplan.Say:
						if len(text) < 100 { // takes its time
							do(a)
						}
					case dialplan.Playback: // some are for ever
						l.Queue(a)
						wait(t, l, 100*time.Millisecond)
						l.Break()
						known["playback"] = true
					case dialplan.PlayAndGetDigits, dialplan.Read:
						l.Queue(a)
						wait(t, l, 100*time.Millisecond)
						l.Break()
						known[a.Name()] = true
					default:
						do(a)
					}
				}
				l.at(time.Since(l.began)+10*time.Second, func() { l.phone.Hangup("") })
				do(last[i%len(last)])
				for _, x := range l.traced(simswitch.KindExpandedAPI) {
					t.Errorf("%.200q, made %s: an argument ran %q", text, way, x.Arg)
				}
				for _, x := range l.traced(simswitch.KindExecute) {
					if x.Call == l.UUID() && !known[x.App] {
						t.Errorf("%.200q, made %s: the switch ran %s %.200q", text, way, x.App, x.Arg)
					}
				}
				if dialled := l.traced(simswitch.KindDial); len(dialled) > legs {
					t.Errorf("%.200q, made %s: %d legs were dialled, want at most %d: %.300q", text, way, len(dialled),
						legs, l.args(simswitch.KindDial))
				}
				for _, r := range l.line.Records() {
					if r.Kind == timeline.KindError {
						t.Errorf("%.200q, made %s: %.300s", text, way, r.Text)
					}
				}
			})
		}
	}
}
