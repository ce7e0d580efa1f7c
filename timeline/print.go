package timeline

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
)

// colours by kind, for terminals.
var colours = map[Kind]string{
	KindCall: "1", KindStep: "1;36", KindCommand: "34", KindResult: "90", KindDigits: "35", KindRequest: "32",
	KindAnswer:  "32",
	KindWarning: "33", KindError: "31",
}

// Printer gives a sink that writes each record as a line: the time since the call's start, who to whom, what, how long.
//
//	0.043 fspivot → switch   playback silence_stream://20
//
// Records of different calls may come from different goroutines.
func Printer(w io.Writer, colour bool) func(Record) {
	var mu sync.Mutex
	return func(r Record) {
		who := string(r.From)
		if r.To != "" {
			who += " → " + string(r.To)
		}
		line := fmt.Sprintf("%-19s %s", who, oneLine(r.Text))
		if r.Kind == KindWarning || r.Kind == KindError {
			line = fmt.Sprintf("%-19s %s: %s", who, r.Kind, oneLine(r.Text))
			if code := r.Fields["code"]; code != "" {
				line += " [" + code + "]"
			}
		}
		if r.Took >= time.Millisecond {
			line += fmt.Sprintf("  (%s)", r.Took.Round(time.Millisecond))
		}
		if c := colours[r.Kind]; colour && c != "" {
			line = "\x1b[" + c + "m" + line + "\x1b[0m"
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, "%7.3f  %s\n", r.Since.Seconds(), line)
	}
}

// oneLine keeps foreign text from moving a terminal's cursor and from showing itself in another order than it has. At
// most 2000 bytes are shown.
func oneLine(s string) string {
	const most = 2000
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d': // joiners matter in some scripts
			return -1
		}
		return r
	}, s)
}
