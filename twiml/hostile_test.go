package twiml

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fspivot/dialplan"
)

// mark is in every name and URL below: nothing but Media may see it.
const mark = "h0stile"

var hostileTexts = []string{
	"${system(touch /tmp/" + mark + ")}",
	`$\{system(x)}`, `$'{x}`, `$"{x}"`, "$${x}", "\\${x}", "$\n{x}", "$\u200b{x}", "$\u0085{x}", "${a:${b}}", "$<x>", "%{x}",
	"`id`", "$(id)", "; id", "| id", "&& id", "' or 1", `"quoted"`, "a,b|c:_:d", "[a=b]", "{a=b}", "<a=b>", "^^;a=b", "^^~a=b~",
	"a\nexecute-app-name: system", "a\r\n\r\nexit\n\n", "a\tb", "\u2028\u2029", "\u202e\u0000"[:3], strings.Repeat("$", 99) + "{x}", strings.Repeat("x", 5000),
	"/etc/" + mark, "../../" + mark, "file:///etc/" + mark, "shell_stream://" + mark, "http://evil.example/" + mark + "?${x}", "say:" + mark,
	"file_string://a!" + mark, "tone_stream://path=/" + mark, "{a=b}/" + mark + ".wav", "http_cache://" + mark, "inline:" + mark, "loopback/" + mark + "/inline",
	"sip:u@h;x=${y}?X-A=${z}", "sip:a@h?X-A=%24%7Bx%7D&X-B=a%0d%0aB:c&X-C=],sofia/x&X-D=~x=y", "sofia/internal/" + mark, "error/" + mark, "15,sofia/x/16", "15|16",
	"*1#", "0123456789*#ABCDww", "é😀", "-1", "0", "99999999999999999999", "", "true",
}

// expansion is what the switch would expand: "${", also behind characters that an expansion removes. Source:
// docs/reference/esl.md, "Text from strangers is code to the switch".
var expansion = regexp.MustCompile(`\$[$\\'"]*\{`)

// mayRun are the applications of the verbs so far.
var mayRun = []string{
	"answer", "bridge", "hangup", "playback", "pre_answer", "record", "record_session", "respond", "send_dtmf", "set", "sleep", "speak", "stop_record_session",
}

// harmless tells what is wrong with an application, "" for nothing.
func harmless(a dialplan.Application) string {
	text := dialplan.Describe(a)
	switch {
	case !slices.Contains(mayRun, a.Name()):
		return a.Name() + " is none of the verbs' applications"
	case strings.ContainsAny(text, "\n\r\x00"):
		return fmt.Sprintf("%.200q has a line break", text)
	case a.Name() != "speak" && strings.Contains(text, mark):
		return fmt.Sprintf("%.200q has a name of the document's", text)
	}
	if value := expandable(reflect.ValueOf(a)); value != "" {
		return fmt.Sprintf("%s holds %.200q", a.Name(), value)
	}
	if expansion.MatchString(text) {
		return fmt.Sprintf("%.200q expands", text)
	}
	return ""
}

// expandable finds a string in v that the switch would expand: settings that an application needs are not in its text.
func expandable(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		if expansion.MatchString(v.String()) {
			return v.String()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if s := expandable(v.Field(i)); s != "" {
				return s
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if s := expandable(v.Index(i)); s != "" {
				return s
			}
		}
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			return expandable(v.Elem())
		}
	}
	return ""
}

func escaped(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}

// attack runs a document and gives what is wrong with what it asked of the channel.
func attack(t *testing.T, doc []byte, settings Settings) []string {
	t.Helper()
	d, _, err := Parse(doc, "")
	if err != nil {
		return nil
	}
	s := &script{settings: settings, results: map[string][]result{"bridge": {{vars: dialplan.Scripted{"originate_disposition": "SUCCESS"}}}}}
	if _, err := s.document(t.Context(), d); err != nil && err.Error() != "script: endless" {
		t.Fatalf("%.200s: %v", doc, err)
	}
	var faults []string
	for _, a := range s.apps {
		if fault := harmless(a); fault != "" {
			faults = append(faults, fault)
		}
	}
	for _, c := range s.collects {
		for _, p := range c.Prompts {
			if fault := harmless(p.Play); fault != "" {
				faults = append(faults, fault)
			}
		}
	}
	return faults
}

// valid is a text with which an element does something.
var valid = map[string]string{
	"Say": "a", "Play": "f", "Dial": "15", "Number": "15", "Sip": "a@h", "User": "u", "Device": "d", "Client": "c", "Verto": "v", "Redirect": "x",
}

// others are attributes without which some have no effect.
var others = map[string]string{
	"Dial": `record="true" action="a"`, "Record": `action="a"`, "Sip": `username="u" password="p"`, "Variable": `key="k" value="v"`, "Gather": `actionOnEmptyResult="true"`,
}

// Hostile text in the text and in every attribute of everything that is registered.
func TestHostileText(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, v := range registry {
		for _, text := range hostileTexts {
			x := escaped(text)
			docs := []string{inside(v, fmt.Sprintf("<%s %s>%s</%s>", v.Name, others[v.Name], x, v.Name))}
			for _, attribute := range v.Attributes {
				rest := others[v.Name]
				if strings.Contains(" "+rest, " "+attribute+"=") {
					rest = ""
				}
				docs = append(docs, inside(v, fmt.Sprintf(`<%s %s="%s" %s>%s</%s>`, v.Name, attribute, x, rest, valid[v.Name], v.Name)))
			}
			if v.Parent == "Response" {
				// Nested: as SSML, as an unknown child, as a prompt.
				docs = append(docs, inside(v, fmt.Sprintf(`<%s>a<break time="%s" strength="%s"/><sub alias="%s">b</sub><say-as interpret-as="%s">%s</say-as><lang xml:lang="%s">c</lang></%s>`,
					v.Name, x, x, x, x, x, x, v.Name)))
				docs = append(docs, inside(v, fmt.Sprintf(`<%s><x y="%s">%s</x></%s>`, v.Name, x, x, v.Name)))
			}
			for i, doc := range docs {
				settings := Settings{Dialect: []string{Pivot, Twilio}[i%2]}
				tried++
				for _, fault := range attack(t, []byte(doc), settings) {
					t.Errorf("%.200s: %s", doc, fault)
				}
			}
		}
	}
	if tried < 5000 {
		t.Errorf("only %d documents tried", tried)
	}
}

// The test itself must see what it looks for.
func TestHarmless(t *testing.T) {
	t.Parallel()
	file, err := dialplan.LocalFile("/x/" + mark)
	if err != nil {
		t.Fatal(err)
	}
	for want, a := range map[string]dialplan.Application{
		"has a name":  dialplan.Playback{File: file},
		"none of the": dialplan.Park{},
		"holds":       dialplan.Bridge{HangupKey: `$\{x}`},
		"":            speak("$ {x}", ""),
	} {
		if got := harmless(a); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", a.Name(), got, want)
		}
	}
}

// The caller's own name and number are foreign text, too, and so are the names of what is to be played.
func TestHostileCaller(t *testing.T) {
	t.Parallel()
	doc, _, err := Parse([]byte(`<Response><Dial record="true">15</Dial></Response>`), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range hostileTexts {
		s := &script{}
		call := s.call()
		call.CallerName, call.CallerNumber = text, text
		if _, err := doc.Run(t.Context(), &Run{Channel: s, Call: call, Media: s, Routes: s}); err != nil {
			t.Fatal(err)
		}
		for _, a := range s.apps {
			if fault := harmless(a); fault != "" {
				t.Errorf("%q: %s", text, fault)
			}
		}
	}
}
