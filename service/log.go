package service

import (
	"fmt"
	"regexp"

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
		fields[name] = hideDigits(value)
	}
	text := hideDigits(r.Text)
	if r.Kind == timeline.KindDigits {
		text = "key"
	}
	fields["what"] = text
	log.WithFields(fields).Log(level, string(r.Kind))
}

var digitsForm = regexp.MustCompile(`(Digits(?:%5B[^=&]*|\[[^=&]*)?=|"Digits":\s*")([^&"\s]*)`)

// hideDigits replaces the digits of a request by how many they are.
func hideDigits(s string) string {
	return digitsForm.ReplaceAllStringFunc(s, func(m string) string {
		parts := digitsForm.FindStringSubmatch(m)
		return fmt.Sprintf("%s(%d)", parts[1], len(parts[2]))
	})
}
