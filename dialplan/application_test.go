package dialplan_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

// must is for what a test itself writes.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestArguments is the form of every application.
func TestArguments(t *testing.T) {
	t.Parallel()
	name := must[dialplan.Name](t)
	wav := must[dialplan.File](t)(dialplan.LocalFile("/rec/a.wav"))
	blank := must[dialplan.File](t)(dialplan.LocalFile("/my files/a.wav"))
	moh := must[dialplan.File](t)(dialplan.LocalStream("moh"))
	pin := dialplan.Variable{Name: name(dialplan.ParseName("cav_pin")), Value: dialplan.Foreign("it's 4; 2")}
	slt := dialplan.Voice{Engine: "flite", Name: "slt"}
	ann := dialplan.SIPURI{User: "ann", Host: "example.org"}
	carrier := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number"))
	device := must[dialplan.Template](t)(dialplan.ParseTemplate("user/{username}@{realm}", "username", "realm"))
	header := func(name, value string) dialplan.Header {
		return must[dialplan.Header](t)(dialplan.ParseHeader(name, value))
	}
	full := external(t).URI(dialplan.SIPURI{User: "a", Host: "b", Headers: []dialplan.Header{header("X-B", "2, <3> $4"),
		header("X-A", "1")}})
	full.UUID, full.Timeout, full.Delay, full.Limit = "B1E90000-0000-4000-8000-000000000001", 19001*time.Millisecond,
		time.Second, time.Minute
	full.Username, full.Password = "u@c", dialplan.Foreign("p~w")

	for _, c := range []struct {
		a    dialplan.Application
		want string
	}{
		{dialplan.Answer{}, "answer"},
		{dialplan.PreAnswer{}, "pre_answer"},
		{dialplan.RingReady{}, "ring_ready"},
		{dialplan.Park{}, "park"},
		{dialplan.Mark{}, "eval fspivot"},
		{dialplan.Set{Variable: pin}, "set cav_pin=it's 4; 2"},
		{dialplan.Set{Variable: dialplan.Variable{Name: pin.Name}}, "set cav_pin="},
		{dialplan.Export{Variable: pin}, "export cav_pin=it's 4; 2"},
		{dialplan.Export{Variable: pin, OnlyOther: true}, "export nolocal:cav_pin=it's 4; 2"},
		{dialplan.Multiset{Variables: []dialplan.Variable{{Name: pin.Name, Value: dialplan.Foreign("1")},
			{Name: pin.Name}}}, "multiset ^^;cav_pin=1;cav_pin="},
		{dialplan.Playback{File: wav}, "playback /rec/a.wav"},
		{dialplan.Playback{File: blank, Stop: "#"}, "playback /my files/a.wav"},
		{dialplan.Playback{File: dialplan.Beep()}, "playback tone_stream://%(500,0,440)"},
		{dialplan.Speak{Voice: slt, Text: dialplan.Spoken("Hello, ${x}!")}, "speak flite|slt|Hello, $ x !"},
		{dialplan.Speak{Voice: dialplan.Voice{Engine: "a|b"}, Text: dialplan.Spoken("x")}, "speak invalid|invalid|x"},
		{dialplan.Say{Language: "en", Type: "number", Method: "pronounced", Text: dialplan.Spoken("1 2'3")},
			"say en number pronounced '1 2 3'"},
		{dialplan.Sleep{For: 1500 * time.Millisecond}, "sleep 1500"},
		{dialplan.Sleep{For: -1}, "sleep 1"},
		{dialplan.Record{File: wav, Limit: 30 * time.Second}, "record /rec/a.wav 30"},
		{dialplan.Record{File: blank, Limit: 29001 * time.Millisecond, Silence: 5 * time.Second, Threshold: 200},
			"record '/my files/a.wav' 30 200 5"},
		{dialplan.Record{File: wav, Silence: time.Second}, "record /rec/a.wav 1"},
		{dialplan.Record{File: wav, Limit: math.MaxInt64}, "record /rec/a.wav 2147483647"},
		{dialplan.RecordSession{File: wav}, "record_session /rec/a.wav"},
		{dialplan.RecordSession{File: blank, Limit: time.Hour}, "record_session '/my files/a.wav' +3600"},
		{dialplan.StopRecordSession{File: blank}, "stop_record_session /my files/a.wav"},
		{dialplan.SendDTMF{Tones: "1w2"}, "send_dtmf 1w2"},
		{dialplan.SendDTMF{Tones: "1W2", Length: 80 * time.Millisecond}, "send_dtmf 1W2@80"},
		{dialplan.SendDTMF{Tones: dialplan.Tones(strings.Repeat("1", 100)), Length: time.Hour}, "send_dtmf " +
			strings.Repeat("1", 90) + "@10000"},
		{dialplan.MuteWrite{On: true}, "set_mute write true"},
		{dialplan.MuteWrite{}, "set_mute write false"},
		{dialplan.PlayAndGetDigits{Max: 4, First: 5 * time.Second, Between: 2 * time.Second, Stop: "#", File: blank,
			Variable: pin.Name},
			"play_and_get_digits 0 4 1 5000 # '/my files/a.wav' silence_stream://1 cav_pin .* 2000"},
		{dialplan.PlayAndGetDigits{Max: 500},
			"play_and_get_digits 0 127 1 1 none silence_stream://1 silence_stream://1 fspivot_unnamed .* 1"},
		{dialplan.Read{Max: 4, Timeout: time.Second, Stop: "*#", File: wav, Variable: pin.Name},
			"read 1 4 /rec/a.wav cav_pin 1000 *#"},
		{dialplan.Read{}, "read 1 1 silence_stream://1 fspivot_unnamed 1 none"},
		{dialplan.Hangup{}, "hangup NORMAL_CLEARING"},
		{dialplan.Hangup{Cause: dialplan.UserBusy}, "hangup USER_BUSY"},
		{dialplan.Hangup{Cause: "no such cause"}, "hangup NORMAL_CLEARING"},
		{dialplan.Respond{Code: 486, Phrase: "Busy Here"}, "respond 486 Busy Here"},
		{dialplan.Respond{Code: 200, Phrase: "a\r\nX: ${b}é"}, "respond 486 a  X b"},
		{dialplan.Respond{Code: 404}, "respond 404"},
		{dialplan.Redirect{To: ann}, "redirect sip:ann@example.org"},
		{dialplan.Redirect{To: dialplan.SIPURI{Secure: true, User: "a", Host: "b"}}, "redirect sips:a@b;transport=tls"},
		{dialplan.Deflect{To: ann}, "deflect sip:ann@example.org"},
		{dialplan.Deflect{To: dialplan.SIPURI{Secure: true, User: "a", Host: "b"}}, "deflect sip:a@b;transport=tls"},
		{dialplan.Transfer{Extension: "2000"}, "transfer 2000 XML default"},
		{dialplan.Transfer{Extension: "-bleg", Context: pin.Name}, "transfer invalid XML cav_pin"},
		{dialplan.SchedHangup{After: time.Minute, Cause: dialplan.AllottedTimeout},
			"sched_hangup +60 ALLOTTED_TIMEOUT"},
		{dialplan.SchedHangup{}, "sched_hangup +1 NORMAL_CLEARING"},
		{dialplan.Conference{Room: pin.Name}, "conference cav_pin@default"},
		{dialplan.Conference{Room: pin.Name, Profile: pin.Name, Muted: true},
			"conference cav_pin@cav_pin++flags{mute}"},
		{dialplan.Bridge{Endpoints: []dialplan.Endpoint{carrier.Number("1"), device.User("ann", "example.org")}},
			"bridge sofia/gateway/carrier/1,user/ann@example.org"},
		{dialplan.Bridge{InTurn: true, Endpoints: []dialplan.Endpoint{carrier.Number("1"), carrier.Number("2")}},
			"bridge sofia/gateway/carrier/1|sofia/gateway/carrier/2"},
		{dialplan.Bridge{Endpoints: []dialplan.Endpoint{full}},
			"bridge [^^~origination_uuid=b1e90000-0000-4000-8000-000000000001~leg_timeout=20~" +
				"leg_delay_start=1~sip_auth_username=u@c~sip_h_X-A=1~sip_h_X-B=2, <3> $4~" +
				"execute_on_answer=sched_hangup +60 ALLOTTED_TIMEOUT]sofia/external/a@b"},
	} {
		if got := dialplan.Describe(c.a); got != c.want {
			t.Errorf("%T is\n%s, want\n%s", c.a, got, c.want)
		}
	}

	b := dialplan.Bridge{Endpoints: []dialplan.Endpoint{full}}
	if wire, err := dialplan.Wire(b); err != nil || !strings.Contains(wire, "\x1fsip_auth_password=p~w\x1f") {
		t.Errorf("bridge is sent as %q, %v: want the password in it", wire, err)
	}
	if got := full.Sendable(); got != nil {
		t.Errorf("headers %q can't be sent", got)
	}
	full.Headers = append(full.Headers, header("X-C", "a|b"), header("X-D", "it's"), header("X-E", "a:_:b"))
	if diff := cmp.Diff([]string{"X-C", "X-D", "X-E"}, full.Sendable()); diff != "" {
		t.Errorf("headers that can't be sent (-want +got):\n%s", diff)
	}

	var split []string
	for _, a := range (dialplan.SendDTMF{Tones: dialplan.Tones(strings.Repeat("123", 61)),
		Length: time.Second}).Split() {
		split = append(split, dialplan.Argument(a))
	}
	if diff := cmp.Diff([]string{strings.Repeat("123", 30) + "@1000", strings.Repeat("123", 30) + "@1000", "123@1000"},
		split); diff != "" {
		t.Errorf("tones sent in pieces (-want +got):\n%s", diff)
	}

	for _, a := range []dialplan.Application{dialplan.Playback{File: moh}, dialplan.Speak{Text: dialplan.Spoken("a")},
		dialplan.SendDTMF{Tones: "1"}, b} {
		if dialplan.Void(a) {
			t.Errorf("%T is not sent", a)
		}
	}
	for _, a := range []dialplan.Application{
		dialplan.Playback{}, dialplan.Speak{Voice: slt, Text: dialplan.Spoken("{}")}, dialplan.Say{}, dialplan.Record{},
		dialplan.RecordSession{},
		dialplan.StopRecordSession{}, dialplan.SendDTMF{Tones: "x"}, dialplan.Bridge{}, dialplan.Multiset{},
	} {
		if !dialplan.Void(a) {
			t.Errorf("%T without content is sent", a)
		}
	}
}

