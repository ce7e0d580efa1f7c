package dialplan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
	"fspivot/esl"
	"fspivot/timeline"
)

// frame is one message of a real switch, with its bytes.
type frame struct {
	raw     string
	headers map[string]string // of the event, decoded
}

// is tells whether the frame is an event of that kind, about an application where one is named.
func (f frame) is(name, app string) bool {
	return f.headers["Event-Name"] == name && (app == "" || f.headers["Application"] == app)
}

// captured reads the switch's side of a capture.
func captured(t *testing.T, name string) []frame {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../testdata/captures", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var stream []byte
	for line := range bytes.Lines(text) {
		var record struct{ From, Raw string }
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if record.From == "switch" {
			stream = append(stream, record.Raw...)
		}
	}
	parse := func(text string) map[string]string {
		h := map[string]string{}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if decoded, err := url.PathUnescape(value); err == nil {
				value = decoded
			}
			h[name] = value
		}
		return h
	}
	var frames []frame
	for {
		head, rest, ok := strings.Cut(string(stream), "\n\n")
		if !ok {
			return frames
		}
		f := frame{raw: head + "\n\n", headers: parse(head)}
		if n, _ := strconv.Atoi(f.headers["Content-Length"]); n > 0 {
			f.raw, f.headers = f.raw+rest[:n], parse(rest[:n])
		}
		frames = append(frames, f)
		stream = stream[len(f.raw):]
	}
}

// replay is a call on a switch that says what a real one said: each application that our side runs gets the events that
// the capture's next one of that name got, under our Event-UUID, and everything up to the one after it.
type replay struct {
	*dialplan.Channel
	p *peer

	mu     sync.Mutex
	frames []frame
	served map[string]bool // Event-UUIDs that were answered
}

// onCapture runs a test against a capture.
func onCapture(t *testing.T, name string, test func(t *testing.T, r *replay)) {
	t.Helper()
	frames := captured(t, name)
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		r := &replay{p: &peer{conn: there}, frames: frames, served: map[string]bool{}}
		i := slices.IndexFunc(frames, func(f frame) bool { return f.is("CHANNEL_DATA", "") })
		r.p.data, r.frames = frames[i].raw, frames[i+1:]
		read := make(chan struct{})
		go func() {
			defer close(read)
			r.p.read()
		}()
		session, err := esl.Connect(t.Context(), here, dialplan.Events...)
		if err != nil {
			t.Fatal(err)
		}
		r.Channel = dialplan.NewChannel(session, timeline.New())
		synctest.Wait()
		test(t, r)
		session.Close()
		_ = there.Close()
		<-read
	})
}

// do runs an application as the real switch ran it.
func (r *replay) do(t *testing.T, a dialplan.Application) (dialplan.Completion, error) {
	t.Helper()
	time.AfterFunc(time.Second, func() { r.serve(a.Name()) })
	return r.Do(t.Context(), a)
}

// serve sends the events of the next application of that name.
func (r *replay) serve(app string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ours := ""
	r.p.mu.Lock()
	for _, c := range r.p.sent {
		if name, _, _ := strings.Cut(c.line, " "); name == app && !r.served[c.uuid] {
			ours = c.uuid
			break
		}
	}
	r.p.mu.Unlock()
	r.served[ours] = true
	theirs, done := "", false
	for len(r.frames) > 0 {
		f := r.frames[0]
		if done && f.is("CHANNEL_EXECUTE", "") {
			return
		}
		r.frames = r.frames[1:]
		switch {
		case f.is("CHANNEL_EXECUTE", app) && theirs == "":
			theirs = f.headers["Application-UUID"]
		case f.is("CHANNEL_EXECUTE_COMPLETE", app) && (theirs == "" || f.headers["Application-UUID"] == theirs):
			theirs, done = f.headers["Application-UUID"], true
		}
		if strings.Contains(f.raw, "text/event-plain") { // replies are the peer's
			raw := f.raw
			if theirs != "" && ours != "" {
				raw = strings.ReplaceAll(raw, theirs, ours)
			}
			_, _ = r.p.conn.Write([]byte(raw))
		}
	}
}

