package twiml

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

// leg is a leg to a number with a Dial's defaults.
func leg(n dialplan.Number) dialplan.Endpoint {
	e := carrier.Number(n)
	e.Timeout, e.Limit = 30*time.Second, 4*time.Hour
	return e
}

// bridged is the Bridge of a Dial with the defaults, changed by f.
func bridged(f func(*dialplan.Bridge), legs ...dialplan.Endpoint) dialplan.Bridge {
	b := dialplan.Bridge{Endpoints: legs, Timeout: 30 * time.Second, IgnoreEarlyMedia: true,
		CallerName: dialplan.Foreign("Ann"), CallerNumber: dialplan.Foreign("100")}
	if f != nil {
		f(&b)
	}
	return b
}

func TestDial(t *testing.T) {
	t.Parallel()
	straight(t, script{}, map[string]apps{
		`<Dial>+1 (500) 555-0002</Dial>`:                      {dialplan.Answer{}, bridged(nil, leg("+15005550002")), hangup},
		`<Dial><Number>15</Number></Dial><Say>a</Say>`:        {dialplan.Answer{}, bridged(nil, leg("15")), speak("a", allKeys), hangup},
		`<Dial><Number>15</Number><Number>16</Number></Dial>`: {dialplan.Answer{}, bridged(nil, leg("15"), leg("16")), hangup},
		`<Dial>15<Number>16</Number></Dial>`:                  {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial>call<Number>16</Number></Dial>`:                {dialplan.Answer{}, bridged(nil, leg("16")), hangup},
		`<Dial><![CDATA[15]]><!-- 6 --></Dial>`:               {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial timeout="10" timeLimit="60">15</Dial>`: {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) {
			b.Timeout = 10 * time.Second
			b.Endpoints[0].Timeout, b.Endpoints[0].Limit = 10*time.Second, time.Minute
		}, leg("15")), hangup},
		`<Dial timeout="999" timeLimit="99999">15</Dial>`: {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) {
			b.Timeout = 600 * time.Second
			b.Endpoints[0].Timeout, b.Endpoints[0].Limit = 600*time.Second, 24*time.Hour
		}, leg("15")), hangup},
		`<Dial timeout="0" timeLimit="x">15</Dial>`:        {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial hangupOnStar="true">15</Dial>`:              {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) { b.HangupKey = "*" }, leg("15")), hangup},
		`<Dial hangupOn="5#">15</Dial>`:                    {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) { b.HangupKey = "5" }, leg("15")), hangup},
		`<Dial hangupOnStar="false" hangupOn="">15</Dial>`: {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial callerId="+1500 a_b.c-d" callerName="Zoë O'Neil">15</Dial>`: {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) {
			b.CallerNumber, b.CallerName = dialplan.Foreign("+1500 a_b.c-d"), dialplan.Foreign("Zoë O'Neil")
		}, leg("15")), hangup},
		`<Dial fromDisplayName="Bob">15</Dial>`:                                         {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) { b.CallerName = dialplan.Foreign("Bob") }, leg("15")), hangup},
		`<Dial callerId="&lt;script&gt;">15</Dial>`:                                     {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial callerId="sip:a@b" callerName="&quot;x&quot; &lt;sip:a@b&gt;">15</Dial>`: {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial answerOnBridge="true">15</Dial>`:                                         {bridged(func(b *dialplan.Bridge) { b.IgnoreEarlyMedia = false }, leg("15")), hangup},
		`<Dial answerOnBridge="true" ringTone="DE">15</Dial>`:                           {bridged(func(b *dialplan.Bridge) { b.Ringback = ringTones["de"] }, leg("15")), hangup},
		`<Dial ringTone="xx">15</Dial>`:                                                 {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial sequential="true" timeout="10"><Number>15</Number><Number>16</Number></Dial>`: {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) {
			b.InTurn, b.Timeout = true, 20*time.Second
			b.Endpoints[0].Timeout, b.Endpoints[1].Timeout = 10*time.Second, 10*time.Second
		}, leg("15"), leg("16")), hangup},
		`<Dial strategy="single">15</Dial>`: {dialplan.Answer{}, bridged(func(b *dialplan.Bridge) { b.InTurn = true }, leg("15")), hangup},
		`<Dial strategy="simultaneous" referUrl="x" events="y" callReason="z" trim="do-not-trim">15</Dial>`: {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial/><Say>a</Say>`: {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Dial><Number>x</Number><User>unknown</User></Dial><Say>a</Say>`:                                               {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Dial><User>unknown</User><Number>15</Number></Dial>`:                                                          {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Dial><Conference>room</Conference><Number>15</Number></Dial><Say>a</Say>`:                                     {dialplan.Answer{}, speak("a", allKeys), hangup},
		`<Dial><Number>15</Number><Queue>q</Queue><Number>16</Number></Dial>`:                                           {dialplan.Answer{}, bridged(nil, leg("15"), leg("16")), hangup},
		`<Dial><Sim>DE1</Sim><WhatsApp>+1</WhatsApp><Application>x</Application><Foo>1</Foo><Number>15</Number></Dial>`: {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		`<Say>a</Say><Dial answerOnBridge="true">15</Dial>`:                                                             {dialplan.Answer{}, speak("a", allKeys), bridged(func(b *dialplan.Bridge) { b.IgnoreEarlyMedia = false }, leg("15")), hangup},
	})
}

func TestDialSettings(t *testing.T) {
	t.Parallel()
	straight(t, script{settings: Settings{DialSilent: true}}, map[string]apps{
		`<Dial>15</Dial>`: {bridged(nil, leg("15")), hangup},
	})
	straight(t, script{settings: Settings{Dialect: Twilio}}, map[string]apps{
		`<Dial>15</Dial>`: {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
	})
}

// Each leg has an id of its own, by which it is watched; a document that is run again has others.
func TestDialLegs(t *testing.T) {
	t.Parallel()
	doc, _, err := Parse([]byte(`<Response><Dial><Number>15</Number><Number>15</Number><User>u</User></Dial></Response>`), "")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 2 {
		s := &script{}
		if _, err := s.document(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range s.apps[1].(dialplan.Bridge).Endpoints {
			ids = append(ids, e.UUID)
			if seen[e.UUID] || e.UUID == "" {
				t.Errorf("id %q again", e.UUID)
			}
			seen[e.UUID] = true
		}
		if len(ids) != 4 || !slices.Equal(ids, s.watched) {
			t.Errorf("watched %v, want %v", s.watched, ids)
		}
	}
}

func TestDialIsBounded(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Dial>`+strings.Repeat(`<Number>15</Number>`, 12)+`</Dial>`); err != nil {
		t.Fatal(err)
	}
	if n := len(s.watched); n != 10 {
		t.Errorf("%d targets rung", n)
	}
	s = &script{}
	s.endpoint = func(dialplan.Number) (dialplan.Endpoint, error) { return dialplan.Endpoint{}, errors.New("no route") }
	if _, err := s.run(t, `<Dial><Number>15</Number><Number>16</Number></Dial>`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"13224", "13224", "13224"}, s.recorded()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// many is a user of a hundred devices.
type many struct{ *script }

func (many) User(string) ([]dialplan.Endpoint, error) {
	return slices.Repeat([]dialplan.Endpoint{carrier.Number("15")}, 100), nil
}

func TestDialManyDevices(t *testing.T) {
	t.Parallel()
	doc, _, err := Parse([]byte(`<Response><Dial><User>u</User><User>u</User></Dial></Response>`), "")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{}
	if _, err := doc.Run(t.Context(), &Run{Channel: s, Call: s.call(), Media: s, Routes: many{s}}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.watched); n != maxLegs {
		t.Errorf("%d legs rung, want %d", n, maxLegs)
	}
}

// Appendix B, for a leg that was not joined while the caller stayed.
func TestDialStatus(t *testing.T) {
	t.Parallel()
	for cause, want := range map[string]string{
		"USER_BUSY": "busy", "CALL_REJECTED": "busy",
		"NO_ANSWER": "no-answer", "NO_USER_RESPONSE": "no-answer", "ALLOTTED_TIMEOUT": "no-answer", "PROGRESS_TIMEOUT": "no-answer",
		"RECOVERY_ON_TIMER_EXPIRE": "no-answer", "ORIGINATOR_CANCEL": "no-answer", "LOSE_RACE": "no-answer",
		"UNALLOCATED_NUMBER": "failed", "NO_ROUTE_DESTINATION": "failed", "INVALID_NUMBER_FORMAT": "failed", "INCOMPATIBLE_DESTINATION": "failed",
		"NUMBER_CHANGED": "failed", "NORMAL_TEMPORARY_FAILURE": "failed", "NETWORK_OUT_OF_ORDER": "failed", "SUBSCRIBER_ABSENT": "failed",
		"GATEWAY_DOWN": "failed", "INVALID_GATEWAY": "failed", "USER_NOT_REGISTERED": "failed", "NORMAL_CLEARING": "failed", "NORMAL_UNSPECIFIED": "failed",
		"": "failed", "SOMETHING_NEW": "failed",
	} {
		s := &script{results: disposed(cause)}
		o, err := s.run(t, `<Dial action="a">15</Dial>`)
		if err != nil || o.Request == nil {
			t.Fatalf("%s: %+v, %v", cause, o, err)
		}
		got := o.Request.Params
		if got["DialCallStatus"] != want || got["DialBridged"] != "false" || got["DialCallDuration"] != "" {
			t.Errorf("%s: %v, want %s", cause, got, want)
		}
		if sid, isRung := got["DialCallSid"], want != "failed"; (sid == s.watched[0]) != isRung || !isRung && sid != "" {
			t.Errorf("%s: DialCallSid %q", cause, sid)
		}
	}
}

// disposed is a bridge that ended with that disposition.
func disposed(disposition string) map[string][]result {
	return map[string][]result{"bridge": {{vars: dialplan.Scripted{"originate_disposition": disposition}}}}
}

// Each way in which a Dial can end, by what is seen of its legs.
func TestDialRequest(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ago := func(seconds float64) time.Time { return now.Add(-time.Duration(seconds * float64(time.Second))) }
	type legs = []dialplan.Leg
	answered := func(cause dialplan.Cause, seconds float64) dialplan.Leg {
		return dialplan.Leg{Answered: ago(seconds), Ended: now, Cause: cause}
	}
	failed := func(cause dialplan.Cause) dialplan.Leg { return dialplan.Leg{Ended: now, Cause: cause} }
	for name, tt := range map[string]struct {
		doc         string
		disposition string
		named       bool // the switch names the second leg as the joined one
		hangup      bool // of the caller, in the bridge
		legs        legs
		status      string
		bridged     string
		duration    string
		leg         int // -1: none
	}{
		"answered, far side hangs up":       {`15`, "SUCCESS", false, false, legs{answered("NORMAL_CLEARING", 7.4)}, "completed", "true", "7", 0},
		"answered, rounded up":              {`15`, "SUCCESS", false, false, legs{answered("NORMAL_CLEARING", 7.5)}, "completed", "true", "8", 0},
		"answered, hardly":                  {`15`, "SUCCESS", false, false, legs{answered("NORMAL_CLEARING", 0.1)}, "completed", "true", "1", 0},
		"the time limit":                    {`15`, "SUCCESS", false, false, legs{answered("ALLOTTED_TIMEOUT", 5)}, "completed", "true", "5", 0},
		"answered, whatever ended it":       {`15`, "SUCCESS", false, false, legs{answered("USER_BUSY", 5)}, "completed", "true", "5", 0},
		"answered, not told by the switch":  {`15`, "NORMAL_TEMPORARY_FAILURE", false, false, legs{answered("MEDIA_TIMEOUT", 5)}, "completed", "true", "5", 0},
		"caller hangs up while they talk":   {`15`, "SUCCESS", false, true, legs{answered("NORMAL_CLEARING", 3)}, "completed", "true", "3", 0},
		"caller hangs up while it rings":    {`15`, "ORIGINATOR_CANCEL", false, true, legs{failed("ORIGINATOR_CANCEL")}, "canceled", "false", "", 0},
		"caller hangs up, nothing seen":     {`15`, "", false, true, nil, "canceled", "false", "", 0},
		"caller hangs up, two ring":         {`<Number>15</Number><Number>16</Number>`, "ORIGINATOR_CANCEL", false, true, legs{failed("ORIGINATOR_CANCEL"), failed("ORIGINATOR_CANCEL")}, "canceled", "false", "", 1},
		"caller hangs up, one was busy":     {`<Number>15</Number><Number>16</Number>`, "ORIGINATOR_CANCEL", false, true, legs{failed("USER_BUSY"), failed("ORIGINATOR_CANCEL")}, "canceled", "false", "", 1},
		"first busy, second answers":        {`<Number>15</Number><Number>16</Number>`, "SUCCESS", false, false, legs{failed("USER_BUSY"), answered("NORMAL_CLEARING", 4)}, "completed", "true", "4", 1},
		"second loses the race":             {`<Number>15</Number><Number>16</Number>`, "SUCCESS", false, false, legs{answered("NORMAL_CLEARING", 4), failed("LOSE_RACE")}, "completed", "true", "4", 0},
		"both answer, the switch says":      {`<Number>15</Number><Number>16</Number>`, "SUCCESS", true, false, legs{answered("NORMAL_CLEARING", 4), answered("NORMAL_CLEARING", 3)}, "completed", "true", "3", 1},
		"both answer, one loses":            {`<Number>15</Number><Number>16</Number>`, "SUCCESS", false, false, legs{answered("LOSE_RACE", 4), answered("NORMAL_CLEARING", 3)}, "completed", "true", "3", 1},
		"both busy":                         {`<Number>15</Number><Number>16</Number>`, "USER_BUSY", false, false, legs{failed("USER_BUSY"), failed("USER_BUSY")}, "busy", "false", "", 1},
		"busy wins over no answer":          {`<Number>15</Number><Number>16</Number>`, "NO_ANSWER", false, false, legs{failed("USER_BUSY"), failed("NO_ANSWER")}, "busy", "false", "", 1},
		"no answer wins over failed":        {`<Number>15</Number><Number>16</Number>`, "UNALLOCATED_NUMBER", false, false, legs{failed("NO_ANSWER"), failed("UNALLOCATED_NUMBER")}, "no-answer", "false", "", 1},
		"busy wins over failed":             {`<Number>15</Number><Number>16</Number>`, "CALL_REJECTED", false, false, legs{failed("UNALLOCATED_NUMBER"), failed("CALL_REJECTED")}, "busy", "false", "", 1},
		"the last one could not be dialled": {`<Number>15</Number><Number>16</Number>`, "INVALID_GATEWAY", false, false, legs{failed("USER_BUSY")}, "busy", "false", "", 0},
		"no leg was made":                   {`15`, "INVALID_GATEWAY", false, false, nil, "failed", "false", "", -1},
		"a leg failed":                      {`15`, "NORMAL_TEMPORARY_FAILURE", false, false, legs{failed("NORMAL_TEMPORARY_FAILURE")}, "failed", "false", "", 0},
		"rang too long":                     {`15`, "ALLOTTED_TIMEOUT", false, false, nil, "no-answer", "false", "", 0},
		"in turn, none answers":             {`<Number>15</Number><Number>16</Number>`, "NO_ANSWER", false, false, legs{failed("NO_ANSWER")}, "no-answer", "false", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{results: disposed(tt.disposition), legs: func(ids []string) []dialplan.Leg { return tt.legs }}
			if tt.named {
				s.onDo = func(a dialplan.Application) {
					if b, ok := a.(dialplan.Bridge); ok {
						s.results["bridge"][0].vars["last_bridge_to"] = b.Endpoints[1].UUID
					}
				}
			}
			var wantErr error
			if tt.hangup {
				s.hangupAt, wantErr = "bridge", dialplan.ErrGone
			}
			o, err := s.run(t, `<Dial action=" after?x=1 " method="post">`+tt.doc+`</Dial><Say>never</Say>`)
			if !errors.Is(err, wantErr) || o.Request == nil {
				t.Fatalf("%+v, %v", o, err)
			}
			params := map[string]string{"DialCallStatus": tt.status, "DialBridged": tt.bridged}
			if tt.duration != "" {
				params["DialCallDuration"] = tt.duration
			}
			if tt.leg >= 0 {
				params["DialCallSid"] = s.watched[tt.leg]
			}
			if diff := cmp.Diff(&Request{URL: "after?x=1", Method: "POST", Params: params, Detached: tt.hangup}, o.Request); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// A leg whose last event was not waited for ended when the bridge did.
func TestDialDurationWithoutEnd(t *testing.T) {
	t.Parallel()
	id := "b1e90000-0000-4000-8000-000000000001"
	now := time.Now()
	d := judge(dialplan.Complete("bridge", "", dialplan.Scripted{"originate_disposition": "SUCCESS"}), []string{id},
		map[string]*dialplan.Leg{id: {UUID: id, Answered: now.Add(-9 * time.Second)}}, now, false)
	if d.duration != 9*time.Second || !d.timed || !d.bridged || d.leg != id {
		t.Errorf("%+v", d)
	}
}

func TestDialOutcome(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		doc    string
		s      script
		kind   OutcomeKind
		params map[string]string // nil: no request
		err    error
	}{
		"nobody to ring":              {`<Dial action="a"/>`, script{}, RequestNext, map[string]string{"DialCallStatus": "failed", "DialBridged": "false"}, nil},
		"nobody, and nobody asks":     {`<Dial/>`, script{}, End, nil, nil},
		"not supported":               {`<Dial action="a"><Conference>x</Conference></Dial>`, script{}, RequestNext, map[string]string{"DialCallStatus": "failed", "DialBridged": "false"}, nil},
		"nobody, caller went":         {`<Say>a</Say><Dial action="a"/>`, script{hangupAt: "speak"}, End, nil, dialplan.ErrGone},
		"caller went before":          {`<Say>a</Say><Dial action="a">15</Dial>`, script{hangupAt: "speak"}, End, nil, dialplan.ErrGone},
		"caller went, nobody asks":    {`<Dial>15</Dial><Redirect>x</Redirect>`, script{hangupAt: "bridge"}, End, nil, dialplan.ErrGone},
		"moved elsewhere":             {`<Dial action="a">15</Dial>`, script{results: disposed("ATTENDED_TRANSFER")}, Left, nil, nil},
		"somebody took the call":      {`<Dial action="a">15</Dial>`, script{hangupAt: "bridge", how: dialplan.Left}, Left, nil, nil},
		"the socket broke":            {`<Dial action="a">15</Dial>`, script{hangupAt: "bridge", how: dialplan.Lost}, End, nil, dialplan.ErrGone},
		"the service stops":           {`<Dial action="a">15</Dial>`, script{results: map[string][]result{"bridge": {{err: context.Canceled}}}}, End, nil, context.Canceled},
		"empty action, next verb":     {`<Dial action="">15</Dial>`, script{}, End, nil, nil},
		"bad action is asked in vain": {`<Dial action="tel:1"/>`, script{}, RequestNext, map[string]string{"DialCallStatus": "failed", "DialBridged": "false"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tt.s
			o, err := s.run(t, tt.doc)
			if !errors.Is(err, tt.err) || o.Kind != tt.kind || (o.Request == nil) != (tt.params == nil) {
				t.Fatalf("%+v, %v; want %v, %v", o, err, tt.kind, tt.err)
			}
			if o.Request == nil {
				return
			}
			if diff := cmp.Diff(tt.params, o.Request.Params); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
			if bad := strings.Contains(tt.doc, "tel:"); bad != (o.Request.Invalid != nil) {
				t.Errorf("invalid: %v", o.Request.Invalid)
			}
		})
	}
}

// Keys of the conversation are nobody's digits.
func TestDialForgetsKeys(t *testing.T) {
	t.Parallel()
	s := &script{}
	s.onDo = func(dialplan.Application) { s.digits = "7" }
	if _, err := s.run(t, `<Dial>15</Dial><Gather/>`); err != nil || s.digits != "" || !s.collects[0].TypeAhead {
		t.Errorf("digits %q left, %v", s.digits, err)
	}
}

func TestDialRecords(t *testing.T) {
	t.Parallel()
	tapeOn := func(stereo, bridge bool) dialplan.RecordSession {
		return dialplan.RecordSession{File: recorded("1"), Stereo: stereo, OnlyBridge: bridge}
	}
	unset, stop := dialplan.Set{Variable: recordedLength}, dialplan.StopRecordSession{File: recorded("1")}
	for value, want := range map[string]apps{
		"record-from-answer":       {dialplan.Answer{}, unset, tapeOn(false, true), bridged(nil, leg("15")), stop, hangup},
		"true":                     {dialplan.Answer{}, unset, tapeOn(false, true), bridged(nil, leg("15")), stop, hangup},
		"record-from-answer-dual":  {dialplan.Answer{}, unset, tapeOn(true, true), bridged(nil, leg("15")), stop, hangup},
		"record-from-ringing":      {dialplan.Answer{}, unset, tapeOn(false, false), bridged(nil, leg("15")), stop, hangup},
		"Record-From-Ringing-Dual": {dialplan.Answer{}, unset, tapeOn(true, false), bridged(nil, leg("15")), stop, hangup},
		"do-not-record":            {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		"false":                    {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		"":                         {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
		"always":                   {dialplan.Answer{}, bridged(nil, leg("15")), hangup},
	} {
		s := &script{}
		if _, err := s.run(t, `<Dial record="`+value+`">15</Dial>`); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.apps, whole); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
	}
}

func TestDialRecording(t *testing.T) {
	t.Parallel()
	now := time.Now()
	joined := func([]string) []dialplan.Leg {
		return []dialplan.Leg{{Answered: now.Add(-5 * time.Second), Ended: now, Cause: "NORMAL_CLEARING"}}
	}
	measured := func(disposition, ms string) map[string][]result {
		r := disposed(disposition)
		r["stop_record_session"] = []result{{vars: dialplan.Scripted{"record_ms": ms}}}
		return r
	}
	for name, tt := range map[string]struct {
		words    string
		s        script
		duration string // RecordingDuration; "": no recording
		length   []time.Duration
		told     bool // callbacks are asked for
	}{
		"from answer":              {`record="true"`, script{results: measured("SUCCESS", "4600"), legs: joined}, "5", []time.Duration{4600 * time.Millisecond}, true},
		"from ringing":             {`record="record-from-ringing"`, script{results: measured("SUCCESS", "9400"), legs: joined}, "9", []time.Duration{9400 * time.Millisecond}, true},
		"from answer, never":       {`record="true"`, script{results: measured("USER_BUSY", "0")}, "", []time.Duration{0}, false},
		"from ringing, no answer":  {`record="record-from-ringing"`, script{results: measured("NO_ANSWER", "3000")}, "3", []time.Duration{3 * time.Second}, true},
		"from ringing, no audio":   {`record="record-from-ringing"`, script{results: measured("USER_BUSY", "")}, "", []time.Duration{0}, true},
		"nothing could be written": {`record="true"`, script{results: measured("SUCCESS", ""), legs: joined}, "", []time.Duration{0}, true},
		"caller hangs up":          {`record="true"`, script{results: measured("SUCCESS", ""), legs: joined, hangupAt: "bridge"}, "5", []time.Duration{5 * time.Second}, true},
		"caller hangs up ringing":  {`record="true"`, script{results: measured("ORIGINATOR_CANCEL", ""), hangupAt: "bridge"}, "", []time.Duration{0}, false},
		"caller hangs up after":    {`record="true"`, script{results: measured("SUCCESS", "4600"), legs: joined, hangupAt: "stop_record_session"}, "5", []time.Duration{4600 * time.Millisecond}, true},
		"caller was gone before":   {`record="record-from-ringing"`, script{hangupAt: "answer"}, "", []time.Duration{0}, false},
		"no recording can be made": {`record="true"`, script{results: measured("SUCCESS", "4600"), legs: joined, noTape: true}, "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tt.s
			o, err := s.run(t, `<Dial action="a" recordingStatusCallback="cb" recordingUrl="up" `+tt.words+`>15</Dial>`)
			if err != nil && !errors.Is(err, dialplan.ErrGone) {
				t.Fatal(err)
			}
			var got map[string]string
			if o.Request != nil {
				got = o.Request.Params
			}
			for param, want := range map[string]string{"RecordingDuration": tt.duration, "RecordingSid": "r1", "RecordingUrl": "http://rec/r1"} {
				if tt.duration == "" {
					want = ""
				}
				if got[param] != want {
					t.Errorf("%s is %q, want %q", param, got[param], want)
				}
			}
			if diff := cmp.Diff(tt.length, s.finished); diff != "" {
				t.Errorf("finished (-want +got):\n%s", diff)
			}
			for _, r := range s.handed {
				if (r.Callback == "cb") != tt.told || r.Source != "DialVerb" || r.Channels != 1 || r.UploadURL != "up" {
					t.Errorf("handed over %+v", r)
				}
			}
		})
	}
}

func TestDialRecordsTwoChannels(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Dial record="record-from-ringing-dual">15</Dial>`); err != nil || s.handed[0].Channels != 2 {
		t.Errorf("%+v, %v", s.handed, err)
	}
}

func TestDialProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Dial>15</Dial>`:                                                   nil,
		`<Dial timeout="999">15</Dial>`:                                     {"13212"},
		`<Dial timeout="5s">15</Dial>`:                                      {"13212"},
		`<Dial timeLimit="0">15</Dial>`:                                     {"13216"},
		`<Dial method="PUT">15</Dial>`:                                      {"13210"},
		`<Dial hangupOnStar="maybe">15</Dial>`:                              {"13213"},
		`<Dial hangupOn="12">15</Dial>`:                                     {"13213"},
		`<Dial hangupOn="x">15</Dial>`:                                      {"13213"},
		`<Dial callerId="&lt;script&gt;">15</Dial>`:                         {"13214"},
		`<Dial callerId="` + strings.Repeat("1", 129) + `">15</Dial>`:       {"13214"},
		`<Dial callerName="a&lt;b">15</Dial>`:                               {"13214"},
		`<Dial record="x">15</Dial>`:                                        {"13217"},
		`<Dial sequential="x">15</Dial>`:                                    {"13218"},
		`<Dial answerOnBridge="x">15</Dial>`:                                {"13219"},
		`<Dial ringTone="xx">15</Dial>`:                                     {"13220"},
		`<Dial trim="x">15</Dial>`:                                          {"13699"},
		`<Dial recordingTrack="outbound">15</Dial>`:                         {"13750"},
		`<Dial referUrl="x">15</Dial>`:                                      {"13750"},
		`<Dial strategy="x">15</Dial>`:                                      {"12200"},
		`<Dial action="file:///x">15</Dial>`:                                {"11100"},
		`<Dial foo="1">15</Dial>`:                                           {"12200"},
		`<Dial>15<Number>16</Number></Dial>`:                                {"12200"},
		`<Dial>x</Dial>`:                                                    {"13223", "13224"},
		`<Dial/>`:                                                           {"13224"},
		`<Dial><Number/></Dial>`:                                            {"13223", "13224"},
		`<Dial><Foo/><Number>15</Number></Dial>`:                            {"12200"},
		`<Dial><Sim>x</Sim><Number>15</Number></Dial>`:                      {"13224"},
		`<Dial><Conference>a</Conference></Dial>`:                           {"13750"},
		`<Dial><Conference>a</Conference><Number>15</Number></Dial>`:        {"13750", "13000"},
		`<Dial><Conference>a</Conference><Conference>b</Conference></Dial>`: {"13750", "13000"},
		`<Dial><Number>15</Number><Queue>a</Queue></Dial>`:                  {"13000"},
		`<Dial>` + strings.Repeat(`<Number>15</Number>`, 12) + `</Dial>`:    {"12200", "12200"},
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%.80s (-want +got):\n%s", doc, diff)
		}
	}
}

// All nouns have these attributes in common, and none of them works yet: each is named.
func TestNounAttributesAreNamed(t *testing.T) {
	t.Parallel()
	for _, noun := range []string{"Number", "Sip", "Client", "User", "Device", "Verto"} {
		for _, attribute := range []string{"url", "statusCallback", "sendDigits", "machineDetection", "amdStatusCallback"} {
			doc := fmt.Sprintf(`<Dial><%s %s="1">sip1@h</%s></Dial>`, noun, attribute, noun)
			if diff := cmp.Diff([]string{"13750"}, codes(t, doc)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", doc, diff)
			}
		}
	}
}

func TestRingTones(t *testing.T) {
	t.Parallel()
	const all = "at au bg br be ch cl cn cz de dk ee es fi fr gr hu il in it lt jp mx my nl no nz ph pl pt ru se sg th uk us us-old tw ve za"
	codes := strings.Fields(all)
	if len(ringTones) != len(codes) {
		t.Errorf("%d tones, want %d", len(ringTones), len(codes))
	}
	for _, code := range codes {
		if tone := ringTones[code].String(); !strings.HasPrefix(tone, "tone_stream://%(") || !strings.HasSuffix(tone, ");loops=-1") {
			t.Errorf("%s: %q must go on for ever", code, tone)
		}
	}
	for code, want := range map[string]string{"us": "%(2000,4000,440,480)", "uk": "%(400,200,400,450);%(400,2000,400,450)", "pl": "%(1000,4000,425)"} {
		if got := ringTones[code].String(); got != "tone_stream://"+want+";loops=-1" {
			t.Errorf("%s: %q", code, got)
		}
	}
}

// Document B of twiml.md, appendix D, without its url.
func TestAppendixB(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := &script{results: disposed("SUCCESS"), legs: func([]string) []dialplan.Leg {
		return []dialplan.Leg{{Answered: now.Add(-time.Minute), Ended: now, Cause: "NORMAL_CLEARING"}}
	}}
	o, err := s.run(t, `<Dial timeout="20" action="after" hangupOnStar="true"><Number>+15005550002</Number></Dial>`)
	if err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{}, bridged(func(b *dialplan.Bridge) {
		b.HangupKey, b.Timeout, b.Endpoints[0].Timeout = "*", 20*time.Second, 20*time.Second
	}, leg("+15005550002")))
	want := &Request{URL: "after", Method: "GET", Params: map[string]string{
		"DialBridged": "true", "DialCallDuration": "60", "DialCallSid": s.watched[0], "DialCallStatus": "completed"}}
	if diff := cmp.Diff(want, o.Request); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}
