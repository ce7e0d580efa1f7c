package twiml

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/call"
	"fspivot/dialplan"
	"fspivot/esl"
	"fspivot/simswitch"
	"fspivot/timeline"
)

// switched is a document on a real channel of the simulated switch, in virtual time.
type switched struct {
	script
	doc  string
	acts []act // of the caller, in order

	phone   *simswitch.Phone
	began   time.Time // of the document
	outcome Outcome
	err     error
	took    time.Duration // until the document's end
	heard   []string      // what the caller got, with times since the document's begin
	ended   simswitch.Ended
	mu      sync.Mutex
}

// act is something that the caller does at a time of the document.
type act struct {
	at time.Duration
	do func(*simswitch.Phone)
}

func press(at time.Duration, keys string) act {
	return act{at, func(p *simswitch.Phone) { p.Press(keys) }}
}

func hangUp(at time.Duration) act { return act{at, func(p *simswitch.Phone) { p.Hangup("") }} }

// party is a dialled party by its number.
func party(dialString string) simswitch.Endpoint {
	switch path.Base(dialString) {
	case "1001": // answers after 2 s and talks for 5
		return simswitch.Endpoint{Rings: true, After: 2 * time.Second, Stays: five}
	case "1002": // answers after 1 s and stays
		return simswitch.Endpoint{Rings: true, After: time.Second}
	case "1003": // rings for ever
		return simswitch.Endpoint{Rings: true, After: -1}
	case "1005": // answers after 1 s and talks for 3
		return simswitch.Endpoint{Rings: true, After: time.Second, Stays: 3 * time.Second}
	case "1004": // busy after 1 s
		return simswitch.Endpoint{Rings: true, After: time.Second, Refuses: "USER_BUSY", SIP: 486}
	}
	return simswitch.Endpoint{Refuses: "UNALLOCATED_NUMBER", SIP: 404}
}

// run runs the document and waits for the end of the call, which it hangs up where the document left it.
func (s *switched) run(t *testing.T) {
	t.Helper()
	if s.folder == "" {
		s.folder = t.TempDir()
	}
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan net.Conn, 1)
		fs := simswitch.New(simswitch.Config{
			Dial: func(context.Context) (net.Conn, error) {
				here, there := net.Pipe()
				conns <- there
				return here, nil
			},
			Endpoints: party,
			Media:     length,
			Trace:     s.trace,
		})
		defer fs.Close()
		phone, err := fs.Call(t.Context(), simswitch.Call{UUID: "aaaaaaaa-0000-4000-8000-000000000001"})
		if err != nil {
			t.Fatal(err)
		}
		s.phone = phone
		session, err := esl.Connect(t.Context(), <-conns, dialplan.Events...)
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		s.records = timeline.New()
		channel := dialplan.NewChannel(session, s.records)
		doc, _, err := Parse([]byte("<Response>"+s.doc+"</Response>"), "")
		if err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.began = time.Now()
		s.mu.Unlock()
		var acting sync.WaitGroup
		acting.Go(func() {
			for _, a := range s.acts {
				select {
				case <-time.After(a.at - time.Since(s.began)):
					a.do(phone)
				case <-phone.Done():
				}
			}
		})
		s.outcome, s.err = doc.Run(t.Context(), &Run{Channel: channel, Call: &call.State{ID: phone.UUID(), CallerNumber: "100"},
			Media: s, Routes: s, Timeline: s.records, Settings: s.settings})
		s.took = time.Since(s.began)
		phone.Hangup("")
		<-phone.Done()
		acting.Wait()
		s.ended = phone.Ended()
		channel.Finish(t.Context())
	})
}

// named is the reference that a file of the script's was made for, and the name of any other.
func named(file string) string {
	if ref, err := hex.DecodeString(strings.TrimPrefix(file, "/cache/")); err == nil && strings.HasPrefix(file, "/cache/") {
		return string(ref)
	}
	return file
}

