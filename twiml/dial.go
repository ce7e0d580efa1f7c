package twiml

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"fspivot/dialplan"
)

// Dial rings targets and joins the caller to the one that answers first.
//
//	<Dial timeout="20" action="after" hangupOnStar="true">+15005550002</Dial>
//	<Dial><Number>+15005550002</Number><Sip>sip:a@example.org</Sip></Dial>
//
// It answers first, unless AnswerOnBridge or Settings.DialSilent. Timeout is 1–600 whole seconds for each target, Limit
// 1–86400 from the answer. Text with a digit is the only target; else up to ten nouns are rung together or in turn. A
// target that can't be dialled is left out with a record, and with none left the status is failed. With an action it
// asks with DialCallStatus, DialBridged, DialCallSid, DialCallDuration and the recording; a caller who hangs up asks
// detached, unless it was before anybody was dialled. Keys pressed meanwhile are forgotten. Source: twiml.md 4.6, 4.7,
// 5.2, appendix B.
type Dial struct {
	Action         reference
	HasAction      bool
	Method         string
	Timeout, Limit time.Duration
	HangupKey      dialplan.Digits // one key, or none
	CallerID       string          // "": the caller's
	CallerName     string
	AnswerOnBridge bool
	InTurn         bool
	RingTone       dialplan.File // zero: the default tone
	Record         recordWhen
	Store          storing
	Targets        []target
	Unsupported    string // Conference or Queue: the Dial fails
}

// recordWhen is when a Dial is recorded, and how.
type recordWhen struct{ On, FromAnswer, Stereo bool }

// target is something that a Dial rings.
type target interface {
	endpoints(s *session) ([]dialplan.Endpoint, error)
}

const (
	maxTargets = 10
	maxLegs    = 64 // of all targets: a user may have many devices
)

func parseDial(e *element) verb {
	v := &Dial{
		Action:         e.url("action"),
		HasAction:      e.attribute("action") != "",
		Method:         e.method("method", "13210"),
		Timeout:        e.seconds("timeout", 30, 1, 600, "13212"),
		Limit:          e.seconds("timeLimit", 14400, 1, 86400, "13216"),
		AnswerOnBridge: e.bool("answerOnBridge", false, "13219"),
		InTurn:         e.bool("sequential", false, "13218"),
		Store:          e.storing(),
	}
	if e.enum("strategy", "", "12200", "simultaneous", "single") == "single" {
		v.InTurn = true
	}
	if v.HangupKey = e.keys("hangupOn", "", "13213"); len(v.HangupKey) > 1 {
		e.problem("13213", "hangupOn=%q: only its first key is used", clip(string(v.HangupKey)))
		v.HangupKey = v.HangupKey[:1]
	}
	if e.bool("hangupOnStar", false, "13213") {
		v.HangupKey = "*"
	}
	v.CallerID = e.shown("callerId", "+-._ ")
	v.CallerName = e.shown("callerName", nameMarks)
	if other := e.shown("fromDisplayName", nameMarks); v.CallerName == "" {
		v.CallerName = other
	}
	v.RingTone = e.ringTone("ringTone")
	v.Record = e.recordWhen()
	e.track()
	e.enum("trim", "", "13699", "trim-silence", "do-not-trim")
	e.unsupported("referUrl")
	v.parseTargets(e)
	return v
}

// nameMarks may stand in a name beside letters and digits.
const nameMarks = "+-._ ,'&()/"