// TestBridgedOnCaptures reads what a real switch said of bridges.
func TestBridgedOnCaptures(t *testing.T) {
	t.Parallel()
	const own = "b1e90000-0000-4000-8000-000000000001"
	to := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/internal/{uri}", "uri"))
	bridge := dialplan.Bridge{Endpoints: []dialplan.Endpoint{to.URI(dialplan.SIPURI{User: "1", Host: "x"})}}
	for name, want := range map[string][]dialplan.Bridged{
		"bridge_ok": {{Answered: true, Cause: dialplan.NormalClearing, Code: "sip:200",
			Leg: "b1eg0000-0000-4000-8000-000000000001"}},
		"bridge_bleg": {{Answered: true, Cause: dialplan.NormalClearing, Code: "sip:200", Leg: own}},
		"bridge_busy": {{Cause: dialplan.UserBusy, Code: "sip:486",
			Causes: causes("5ccd0333-ff8b-43b5-9674-6e73d6f45825", "USER_BUSY")}},
		"bridge_notanswered": {{Cause: dialplan.UserBusy, Code: "sip:486", Causes: causes(own, "USER_BUSY")}},
		"bridge_noans": {{Cause: dialplan.AllottedTimeout, Causes: causes("3becae29-77d1-4b39-bc70-0ba77339b328",
			"ALLOTTED_TIMEOUT")}},
		"bridge_timeout": {{Cause: dialplan.NoAnswer, Causes: causes("54df3c60-4c3d-48a6-960e-cdd3ad6323f3",
			"NO_ANSWER")}},
		"bridge_fail": {
			{Cause: "INVALID_GATEWAY"},
			{Cause: "NORMAL_TEMPORARY_FAILURE", Code: "sip:503", Causes: causes("86623531-ea91-4f26-a4e2-8d620734910a",
				"NORMAL_TEMPORARY_FAILURE")},
		},
		"bridge_multi": {{Answered: true, Cause: dialplan.NormalClearing, Code: "sip:200",
			Leg:    "17776387-4485-4057-bb06-40df595bb1d6",
			Causes: causes("612ac917-ac84-4386-8e31-fe03d0c0fd65", "LOSE_RACE")}},
		"whisper_reject_caller": {{Cause: dialplan.CallRejected, Causes: causes("5e472943-28d8-42c9-85c8-a91c9ac3244f",
			"CALL_REJECTED")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onCapture(t, name, func(t *testing.T, r *replay) {
				if name != "bridge_notanswered" && name != "whisper_reject_caller" {
					if _, err := r.do(t, dialplan.Answer{}); err != nil || !r.Answered() {
						t.Fatalf("answer: %v", err)
					}
				}
				for i, want := range want {
					done, err := r.do(t, bridge)
					if err != nil {
						t.Fatalf("bridge %d: %v", i+1, err)
					}
					if diff := cmp.Diff(want, done.Bridged()); diff != "" {
						t.Errorf("bridge %d (-want +got):\n%s", i+1, diff)
					}
				}
			})
		})
	}
}

func causes(leg string, cause dialplan.Cause) map[string]dialplan.Cause {
	return map[string]dialplan.Cause{leg: cause}
}

// TestBridgedAfterHangup is a caller who hangs up, or is hung up, in a bridge: its result is there, with ErrGone.
func TestBridgedAfterHangup(t *testing.T) {
	t.Parallel()
	to := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/internal/{uri}", "uri"))
	onCapture(t, "whisper_exit_caller", func(t *testing.T, r *replay) {
		done, err := r.do(t, dialplan.Bridge{Endpoints: []dialplan.Endpoint{to.URI(dialplan.SIPURI{User: "1",
			Host: "x"})}})
		want := dialplan.Bridged{Answered: true, Cause: "MANAGER_REQUEST", Leg: "d141bc52-1d83-4a1a-84ee-31ab6414904b"}
		got := done.Bridged()
		got.Code = "" // none was given, or 200
		if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, dialplan.ErrGone) {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if end := r.Finish(t.Context()); end.How != dialplan.HungUp || end.Cause != "MANAGER_REQUEST" ||
			end.Event == nil {
			t.Errorf("end is %+v", end)
		}
	})
}