// length is that of the script's files: the reference says how long it is.
func length(file string) (time.Duration, bool) {
	d, err := time.ParseDuration(named(file))
	return d, err == nil
}

// trace keeps what the caller gets.
func (s *switched) trace(t simswitch.Trace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() {
		return
	}
	at := t.Time.Sub(s.began).Round(time.Second / 2).Seconds()
	switch t.Kind {
	case simswitch.KindAnswer, simswitch.KindEarlyMedia, simswitch.KindRespond, simswitch.KindSendDTMF:
		s.heard = append(s.heard, strings.TrimSpace(fmt.Sprintf("%g %s %s", at, t.Kind, t.Arg)))
	case simswitch.KindPlay, simswitch.KindSpeak:
		s.heard = append(s.heard, fmt.Sprintf("%g %s", at, named(t.Arg)))
	case simswitch.KindDial:
		s.heard = append(s.heard, fmt.Sprintf("%g dial %s", at, path.Base(t.Arg)))
	}
}

// digits is the request's Digits, or "-" where nothing is asked.
func (s *switched) digitsAsked() string {
	if s.outcome.Request == nil {
		return "-"
	}
	return s.outcome.Request.Params["Digits"]
}

// The cases of twiml.md 10 that depend on when keys come. Files are named by their length, a letter of speech takes
// 60 ms.
func TestSwitchGather(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tt := range map[string]struct {
		doc      string
		acts     []act
		settings Settings
		want     string // Digits; "-": the next verb
		took     time.Duration
	}{
		"49 key during the prompt":         {`<Gather numDigits="1"><Play>10s</Play></Gather>`, []act{press(3*s, "3")}, Settings{}, "3", 3 * s},
		"50 one key and silence":           {`<Gather><Play>2s</Play></Gather>`, []act{press(3*s, "3")}, Settings{}, "3", 8 * s},
		"51 the timer restarts":            {`<Gather/>`, []act{press(1*s, "1"), press(5*s, "2"), press(9*s, "3")}, Settings{}, "123", 14 * s},
		"51 in total":                      {`<Gather><Play>2s</Play></Gather>`, []act{press(1*s, "1"), press(5*s, "2"), press(9*s, "3")}, Settings{GatherTotal: true}, "12", 6 * s},
		"52 finish key first":              {`<Gather/>`, []act{press(1*s, "#")}, Settings{}, "-", 1 * s},
		"52 and the action is for empty":   {`<Gather actionOnEmptyResult="true"/>`, []act{press(1*s, "#")}, Settings{}, "", 1 * s},
		"no key, the action is for empty":  {`<Gather actionOnEmptyResult="true"><Play>1s</Play></Gather>`, nil, Settings{}, "", 6 * s},
		"53 enough, then #":                {`<Gather numDigits="4"/>`, []act{press(1*s, "1234#")}, Settings{}, "1234", 1 * s},
		"54 no finish key":                 {`<Gather finishOnKey=""/>`, []act{press(1*s, "12#")}, Settings{}, "12#", 6 * s},
		"55 * finishes":                    {`<Gather finishOnKey="*"/>`, []act{press(1*s, "1#2*")}, Settings{}, "1#2", 1 * s},
		"56 key in the second of three":    {`<Gather><Play>2s</Play><Play>4s</Play><Play>8s</Play></Gather>`, []act{press(3*s, "5")}, Settings{}, "5", 8 * s},
		"57 a Dial in it is skipped":       {`<Gather><Play>2s</Play><Dial>1001</Dial><Play>3s</Play></Gather>`, nil, Settings{}, "-", 10 * s},
		"59 no time":                       {`<Gather timeout="0"><Play>2s</Play></Gather>`, nil, Settings{}, "-", 2 * s},
		"59 no time, a key in the prompt":  {`<Gather timeout="0"><Play>2s</Play></Gather>`, []act{press(1*s, "7")}, Settings{}, "7", 1 * s},
		"60 key typed before":              {`<Play>3s</Play><Gather numDigits="2"/>`, []act{press(1*s, "1"), press(4*s, "2")}, Settings{}, "12", 4 * s},
		"60 the key ends what plays":       {`<Play>9s</Play><Gather numDigits="1"/>`, []act{press(1*s, "1")}, Settings{}, "1", 1 * s},
		"60 not with a prompt":             {`<Play>3s</Play><Gather numDigits="1"><Play>2s</Play></Gather>`, []act{press(1*s, "1"), press(2*s, "2")}, Settings{}, "2", 2 * s},
		"60 not in twilio":                 {`<Play>3s</Play><Gather numDigits="1"/>`, []act{press(1*s, "1"), press(5*s, "2")}, Settings{Dialect: Twilio}, "2", 5 * s},
		"60 typed in a loop":               {`<Play loop="3">2s</Play><Gather numDigits="2"/>`, []act{press(3*s, "1"), press(4*s, "2")}, Settings{}, "12", 4 * s},
		"62 speech alone":                  {`<Gather input="speech" timeout="3"><Play>2s</Play></Gather>`, []act{press(1*s, "1")}, Settings{}, "-", 5 * s},
		"63 both kinds of input":           {`<Gather input="dtmf speech" numDigits="1"/>`, []act{press(1*s, "1")}, Settings{}, "1", 1 * s},
		"64 200 keys":                      {`<Gather/>`, []act{press(1*s, strings.Repeat("1", 200))}, Settings{}, strings.Repeat("1", 128), 8620 * time.Millisecond},
		"65 a letter":                      {`<Gather numDigits="2"/>`, []act{press(1*s, "A1")}, Settings{}, "A1", 1 * s},
		"keys do not stop the prompts":     {`<Gather bargeIn="false" numDigits="2"><Play>4s</Play></Gather>`, []act{press(1*s, "1"), press(6*s, "2")}, Settings{}, "12", 6 * s},
		"and the timer waits for them":     {`<Gather bargeIn="false"><Play>4s</Play></Gather>`, []act{press(1*s, "1")}, Settings{}, "1", 9 * s},
		"valid keys count":                 {`<Gather validDigits="12" numDigits="2"/>`, []act{press(1*s, "1929")}, Settings{}, "12", 1 * s},
		"the prompt's own repetitions":     {`<Gather><Play loop="3">2s</Play><Say>12345678</Say></Gather>`, nil, Settings{}, "-", 11500 * time.Millisecond},
		"a missing prompt":                 {`<Gather><Play>404</Play><Play>1s</Play></Gather>`, nil, Settings{}, "-", 6 * s},
		"a missing prompt for ever":        {`<Gather><Play loop="0">lost</Play></Gather>`, nil, Settings{}, "-", 5 * s},
		"pause cut by a key":               {`<Gather numDigits="1"><Pause length="60"/></Gather>`, []act{press(2*s, "1")}, Settings{}, "1", 2 * s},
		"key in the break of a Say":        {`<Gather numDigits="1"><Say>a<break time="9s"/>b</Say></Gather>`, []act{press(2*s, "1")}, Settings{}, "1", 2 * s},
		"58 repeated until the key":        {`<Gather numDigits="1"><Play loop="0">2s</Play></Gather>`, []act{press(99*s, "1")}, Settings{}, "1", 99 * s},
		"two Gathers in a row":             {`<Gather timeout="2"/><Gather numDigits="1"/>`, []act{press(3*s, "1")}, Settings{}, "1", 3 * s},
		"the finish key is not the next's": {`<Gather/><Gather numDigits="2"/>`, []act{press(1*s, "#"), press(2*s, "12")}, Settings{}, "12", 2 * s},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switched{script: script{settings: tt.settings, missing: "404"}, doc: tt.doc, acts: tt.acts}
			s.run(t)
			if s.err != nil || s.digitsAsked() != tt.want {
				t.Errorf("digits %q, %v, want %q", s.digitsAsked(), s.err, tt.want)
			}
			if d := s.took - tt.took; d < -250*time.Millisecond || d > 250*time.Millisecond {
				t.Errorf("took %v, want %v; the caller heard %v", s.took, tt.took, s.heard)
			}
		})
	}
}

