package twiml

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

var beep = dialplan.Playback{File: dialplan.Beep()}

// tape is the Record of the script's n-th recording with the defaults, changed by f.
func taped(n string, f func(*dialplan.Record)) dialplan.Record {
	r := dialplan.Record{File: recorded(n), Limit: time.Hour, Silence: five, Threshold: 200, Stop: allKeys}
	if f != nil {
		f(&r)
	}
	return r
}

// recorded is the file of the script's n-th recording.
func recorded(n string) dialplan.File {
	f, err := dialplan.LocalFile("/recordings/r" + n + ".wav")
	if err != nil {
		panic(err)
	}
	return f
}

func recordedFor(ms, key string) map[string][]result {
	return map[string][]result{"record": {{vars: dialplan.Scripted{"record_ms": ms, "playback_terminator_used": key}}}}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	straight(t, script{}, map[string]apps{
		`<Record/>`:                           {dialplan.Answer{}, beep, taped("1", nil), hangup},
		`<Record><Say>no</Say></Record>`:      {dialplan.Answer{}, beep, taped("1", nil), hangup},
		`<Record playBeep="false"/>`:          {dialplan.Answer{}, taped("1", nil), hangup},
		`<Record playBeep="no" timeout="x"/>`: {dialplan.Answer{}, taped("1", nil), hangup},
		`<Record maxLength="30" timeout="10" finishOnKey="*"/>`: {dialplan.Answer{}, beep, taped("1", func(r *dialplan.Record) {
			r.Limit, r.Silence, r.Stop = 30*time.Second, 10*time.Second, "*"
		}), hangup},
		`<Record timeout="0"/>`:                                          {dialplan.Answer{}, beep, taped("1", func(r *dialplan.Record) { r.Silence, r.Threshold = 0, 0 }), hangup},
		`<Record finishOnKey="" timeout="-1" maxLength="0"/>`:            {dialplan.Answer{}, beep, taped("1", func(r *dialplan.Record) { r.Stop = "" }), hangup},
		`<Record finishOnKey="a"/>`:                                      {dialplan.Answer{}, beep, taped("1", nil), hangup},
		`<Record maxLength="99999"/>`:                                    {dialplan.Answer{}, beep, taped("1", nil), hangup},
		`<Record/><Record/>`:                                             {dialplan.Answer{}, beep, taped("1", nil), beep, taped("2", nil), hangup},
		`<Say>a</Say><Record playBeep="false"/><Say>Thanks</Say>`:        {dialplan.Answer{}, speak("a", allKeys), taped("1", nil), speak("Thanks", allKeys), hangup},
		`<Record trim="trim-silence" recordingTrack="both" timeout=""/>`: {dialplan.Answer{}, beep, taped("1", nil), hangup},
	})
}

func TestRecordSettings(t *testing.T) {
	t.Parallel()
	straight(t, script{settings: Settings{RecordMax: time.Minute, RecordThreshold: 500}}, map[string]apps{
		`<Record playBeep="false"/>`:                {dialplan.Answer{}, taped("1", func(r *dialplan.Record) { r.Limit, r.Threshold = time.Minute, 500 }), hangup},
		`<Record playBeep="false" maxLength="20"/>`: {dialplan.Answer{}, taped("1", func(r *dialplan.Record) { r.Limit, r.Threshold = 20*time.Second, 500 }), hangup},
		`<Record playBeep="false" timeout="0"/>`:    {dialplan.Answer{}, taped("1", func(r *dialplan.Record) { r.Limit, r.Silence, r.Threshold = time.Minute, 0, 0 }), hangup},
	})
}