// TestBridgedUnfinished reads dispositions that are no causes: how far a dial had come when the caller went.
func TestBridgedUnfinished(t *testing.T) {
	t.Parallel()
	for disposition, want := range map[string]dialplan.Cause{
		"": "NO_ANSWER", "failure": "NO_ANSWER", "call accepted": "NO_ANSWER", "monitor_early_media_ring": "NO_ANSWER",
		"ORIGINATOR_CANCEL": "ORIGINATOR_CANCEL",
	} {
		c := dialplan.Complete("bridge", "", dialplan.Scripted{"originate_disposition": disposition,
			"last_bridge_hangup_cause": "NO_ANSWER", "last_bridge_to": "x"})
		if got := c.Bridged(); got.Answered || got.Cause != want || got.Leg != "" {
			t.Errorf("disposition %q: %+v", disposition, got)
		}
	}
	if got := (dialplan.Completion{}).Bridged(); got.Answered || got.Cause != "UNSPECIFIED" {
		t.Errorf("nothing known: %+v", got)
	}
	for disposition, answered := range map[string]bool{"SUCCESS": true, "success": true, "failure": false} {
		c := dialplan.Complete("bridge", "", dialplan.Scripted{"originate_disposition": disposition, "bridge_uuid": "x",
			"sip_invite_failure_status": "486"})
		if got := c.Bridged(); got.Answered != answered || (got.Leg == "x") != answered || got.Code != "sip:486" {
			t.Errorf("disposition %q: %+v", disposition, got)
		}
	}
	two := dialplan.Complete("bridge", "", dialplan.Scripted{"originate_causes": "a;NONE,b;USER_BUSY,c"})
	if diff := cmp.Diff(causes("b", "USER_BUSY"), two.Bridged().Causes); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
}

