package service

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"fspivot/timeline"
)

// sinks are where a call's records go: the log, and whoever watches.
func (s *Service) sinks(id string, log *logrus.Entry) []func(timeline.Record) {
	sinks := []func(timeline.Record){func(r timeline.Record) { logRecord(log, r) }}
	for _, observe := range s.observers {
		sinks = append(sinks, func(r timeline.Record) { observe(id, r) })
	}
	return sinks
}

var levels = map[timeline.Kind]logrus.Level{
	timeline.KindCommand: logrus.DebugLevel,
	timeline.KindResult:  logrus.DebugLevel,
	timeline.KindDigits:  logrus.DebugLevel,
	timeline.KindWarning: logrus.WarnLevel,
	timeline.KindError:   logrus.WarnLevel, // of a document or a web server: we coped
}

// logRecord writes a record to the log. What a caller types is a secret there: digits become a count.
func logRecord(log *logrus.Entry, r timeline.Record) {
	level, ok := levels[r.Kind]
	if !ok {
		level = logrus.InfoLevel
	}
	if !log.Logger.IsLevelEnabled(level) {
		return
	}
	fields := logrus.Fields{"from": string(r.From)}
	if r.To != "" {
		fields["to"] = string(r.To)
	}
	if r.Took > 0 {
		fields["took_ms"] = r.Took.Milliseconds()
	}
	for name, value := range r.Fields {
		fields[name] = hide(value)
	}
	text := hide(r.Text)
	if r.Kind == timeline.KindDigits {
		text = "key"
	}
	fields["what"] = text
	log.WithFields(fields).Log(level, string(r.Kind))
}

// What a request tells may be a secret in the log: digits, in a query, a form or JSON, and parameters whose name says so.
var (
	secrets    = []string{"password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "accesskey", "signature"}
	named      = `(?:` + strings.Join(secrets, "|") + `)`
	digitsForm = regexp.MustCompile(`\b(Digits(?:\[[^=&\s]*\]|%5B[^=&\s]*%5D)?=)([^&":\s]*)`)
	digitsJSON = regexp.MustCompile(`("Digits":\s*)("[^"]*"|\{[^{}]*\})`)
	jsonValue  = regexp.MustCompile(`(:\s*|^)"([^"]*)"`)
	errorURL   = regexp.MustCompile(`(\bErrorUrl=[^&\s]*?%3F)[^&\s]*`) // its query is encoded twice
	secretForm = regexp.MustCompile(`(?i)([?&\s\[_-]` + named + `\]?=)([^&"\s]*)`)
	secretJSON = regexp.MustCompile(`(?i)("[^"]*` + named + `":\s*)"(?:[^"\\]|\\.)*"`)
)

// hide replaces the digits of a request by how many they are, and secrets by nothing at all.
func hide(s string) string {
	if strings.Contains(s, "Digits") {
		s = digitsForm.ReplaceAllStringFunc(s, func(m string) string {
			parts := digitsForm.FindStringSubmatch(m)
			digits, err := url.QueryUnescape(parts[2])
			if err != nil {
				digits = parts[2]
			}
			return fmt.Sprintf("%s(%d)", parts[1], len(digits))
		})
		s = digitsJSON.ReplaceAllStringFunc(s, func(m string) string {
			parts := digitsJSON.FindStringSubmatch(m)
			return parts[1] + jsonValue.ReplaceAllStringFunc(parts[2], func(m string) string {
				value := jsonValue.FindStringSubmatch(m)
				return fmt.Sprintf(`%s"(%d)"`, value[1], len(value[2]))
			})
		})
	}
	if !strings.ContainsAny(s, "=:") {
		return s
	}
	s = errorURL.ReplaceAllString(s, "$1(hidden)")
	lower := strings.ToLower(s)
	if slices.ContainsFunc(secrets, func(name string) bool { return strings.Contains(lower, name) }) {
		s = secretForm.ReplaceAllString(s, "$1(hidden)")
		s = secretJSON.ReplaceAllString(s, `$1"(hidden)"`)
	}
	return s
}