// What the caller hears, and when: nothing is waited for between verbs.
func TestSwitchHears(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tt := range map[string]struct {
		doc  string
		acts []act
		s    script
		want []string
	}{
		"verbs in a row":            {`<Play>1s</Play><Play>2s</Play><Pause length="3"/><Play>1s</Play>`, nil, script{}, []string{"0 answer", "0 1s", "1 2s", "3 silence_stream://3000", "6 1s"}},
		"39 a key ends the loop":    {`<Play loop="3">2s</Play><Play>1s</Play>`, []act{press(3*s, "5")}, script{}, []string{"0 answer", "0 2s", "2 2s", "3 1s"}},
		"the last repetition":       {`<Play loop="2">2s</Play><Play>1s</Play>`, []act{press(3*s, "5")}, script{}, []string{"0 answer", "0 2s", "2 2s", "3 1s"}},
		"40 keys do nothing":        {`<Play terminators="">3s</Play><Play>1s</Play>`, []act{press(1*s, "5")}, script{}, []string{"0 answer", "0 3s", "3 1s"}},
		"43 a missing file":         {`<Play>404</Play><Play>1s</Play>`, nil, script{missing: "404"}, []string{"0 answer", "0 1s"}},
		"44 missing at the switch":  {`<Play loop="0">lost</Play><Play>1s</Play>`, nil, script{}, []string{"0 answer", "0 1s"}},
		"45 tones":                  {`<Play digits="ww12"/><Play>1s</Play>`, nil, script{}, []string{"0 answer", "0 send-dtmf ww12", "0 silence_stream://2000", "2 1s"}},
		"46 Pause answers":          {`<Pause length="2"/>`, nil, script{}, []string{"0 answer", "0 silence_stream://2000"}},
		"46 not in twilio":          {`<Pause length="2"/><Play>1s</Play>`, nil, script{settings: Settings{Dialect: Twilio}}, []string{"2 answer", "2 1s"}},
		"a key during a Pause":      {`<Pause length="3"/><Play>1s</Play>`, []act{press(1*s, "1")}, script{}, []string{"0 answer", "0 silence_stream://3000", "3 1s"}},
		"109 Reject":                {`<Reject/>`, nil, script{}, []string{"0 respond 603 Decline"}},
		"109 busy":                  {`<Reject reason="busy"/>`, nil, script{}, []string{"0 respond 486 Busy Here"}},
		"111 prompt":                {`<Reject prompt="2s"/>`, nil, script{}, []string{"0 early-media", "0 2s", "2 respond 603 Decline"}},
		"111 a prompt that is lost": {`<Reject prompt="404"/>`, nil, script{missing: "404"}, []string{"0 respond 603 Decline"}},
		"record behind the beep":    {`<Play>1s</Play><Record maxLength="3"/><Play>1s</Play>`, nil, script{}, []string{"0 answer", "0 1s", "1 tone_stream://%(500,0,440)", "5 1s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switched{script: tt.s, doc: tt.doc, acts: tt.acts}
			s.run(t)
			if s.err != nil || s.outcome.Kind != End {
				t.Errorf("%v, %v", s.outcome, s.err)
			}
			if diff := cmp.Diff(tt.want, s.heard); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

// How the call ends for the caller.
func TestSwitchEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		doc      string
		settings Settings
		cause    string
		sip      int
		answered bool
	}{
		"the end of the document":  {`<Play>1s</Play>`, Settings{}, "NORMAL_CLEARING", 0, true},
		"nothing that answers":     {`<Set/>`, Settings{}, "NORMAL_CLEARING", 480, false},
		"112 Hangup answers":       {`<Hangup/>`, Settings{}, "NORMAL_CLEARING", 0, true},
		"112 or does not":          {`<Hangup/>`, Settings{HangupSilent: true}, "NORMAL_CLEARING", 480, false},
		"109 Reject":               {`<Reject/>`, Settings{}, "CALL_REJECTED", 603, false},
		"109 Reject busy":          {`<Reject reason="busy"/>`, Settings{}, "USER_BUSY", 486, false},
		"another code":             {`<Reject/>`, Settings{RejectCode: 503}, "NORMAL_TEMPORARY_FAILURE", 503, false},
		"110 Reject when answered": {`<Play>1s</Play><Reject/>`, Settings{}, "CALL_REJECTED", 0, true},
		"110 busy when answered":   {`<Play>1s</Play><Reject reason="BUSY"/>`, Settings{}, "USER_BUSY", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switched{script: script{settings: tt.settings}, doc: tt.doc}
			s.run(t)
			if s.err != nil || s.outcome.Kind != End {
				t.Errorf("%v, %v", s.outcome, s.err)
			}
			if s.ended.Cause != tt.cause || s.ended.SIP != tt.sip || !s.ended.Answered.IsZero() != tt.answered {
				t.Errorf("ended %+v, want %s %d", s.ended, tt.cause, tt.sip)
			}
		})
	}
}

func TestSwitchRecord(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tt := range map[string]struct {
		doc     string
		acts    []act
		how     error
		digits  string // "-": nothing is asked, "": without Digits
		seconds string
		took    time.Duration
	}{
		"66 a key after 3 s":      {`<Record action="a"/>`, []act{{0, func(p *simswitch.Phone) { p.Say(9 * s) }}, press(3500*time.Millisecond, "1")}, nil, "1", "3", 3500 * time.Millisecond},
		"67 silence":              {`<Record action="a" timeout="4"/>`, nil, nil, "", "4", 4500 * time.Millisecond},
		"75 silence does not end": {`<Record action="a" timeout="0" maxLength="7"/>`, nil, nil, "", "7", 8 * s},
		"70 hangup in the beep":   {`<Record action="a"/>`, []act{hangUp(250 * time.Millisecond)}, dialplan.ErrGone, "hangup", "0", 250 * time.Millisecond},
		"69 hangup":               {`<Record action="a"/>`, []act{hangUp(2500 * time.Millisecond)}, dialplan.ErrGone, "hangup", "2", 2500 * time.Millisecond},
		"hangup before":           {`<Play>5s</Play><Record action="a"/>`, []act{hangUp(2 * s)}, dialplan.ErrGone, "-", "", 2 * s},
		"taken away":              {`<Record action="a"/>`, []act{{2500 * time.Millisecond, (*simswitch.Phone).Transfer}}, dialplan.ErrGone, "hangup", "2", 2500 * time.Millisecond}, // the switch hangs up over it
		"keys in the beep":        {`<Record action="a" timeout="3"/>`, []act{press(200*time.Millisecond, "1")}, nil, "", "3", 3500 * time.Millisecond},
		"77 no beep, key at once": {`<Record action="a" playBeep="false"/>`, []act{press(500*time.Millisecond, "1")}, nil, "1", "1", 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switched{doc: tt.doc, acts: tt.acts}
			s.run(t)
			got, seconds := "-", ""
			if s.outcome.Request != nil {
				got, seconds = s.digitsAsked(), s.outcome.Request.Params["RecordingDuration"]
			}
			if !errors.Is(s.err, tt.how) || got != tt.digits || seconds != tt.seconds {
				t.Errorf("digits %q, %q seconds, %v; want %q, %q, %v", got, seconds, s.err, tt.digits, tt.seconds, tt.how)
			}
			if d := s.took - tt.took; d < -time.Second || d > time.Second {
				t.Errorf("took %v, want %v", s.took, tt.took)
			}
		})
	}
}