// shown gives a number or name for the far side to see, of letters and digits and marks. The letters of a number are
// ASCII.
func (e *element) shown(name, marks string) string {
	value := e.attribute(name)
	for _, r := range value {
		letter := r < utf8.RuneSelf && isWord(byte(r)) || marks == nameMarks && unicode.IsLetter(r)
		if !letter && !strings.ContainsRune(marks, r) {
			e.problem("13214", "%s=%q has %q: it is ignored", name, clip(value), r)
			return ""
		}
	}
	if len(value) > 128 {
		e.problem("13214", "%s is over 128 bytes: it is ignored", name)
		return ""
	}
	return value
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (e *element) recordWhen() recordWhen {
	value := e.attribute("record")
	word := e.enum("record", "do-not-record", "13217", "do-not-record", "false", "true", "record-from-answer",
		"record-from-ringing", "record-from-answer-dual", "record-from-ringing-dual")
	if value == "" || word == "false" || word == "do-not-record" {
		return recordWhen{}
	}
	return recordWhen{On: true, FromAnswer: !strings.Contains(word, "ringing"), Stereo: strings.HasSuffix(word, "-dual")}
}

// unsupported reports attributes that a later version will obey.
func (e *element) unsupported(names ...string) {
	for _, name := range names {
		if e.attribute(name) != "" {
			e.problem("13750", "attribute %s of %s is not supported yet: it is ignored", name, e.name())
		}
	}
}

func (v *Dial) parseTargets(e *element) {
	nouns := e.children()
	if text := strings.TrimSpace(e.text()); strings.ContainsAny(text, "0123456789") {
		if len(nouns) > 0 {
			e.problem("12200", "Dial has a number of its own: its nouns are ignored")
		}
		if n, ok := e.dialled(text); ok {
			v.Targets = append(v.Targets, n)
		}
		return
	} else if text != "" {
		e.problem("13223", "%q has no digit: it is ignored", clip(text))
	}
	kind, count := "", 0
	for _, noun := range nouns {
		name := noun.name()
		entry, known := lookup("Dial", name)
		if !known {
			noun.problem("12200", "%s is not known inside Dial: it is skipped", clip(name))
			continue
		}
		noun.declared = entry.Attributes
		this := "legs"
		if name == "Conference" || name == "Queue" {
			this = name
		}
		if kind == "" {
			kind = this
		}
		if this != kind || kind != "legs" && count > 0 {
			noun.problem("13000", "%s can't stand beside what is before it: it is ignored", name)
			continue
		}
		count++
		if kind != "legs" {
			v.Unsupported = name
			noun.problem("13750", "%s is not supported yet: the Dial fails", name)
			continue
		}
		if count > maxTargets {
			noun.problem("12200", "a Dial rings %d targets at most: this one is left out", maxTargets)
			continue
		}
		noun.unknown()
		if t := parseNoun(noun); t != nil {
			v.Targets = append(v.Targets, t)
		}
	}
	if len(v.Targets) == 0 && v.Unsupported == "" {
		e.problem("13224", "Dial has nobody to ring: it fails")
	}
}

func parseNoun(e *element) target {
	switch e.name() {
	case "Application", "Sim", "WhatsApp":
		e.problem("13224", "%s can't be dialled from here: it is left out", e.name())
		return nil
	}
	// No leg gets them yet.
	e.unsupported("sendDigits", "url", "statusCallback", "machineDetection", "amdStatusCallback")
	switch e.name() {
	case "Number":
		e.noElements()
		if n, ok := e.dialled(e.text()); ok {
			return n
		}
	case "Sip":
		return parseSIP(e)
	default:
		return parseUser(e)
	}
	return nil
}

func (v *Dial) run(ctx context.Context, s *session) (outcome, error) {
	if !v.AnswerOnBridge && !s.Settings.DialSilent {
		s.answer()
	}
	var endpoints []dialplan.Endpoint
	if v.Unsupported != "" {
		s.Timeline.Error("13750", v.Unsupported+" is not supported yet: the Dial fails")
	} else if endpoints = v.endpoints(s); len(endpoints) == 0 {
		s.Timeline.Error("13224", "there is nobody to ring: the Dial fails")
	}
	if len(endpoints) == 0 {
		return v.failed(ctx, s)
	}
	params := map[string]string{}
	result, err := v.bridge(ctx, s, endpoints, params)
	gone := errors.Is(err, dialplan.ErrGone)
	if err != nil && !gone || gone && !result.begun {
		return next, err
	}
	if result.cause == attendedTransfer {
		return left, nil
	}
	s.Channel.ForgetDigits()
	if !v.HasAction {
		return next, err
	}
	result.parameters(params)
	r := s.action(v.Action, v.Method, params)
	r.Detached = gone
	return request(r), err
}

// failed is a Dial that makes no call.
func (v *Dial) failed(ctx context.Context, s *session) (outcome, error) {
	if !v.HasAction {
		return next, nil
	}
	if err := s.drain(ctx); err != nil {
		return next, err
	}
	params := map[string]string{}
	dialled{status: "failed"}.parameters(params)
	return request(s.action(v.Action, v.Method, params)), nil
}

// endpoints are the targets that can be dialled, as legs.
func (v *Dial) endpoints(s *session) []dialplan.Endpoint {
	var list []dialplan.Endpoint
	for _, t := range v.Targets {
		endpoints, err := t.endpoints(s)
		if err != nil {
			s.Timeline.Warn("13224", fmt.Sprintf("a target is left out: %v", err))
		}
		for _, e := range endpoints {
			for _, name := range e.Sendable() {
				s.Timeline.Warn("13252", "header "+name+" has a value that can't be sent: it is left out")
			}
			if len(list) == maxLegs {
				s.Timeline.Warn("12200", fmt.Sprintf("a Dial rings %d legs at most: the others are left out", maxLegs))
				return list
			}
			e.UUID, e.Timeout, e.Limit = uuid.NewString(), v.Timeout, v.Limit
			list = append(list, e)
		}
	}
	return list
}

// bridge dials, with the recording around it, whose parameters it adds. The error may be ErrGone beside a result.
func (v *Dial) bridge(
	ctx context.Context, s *session, endpoints []dialplan.Endpoint, params map[string]string,
) (dialled, error) {
	ids := make([]string, len(endpoints))
	for i, e := range endpoints {
		ids[i] = e.UUID
	}
	tape, err := v.record(ctx, s)
	if err != nil {
		return dialled{}, err
	}
	s.Channel.Watch(ids...)
	done, err := s.do(ctx, v.application(s, endpoints))
	ended := time.Now()
	result := judge(done, ids, s.Channel.Unwatch(), ended, errors.Is(err, dialplan.ErrGone))
	if tape == nil {
		return result, err
	}
	length := ended.Sub(tape.began)
	if v.Record.FromAnswer {
		length = result.duration
	}
	if err == nil {
		var stopped dialplan.Completion
		stopped, err = s.do(ctx, dialplan.StopRecordSession{File: tape.recording.File})
		if !stopped.Dropped {
			length = stopped.Recorded().Length
		}
	}
	stopping := err != nil && !errors.Is(err, dialplan.ErrGone)
	if stopping || !result.begun || v.Record.FromAnswer && !result.bridged {
		s.discard(tape.recording)
		return result, err
	}
	s.Media.Finished(tape.recording, length)
	if length > 0 {
		tape.recording.parameters(length, params)
	}
	return result, err
}

// tape is a recording that runs beside a bridge.
type tape struct {
	recording Recording
	began     time.Time // of one that records the ringing
}

// record starts the recording; nil: there is none. It waits for the start only where its time counts.
func (v *Dial) record(ctx context.Context, s *session) (*tape, error) {
	if !v.Record.On {
		return nil, nil
	}
	channels := 1
	if v.Record.Stereo {
		channels = 2
	}
	recording, err := v.Store.begin(s, "DialVerb", channels)
	if err != nil {
		return nil, nil // the call matters more
	}
	// The length is read from a variable, in which nothing of an earlier recording may be left.
	s.Channel.Queue(dialplan.Set{Variable: recordedLength})
	start := dialplan.RecordSession{File: recording.File, Stereo: v.Record.Stereo, OnlyBridge: v.Record.FromAnswer}
	if v.Record.FromAnswer {
		s.Channel.Queue(start)
		return &tape{recording: recording}, nil
	}
	if _, err := s.do(ctx, start); err != nil {
		s.discard(recording)
		return nil, err
	}
	return &tape{recording: recording, began: time.Now()}, nil
}

// recordedLength unsets what Completion.Recorded reads.
var recordedLength = func() dialplan.Variable {
	name, err := dialplan.ParseName("record_ms")
	if err != nil {
		panic(err)
	}
	return dialplan.Variable{Name: name}
}()

func (v *Dial) application(s *session, endpoints []dialplan.Endpoint) dialplan.Bridge {
	b := dialplan.Bridge{
		Endpoints: endpoints, InTurn: v.InTurn, Timeout: v.Timeout, Ringback: v.RingTone, HangupKey: v.HangupKey,
		IgnoreEarlyMedia: !v.AnswerOnBridge || !v.RingTone.IsZero(),
		CallerName:       dialplan.Foreign(s.Call.CallerName), CallerNumber: dialplan.Foreign(s.Call.CallerNumber),
	}
	if v.InTurn {
		b.Timeout = v.Timeout * time.Duration(len(endpoints))
	}
	if v.CallerID != "" {
		b.CallerNumber = dialplan.Foreign(v.CallerID)
	}
	if v.CallerName != "" {
		b.CallerName = dialplan.Foreign(v.CallerName)
	}
	return b
}