func TestRecordRequest(t *testing.T) {
	t.Parallel()
	params := func(duration, key string) map[string]string {
		p := map[string]string{"RecordingSid": "r1", "RecordingDuration": duration}
		if duration != "0" {
			p["RecordingUrl"] = "http://rec/r1"
		}
		if key != "" {
			p["Digits"] = key
		}
		return p
	}
	for name, tt := range map[string]struct {
		doc  string
		s    script
		want *Request
		err  error
	}{
		"no action":                  {`<Record/>`, script{results: recordedFor("3000", "1")}, nil, nil},
		"empty action":               {`<Record action=""/>`, script{results: recordedFor("3000", "1")}, nil, nil},
		"a key":                      {`<Record action="a"/>`, script{results: recordedFor("3000", "1")}, &Request{URL: "a", Method: "GET", Params: params("3", "1")}, nil},
		"silence or the length":      {`<Record action="a" method="post"/>`, script{results: recordedFor("5499", "")}, &Request{URL: "a", Method: "POST", Params: params("5", "")}, nil},
		"rounded half up":            {`<Record action="a"/>`, script{results: recordedFor("5500", "")}, &Request{URL: "a", Method: "GET", Params: params("6", "")}, nil},
		"anything is a second":       {`<Record action="a"/>`, script{results: recordedFor("20", "")}, &Request{URL: "a", Method: "GET", Params: params("1", "")}, nil},
		"nothing":                    {`<Record action="a"/>`, script{results: recordedFor("0", "")}, &Request{URL: "a", Method: "GET", Params: params("0", "")}, nil},
		"no key can end it":          {`<Record action="a" finishOnKey=""/>`, script{results: recordedFor("3000", "1")}, &Request{URL: "a", Method: "GET", Params: params("3", "")}, nil},
		"twilio, no action":          {`<Record/>`, script{results: recordedFor("3000", "#"), settings: Settings{Dialect: Twilio}}, &Request{Method: "POST", Params: params("3", "#")}, nil},
		"no recording can be made":   {`<Record action="a"/>`, script{noTape: true}, &Request{URL: "a", Method: "GET", Params: map[string]string{"RecordingDuration": "0"}}, nil},
		"none can, and nobody asks":  {`<Record/>`, script{noTape: true}, nil, nil},
		"none can, and caller went":  {`<Say>a</Say><Record action="a"/>`, script{noTape: true, hangupAt: "speak"}, nil, dialplan.ErrGone},
		"hangup while recording":     {`<Record action="a"/>`, script{results: recordedFor("2000", ""), hangupAt: "record"}, &Request{URL: "a", Method: "GET", Params: params("2", "hangup"), Detached: true}, dialplan.ErrGone},
		"hangup in the beep":         {`<Record action="a"/>`, script{hangupAt: "playback"}, &Request{URL: "a", Method: "GET", Params: params("0", "hangup"), Detached: true}, dialplan.ErrGone},
		"hangup before the beep":     {`<Say>a</Say><Record action="a"/>`, script{hangupAt: "speak"}, nil, dialplan.ErrGone},
		"hangup before, no beep":     {`<Say>a</Say><Record playBeep="false" action="a"/>`, script{hangupAt: "speak"}, nil, dialplan.ErrGone},
		"hangup, nobody asks":        {`<Record/>`, script{results: recordedFor("2000", ""), hangupAt: "record"}, nil, dialplan.ErrGone},
		"somebody took the call":     {`<Record action="a"/>`, script{results: recordedFor("2000", ""), hangupAt: "record", how: dialplan.Left}, nil, nil},
		"the socket broke":           {`<Record action="a"/>`, script{hangupAt: "record", how: dialplan.Lost}, nil, dialplan.ErrGone},
		"the switch refuses it":      {`<Record action="a"/>`, script{results: map[string][]result{"record": {{}}}}, &Request{URL: "a", Method: "GET", Params: params("0", "")}, nil},
		"the service stops":          {`<Record action="a"/>`, script{results: map[string][]result{"record": {{err: context.Canceled}}}}, nil, context.Canceled},
		"a redirect behind it waits": {`<Record action="a"/><Redirect>b</Redirect>`, script{results: recordedFor("1000", "")}, &Request{URL: "a", Method: "GET", Params: params("1", "")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tt.s
			o, err := s.run(t, tt.doc)
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, o.Request); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// Each recording is handed over once, with its length, and one that never began is told to nobody.
func TestRecordIsHandedOver(t *testing.T) {
	t.Parallel()
	const told = `recordingStatusCallback="cb" recordingStatusCallbackMethod="get" recordingStatusCallbackEvent="completed, absent in-progress absent x"`
	for name, tt := range map[string]struct {
		doc    string
		s      script
		length []time.Duration
		events []string
	}{
		"recorded":        {`<Record ` + told + `/>`, script{results: recordedFor("2500", "")}, []time.Duration{2500 * time.Millisecond}, []string{"completed", "absent", "in-progress"}},
		"hangup":          {`<Record ` + told + `/>`, script{results: recordedFor("500", ""), hangupAt: "record"}, []time.Duration{500 * time.Millisecond}, []string{"completed", "absent", "in-progress"}},
		"in the beep":     {`<Record ` + told + `/>`, script{hangupAt: "playback"}, []time.Duration{0}, []string{"completed", "absent", "in-progress"}},
		"before the beep": {`<Say>a</Say><Record ` + told + `/>`, script{hangupAt: "speak"}, nil, nil},
		"before, no beep": {`<Say>a</Say><Record playBeep="false" ` + told + `/>`, script{hangupAt: "speak"}, []time.Duration{0}, nil},
		"default event":   {`<Record recordingStatusCallback="cb"/>`, script{results: recordedFor("1000", "")}, []time.Duration{time.Second}, []string{"completed"}},
		"bad event alone": {`<Record recordingStatusCallback="cb" recordingStatusCallbackEvent="done"/>`, script{results: recordedFor("1000", "")}, []time.Duration{time.Second}, []string{"completed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tt.s
			if _, err := s.run(t, tt.doc); err != nil && !errors.Is(err, dialplan.ErrGone) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.length, s.finished); diff != "" {
				t.Errorf("finished (-want +got):\n%s", diff)
			}
			for _, r := range s.handed {
				if !slices.Equal(r.CallbackEvents, tt.events) || (r.Callback == "cb") != (tt.events != nil) || r.Source != "RecordVerb" || r.Channels != 1 {
					t.Errorf("handed over %+v, want events %v", r, tt.events)
				}
			}
		})
	}
}

func TestRecordStores(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]Recording{
		`<Record recordingUrl=" http://store/r/ "/>`:                       {UploadURL: "http://store/r/"},
		`<Record recordingUrl="r" recordStoreMethod="post"/>`:              {UploadURL: "r", UploadMethod: "POST"},
		`<Record recordingUrl="r" recordStoreMethod="DELETE"/>`:            {UploadURL: "r"},
		`<Record storageUrl="r" storageUrlMethod="PATCH"/>`:                {UploadURL: "r", UploadMethod: "PATCH"},
		`<Record storageUrl="x" recordingUrl="r" storageUrlMethod="PUT"/>`: {UploadURL: "r", UploadMethod: "PUT"},
		`<Record recordingUrl="file:///etc/passwd"/>`:                      {},
		`<Record action="http://h/a"/>`:                                    {}, // the action is no place to store at
	} {
		s := &script{}
		if _, err := s.run(t, doc); err != nil {
			t.Fatal(err)
		}
		want.ID, want.URL, want.File, want.Source, want.Channels = "r1", "http://rec/r1", recorded("1"), "RecordVerb", 1
		if diff := cmp.Diff([]Recording{want}, s.handed, whole); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

// The keys that ended it, or were spoken over, are nobody's digits.
func TestRecordForgetsKeys(t *testing.T) {
	t.Parallel()
	s := &script{}
	s.onDo = func(dialplan.Application) { s.digits += "7" }
	if _, err := s.run(t, `<Record/><Gather/>`); err != nil {
		t.Fatal(err)
	}
	if s.digits != "" || !s.collects[0].TypeAhead {
		t.Errorf("digits %q left, collect %+v", s.digits, s.collects[0])
	}
}

func TestRecordProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Record/>`:                                      nil,
		`<Record maxLength="99999"/>`:                    {"13612"},
		`<Record maxLength="5s"/>`:                       {"13612"},
		`<Record timeout="-1"/>`:                         {"13611"},
		`<Record finishOnKey="ab"/>`:                     {"13613"},
		`<Record method="PUT"/>`:                         {"13610"},
		`<Record playBeep="maybe"/>`:                     {"13615"},
		`<Record trim="x"/>`:                             {"13699"},
		`<Record recordingTrack="inbound"/>`:             {"13750"},
		`<Record recordingTrack="x"/>`:                   {"13622"},
		`<Record transcribe="true"/>`:                    {"13750"},
		`<Record transcribeCallback="x"/>`:               {"13750"},
		`<Record recordStoreMethod="DELETE"/>`:           {"12200"},
		`<Record recordingUrl="ftp://h/"/>`:              {"11100"},
		`<Record recordingStatusCallback="tel:1"/>`:      {"13256"},
		`<Record recordingStatusCallbackEvent="x y"/>`:   {"13621", "13621"},
		`<Record action="mailto:x"/>`:                    {"11100"},
		`<Record><Say>a</Say></Record>`:                  {"12200"},
		`<Record foo="1"/>`:                              {"12200"},
		`<Record recordingConfigurationId="x" trim=""/>`: nil,
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

func TestRecordLimitBySetting(t *testing.T) {
	t.Parallel()
	s := &script{settings: Settings{RecordMax: 10 * time.Second}}
	if _, err := s.run(t, `<Record maxLength="11"/><Record maxLength="10"/><Record/>`); err != nil {
		t.Fatal(err)
	}
	if got := s.recorded(); !slices.Equal(got, []string{"13612"}) {
		t.Errorf("records %v", got)
	}
}

// Document C of twiml.md, appendix D.
func TestAppendixC(t *testing.T) {
	t.Parallel()
	s := &script{results: recordedFor("4000", "#")}
	o, err := s.run(t, `<Record maxLength="30" recordingUrl="http://store/r" recordingStatusCallback="cb"/><Say>Thanks</Say>`)
	if err != nil || o.Kind != End || o.Request != nil {
		t.Errorf("%+v, %v", o, err)
	}
	s.expect(t, dialplan.Answer{}, beep, taped("1", func(r *dialplan.Record) { r.Limit = 30 * time.Second }), speak("Thanks", allKeys), hangup)
	want := []Recording{{ID: "r1", URL: "http://rec/r1", File: recorded("1"), Source: "RecordVerb", Channels: 1,
		Callback: "cb", CallbackEvents: []string{"completed"}, UploadURL: "http://store/r"}}
	if diff := cmp.Diff(want, s.handed, whole); diff != "" {
		t.Errorf("handed over (-want +got):\n%s", diff)
	}
}