// TestNeeds is about the channel variables that go before applications.
func TestNeeds(t *testing.T) {
	t.Parallel()
	moh := must[dialplan.File](t)(dialplan.LocalStream("moh"))
	for _, c := range []struct {
		a    dialplan.Application
		want map[string]string
	}{
		{dialplan.RecordSession{Stereo: true}, map[string]string{"RECORD_STEREO": "true",
			"RECORD_BRIDGE_REQ": "false"}},
		{dialplan.Deflect{Stay: true}, map[string]string{"sip_refer_continue_after_reply": "true"}},
		{dialplan.Conference{}, map[string]string{"hangup_after_conference": "false"}},
		{dialplan.Bridge{}, map[string]string{
			"continue_on_fail": "true", "hangup_after_bridge": "false", "call_timeout": "", "originate_timeout": "",
			"originate_continue_on_timeout": "false",
			"ignore_early_media":            "false", "ringback": "",
			"transfer_ringback": "%(2000,4000,440,480)", "bridge_terminate_key": "",
			"effective_caller_id_name": "", "effective_caller_id_number": "",
		}},
		{dialplan.Bridge{
			InTurn: true, Timeout: 1500 * time.Millisecond, IgnoreEarlyMedia: true, Ringback: moh, HangupKey: "*",
			CallerName:   dialplan.Foreign(` Bob "x" <sip:e@f>%0d%0aX: 1`),
			CallerNumber: dialplan.Foreign("+1 (415) 555%0d%0a@x;y"),
		}, map[string]string{
			"continue_on_fail": "true", "hangup_after_bridge": "false", "call_timeout": "2", "originate_timeout": "2",
			"originate_continue_on_timeout": "true",
			"ignore_early_media":            "true",
			"ringback":                      "local_stream://moh", "transfer_ringback": "local_stream://moh",
			"bridge_terminate_key":     "*",
			"effective_caller_id_name": "Bob x sip:e@f0d0aX: 1", "effective_caller_id_number": "+14155550d0axy",
		}},
	} {
		got := map[string]string{}
		for _, v := range dialplan.Needs(c.a) {
			got[v.Name.String()] = v.Value.String()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c.a, diff)
		}
	}
}

// TestResultsAreCleared holds what the results are read from to what is removed before.
func TestResultsAreCleared(t *testing.T) {
	t.Parallel()
	pin := must[dialplan.Name](t)(dialplan.ParseName("pin"))
	digits := func(c dialplan.Completion) { c.Digits(pin) }
	for _, c := range []struct {
		a     dialplan.Application
		read  func(dialplan.Completion)
		fresh []string // the application itself sets these anew each time
	}{
		{dialplan.Playback{}, func(c dialplan.Completion) { c.Played() }, []string{"playback_terminator_used"}},
		{dialplan.Record{}, func(c dialplan.Completion) { c.Recorded() }, nil},
		{dialplan.Bridge{}, func(c dialplan.Completion) { c.Bridged() }, nil},
		{dialplan.PlayAndGetDigits{Variable: pin}, digits, []string{"read_result"}},
		{dialplan.Read{Variable: pin}, digits, []string{"read_result"}},
	} {
		cleared := append(dialplan.Clears(c.a), c.fresh...)
		for name := range dialplan.Reads(c.read) {
			if !slices.Contains(cleared, name) {
				t.Errorf("%T: its result is read from %s, where an old one may stand", c.a, name)
			}
		}
	}
}