func TestSwitchDial(t *testing.T) {
	t.Parallel()
	const s = time.Second
	none := ""
	for name, tt := range map[string]struct {
		doc      string
		acts     []act
		err      error
		status   string // "-": nothing is asked
		duration string // DialCallDuration; "": none
		leg      int    // that DialCallSid names, from 0; -1: none
		took     time.Duration
	}{
		"answered":                  {`<Dial action="a">1001</Dial>`, nil, nil, "completed", "5", 0, 7 * s},
		"80 busy":                   {`<Dial action="a">1004</Dial>`, nil, nil, "busy", none, 0, 1 * s},
		"81 nobody answers":         {`<Dial action="a" timeout="4">1003</Dial>`, nil, nil, "no-answer", none, 0, 4 * s},
		"no such number":            {`<Dial action="a">1999</Dial>`, nil, nil, "failed", none, 0, 0},
		"79 one busy, one answers":  {`<Dial action="a"><Number>1004</Number><Number>1001</Number></Dial>`, nil, nil, "completed", "5", 1, 7 * s},
		"80 both busy":              {`<Dial action="a"><Number>1004</Number><Number>1004</Number></Dial>`, nil, nil, "busy", none, 1, 1 * s},
		"80 busy and no answer":     {`<Dial action="a" timeout="3"><Number>1004</Number><Number>1003</Number></Dial>`, nil, nil, "busy", none, 1, 3 * s},
		"the first of two":          {`<Dial action="a"><Number>1001</Number><Number>1005</Number></Dial>`, nil, nil, "completed", "3", 1, 4 * s},
		"in turn":                   {`<Dial action="a" sequential="true" timeout="3"><Number>1003</Number><Number>1001</Number></Dial>`, nil, nil, "completed", "5", 1, 11 * s},
		"in turn, nobody":           {`<Dial action="a" sequential="true" timeout="3"><Number>1003</Number><Number>1003</Number></Dial>`, nil, nil, "no-answer", none, 1, 7 * s},
		"82 hangup while it rings":  {`<Dial action="a">1003</Dial>`, []act{hangUp(2 * s)}, dialplan.ErrGone, "canceled", none, 0, 2 * s},
		"hangup while they talk":    {`<Dial action="a">1001</Dial>`, []act{hangUp(5 * s)}, dialplan.ErrGone, "completed", "3", 0, 5 * s},
		"hangup before":             {`<Play>5s</Play><Dial action="a">1001</Dial>`, []act{hangUp(2 * s)}, dialplan.ErrGone, "-", none, -1, 2 * s},
		"84 star":                   {`<Dial action="a" hangupOnStar="true">1002</Dial>`, []act{press(4*s, "1*")}, nil, "completed", "3", 0, 4 * s},
		"star goes to the far side": {`<Dial action="a">1001</Dial>`, []act{press(4*s, "1*")}, nil, "completed", "5", 0, 7 * s},
		"no action, next verb":      {`<Dial>1001</Dial><Play>2s</Play>`, nil, nil, "-", none, -1, 9 * s},
		"no action, star":           {`<Dial hangupOnStar="true">1002</Dial><Play>2s</Play>`, []act{press(4*s, "*")}, nil, "-", none, -1, 6 * s},
		"recorded":                  {`<Dial action="a" record="true">1001</Dial>`, nil, nil, "completed", "5", 0, 7 * s},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switched{doc: tt.doc, acts: tt.acts}
			s.run(t)
			status, duration, sid := "-", "", ""
			if r := s.outcome.Request; r != nil {
				status, duration, sid = r.Params["DialCallStatus"], r.Params["DialCallDuration"], r.Params["DialCallSid"]
			}
			if !errors.Is(s.err, tt.err) || status != tt.status || duration != tt.duration {
				t.Errorf("status %s, duration %q, %v; want %s, %q, %v", status, duration, s.err, tt.status, tt.duration, tt.err)
			}
			leg := slices.IndexFunc(s.phone.Legs(), func(l simswitch.Leg) bool { return l.UUID == sid })
			if leg != tt.leg {
				t.Errorf("DialCallSid is of leg %d, want %d", leg, tt.leg)
			}
			if d := s.took - tt.took; d < -1100*time.Millisecond || d > 1100*time.Millisecond { // the switch counts whole seconds
				t.Errorf("took %v, want %v", s.took, tt.took)
			}
			for _, l := range s.phone.Legs() {
				if l.Ended.IsZero() {
					t.Errorf("leg %s lives on", l.Number)
				}
			}
		})
	}
}