func TestPlayedAndRecordedOnCaptures(t *testing.T) {
	t.Parallel()
	wav := must[dialplan.File](t)(dialplan.LocalFile("/tmp/a.wav"))
	onCapture(t, "answer_play", func(t *testing.T, r *replay) {
		if _, err := r.do(t, dialplan.Answer{}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []dialplan.Played{{}, {Missing: true}} {
			if done, err := r.do(t, dialplan.Playback{File: wav}); err != nil || done.Played() != want {
				t.Errorf("playback %d: %+v, %v", i+1, done.Played(), err)
			}
		}
	})
	onCapture(t, "dtmf_burst", func(t *testing.T, r *replay) {
		if _, err := r.do(t, dialplan.Answer{}); err != nil {
			t.Fatal(err)
		}
		if done, err := r.do(t, dialplan.Playback{File: wav, Stop: "*"}); err != nil ||
			done.Played() != (dialplan.Played{Terminator: "*"}) {
			t.Errorf("playback: %+v, %v", done.Played(), err)
		}
	})
	onCapture(t, "caller_hangs", func(t *testing.T, r *replay) {
		if _, err := r.do(t, dialplan.Answer{}); err != nil {
			t.Fatal(err)
		}
		done, err := r.do(t, dialplan.Playback{File: wav})
		if !errors.Is(err, dialplan.ErrGone) || done.Dropped || done.Played() != (dialplan.Played{Failed: true}) {
			t.Errorf("playback: %+v, %v", done.Played(), err)
		}
		end := r.Finish(t.Context())
		if end.How != dialplan.HungUp || end.Cause != dialplan.NormalClearing ||
			end.Event.Variable("sip_hangup_disposition") != "recv_bye" {
			t.Errorf("end is %+v", end)
		}
	})
	onCapture(t, "record_audio", func(t *testing.T, r *replay) {
		if _, err := r.do(t, dialplan.Answer{}); err != nil {
			t.Fatal(err)
		}
		want := dialplan.Recorded{Length: 1540 * time.Millisecond, Terminator: "#"}
		if done, err := r.do(t, dialplan.Record{File: wav}); err != nil || done.Recorded() != want {
			t.Errorf("record: %+v, %v", done.Recorded(), err)
		}
	})
	onCapture(t, "record", func(t *testing.T, r *replay) { // of a caller who sends no audio
		if _, err := r.do(t, dialplan.Answer{}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []dialplan.Recorded{{Terminator: "#"}, {}} {
			if done, err := r.do(t, dialplan.Record{File: wav}); err != nil || done.Recorded() != want {
				t.Errorf("record %d: %+v, %v", i+1, done.Recorded(), err)
			}
		}
	})
}

// TestDigitsOnCaptures has digits read from what a real switch said, and the keys that it reported on the way.
func TestDigitsOnCaptures(t *testing.T) {
	t.Parallel()
	type result struct {
		Variable   string
		Digits     dialplan.Digits
		Terminator string
		Keys       dialplan.Digits
	}
	for name, want := range map[string][]result{
		// That program did not remove the first result before the second command: Channel does
		// (TestOldResultsAreNotNew).
		"pagd":              {{"pin", "12", "#", "12#"}, {"pin2", "", "#", ""}},
		"missing_file_pagd": {{"d", "", "", ""}},
		"gather_delim":      {{"digits1", "", "", ""}, {"digits2", "42", "", "42"}},
		"gather_say":        {{"digits", "42", "", "42"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onCapture(t, name, func(t *testing.T, r *replay) {
				if _, err := r.do(t, dialplan.Answer{}); err != nil {
					t.Fatal(err)
				}
				for _, want := range want {
					variable := must[dialplan.Name](t)(dialplan.ParseName(want.Variable))
					done, err := r.do(t, dialplan.PlayAndGetDigits{Max: 4, Stop: "#", Variable: variable})
					if err != nil {
						t.Fatal(err)
					}
					got := result{Variable: want.Variable, Keys: r.TakeDigits()}
					got.Digits, got.Terminator = done.Digits(variable)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				}
			})
		})
	}
}

// TestLeftOnCapture is a call that was transferred: the play ends with an error first, then the socket without a
// hangup.
func TestLeftOnCapture(t *testing.T) {
	t.Parallel()
	onCapture(t, "hold_transfer", func(t *testing.T, r *replay) {
		if _, err := r.do(t, dialplan.Answer{}); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { r.serve("playback") })
		r.Queue(quiet(5*time.Second), quiet(5*time.Second))
		for range 100 {
			r.Queue(quiet(5 * time.Second)) // waits here
		}
		before := len(r.p.lines())
		if err := r.Drain(t.Context()); !errors.Is(err, dialplan.ErrGone) ||
			r.End() != (dialplan.End{How: dialplan.Left}) {
			t.Errorf("drain: %v, end %+v", err, r.End())
		}
		if after := r.p.lines(); len(after) > before {
			t.Errorf("sent to a call that is not ours: %q", after[before:])
		}
	})
}

// TestBargeInOnCapture collects over what the real switch said when a key was pressed in the middle of a sentence.
func TestBargeInOnCapture(t *testing.T) {
	t.Parallel()
	onCapture(t, "speak_barge", func(t *testing.T, r *replay) {
		if _, err := r.do(t, dialplan.Answer{}); err != nil {
			t.Fatal(err)
		}
		speak := dialplan.Speak{Voice: dialplan.Voice{Engine: "flite", Name: "slt"},
			Text: dialplan.Spoken("This is a rather long sentence")}
		time.AfterFunc(time.Second, func() { r.serve("speak") })
		got, err := r.Collect(t.Context(), dialplan.Collect{
			Prompts: []dialplan.Prompt{{Play: speak, Times: 3}}, Max: 4, First: 10 * time.Second,
			Between: 2 * time.Second, Terminators: "#",
		})
		if err != nil || got != (dialplan.Collected{Digits: "5"}) {
			t.Errorf("collected %+v, %v", got, err)
		}
		want := []string{
			"answer", "set playback_terminators=none", "speak flite|slt|This is a rather long sentence",
			"speak flite|slt|This is a rather long sentence",
			"api uuid_break " + r.UUID() + " all",
		}
		if diff := cmp.Diff(want, r.p.lines()); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
	})
}

// TestEveryCaptureEnds replays whole captures: how each call ended is known, whatever ran.
func TestEveryCaptureEnds(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/captures/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames := captured(t, name)
			want := dialplan.End{How: dialplan.Lost} // where neither end was seen: the recording program went first
			own, last := "", false
			for _, f := range frames {
				switch {
				case f.is("CHANNEL_DATA", ""):
					own = f.headers["Unique-ID"]
				case f.headers["Unique-ID"] != own:
				case f.is("CHANNEL_HANGUP_COMPLETE", ""), f.is("CHANNEL_EXECUTE_COMPLETE", "") &&
					f.headers["Hangup-Cause"] != "":
					want = dialplan.End{How: dialplan.HungUp, Cause: dialplan.Cause(f.headers["Hangup-Cause"])}
					last = f.is("CHANNEL_HANGUP_COMPLETE", "")
				case f.is("CHANNEL_EXECUTE_COMPLETE", "socket"):
					want = dialplan.End{How: dialplan.Left}
				}
			}
			onCapture(t, name, func(t *testing.T, r *replay) {
				go func() {
					for _, f := range r.frames {
						if strings.Contains(f.raw, "text/event-plain") {
							_, _ = r.p.conn.Write([]byte(f.raw))
						}
					}
					_ = r.p.conn.Close()
				}()
				if err := r.WaitForEnd(t.Context()); err != nil {
					t.Fatal(err)
				}
				end := r.Finish(t.Context())
				if (end.Event != nil) != last || end.Event != nil && !end.Event.Has("variable_billsec") {
					t.Errorf("last event: %v", end.Event)
				}
				if end.Event, end.Err = nil, nil; end != want {
					t.Errorf("end is %+v, want %+v", end, want)
				}
			})
		})
	}
}