// 83: the caller of a Dial with answerOnBridge is answered by the one that answers, or not at all.
func TestSwitchAnswerOnBridge(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{"1001": true, "1003": false} {
		s := &switched{doc: `<Dial answerOnBridge="true" timeout="4">` + number + `</Dial><Reject/>`}
		s.run(t)
		if s.err != nil || !s.ended.Answered.IsZero() != want {
			t.Errorf("%s: %v, %v, ended %+v", number, s.outcome, s.err, s.ended)
		}
		if !want && s.ended.SIP != 603 {
			t.Errorf("%s: ended with %d", number, s.ended.SIP)
		}
		if tone := s.phone.Variable("ringback"); tone != "" {
			t.Errorf("%s: the caller hears %q, not the far side", number, tone)
		}
	}
}

// The caller may go at any time: no request but that of the verb which was at work, no verb after that.
func TestSwitchHangup(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`<Pause length="60"/>`, // 48
		`<Play>60s</Play>`,     // 119
		`<Play loop="0">1s</Play>`,
		`<Say loop="0">a<break/>b</Say>`,
		`<Gather action="a" actionOnEmptyResult="true"><Play>60s</Play></Gather>`, // 61
		`<Gather action="a" timeout="60" actionOnEmptyResult="true"/>`,
		`<Gather action="a"><Say loop="0">a<break/>b</Say></Gather>`, // 58
		`<Gather input="speech" timeout="60" action="a" actionOnEmptyResult="true"/>`,
		`<Play digits="wwwwwwwwwwwwwwwwwwww1"/>`,
		strings.Repeat(`<Play>1s</Play>`, 200),
		`<Reject prompt="60s"/>`,
	} {
		s := &switched{doc: doc + `<Play>7s</Play><Redirect>x</Redirect>`, acts: []act{hangUp(5 * time.Second)}}
		s.run(t)
		if s.outcome.Request != nil || s.err != nil && !errors.Is(s.err, dialplan.ErrGone) {
			t.Errorf("%.60s: %+v, %v", doc, s.outcome, s.err)
		}
		if d := s.took - 5*time.Second; d < 0 || d > 100*time.Millisecond {
			t.Errorf("%.60s: ended after %v", doc, s.took)
		}
		for _, h := range s.heard {
			if strings.HasSuffix(h, " 7s") {
				t.Errorf("%.60s: the next verb ran: %v", doc, s.heard)
			}
		}
	}
}

// 121: somebody takes the call away: no hangup, no request.
func TestSwitchLeft(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{`<Play>60s</Play>`, `<Pause length="60"/>`, `<Gather action="a" timeout="60"><Play>2s</Play></Gather>`, `<Say loop="0">a<break/>b</Say>`,
		`<Play>60s</Play><Redirect>x</Redirect>`} {
		s := &switched{doc: doc, acts: []act{{3 * time.Second, (*simswitch.Phone).Transfer}}}
		s.run(t)
		if s.err != nil || s.outcome.Kind != Left || s.outcome.Request != nil {
			t.Errorf("%s: %+v, %v", doc, s.outcome, s.err)
		}
		if s.took > 3100*time.Millisecond {
			t.Errorf("%s: ended after %v", doc, s.took)
		}
	}
}
