package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"fspivot/config"
	"fspivot/timeline"
)

// What was recorded has the length that the web application is told.
func TestRecord(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Say>Speak.</Say><Record action="done" maxLength="20" timeout="10" finishOnKey="#"/></Response>`)
		s.web.answer("/done", `<Response><Say>Thanks.</Say></Response>`)
		p := s.call(caller{pivot: "/start"})
		s.answered(p)
		p.talk(8 * time.Second)
		s.sent("record ")
		p.press("wwwwww#")
		s.finish(p)
		asked := s.web.until(t, "/done")
		diff(t, "key", "#", asked.params.Get("Digits"))
		seconds, err := strconv.Atoi(asked.params.Get("RecordingDuration"))
		if err != nil || seconds < 2 || seconds > 5 {
			t.Errorf("RecordingDuration %q", asked.params.Get("RecordingDuration"))
		}
		files, err := filepath.Glob(filepath.Join(s.settings.Media.Recordings, "demo", "*.wav"))
		if err != nil || len(files) != 1 {
			t.Fatalf("recordings: %v, %v", files, err)
		}
		if id := asked.params.Get("RecordingSid"); !strings.Contains(files[0], id) || id == "" {
			t.Errorf("RecordingSid %q, file %s", id, files[0])
		}
		if url := asked.params.Get("RecordingUrl"); !strings.HasSuffix(url, "/v2/accounts/demo/recordings/"+asked.params.Get("RecordingSid")) {
			t.Errorf("RecordingUrl %q", url)
		}
		info, err := os.Stat(files[0])
		if err != nil {
			t.Fatal(err)
		}
		length := time.Duration(info.Size()-44) * time.Second / 16000
		if off := length - time.Duration(seconds)*time.Second; off < -700*time.Millisecond || off > 700*time.Millisecond {
			t.Errorf("the file has %s, the application heard of %d s", length, seconds)
		}
	})
}

// The caller hangs up while recording: the application still learns of it.
func TestHangupWhileRecording(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Record action="done"/></Response>`)
		s.web.answer("/done", `<Response><Say>Never.</Say></Response>`)
		p := s.call(caller{pivot: "/start"})
		s.answered(p)
		p.talk(8 * time.Second)
		s.sent("record ")
		p.press("wwwww")
		p.hangup()
		s.finish(p)
		asked := s.web.until(t, "/done")
		diff(t, "Digits", "hangup", asked.params.Get("Digits"))
		diff(t, "CallStatus", "completed", asked.params.Get("CallStatus"))
		diff(t, "spoken", []string(nil), s.spoken())
	})
}

// Dial reaches the second leg and goes on after it; each failure has its word.
func TestDial(t *testing.T) {
	for number, want := range map[string]struct {
		status string
		leg    bool
	}{
		"15550009001": {"completed", true},
		"15550009003": {"completed", true}, // the limit ends it
		"15550008486": {"busy", false},
		"15550008603": {"busy", false},
		"15550008480": {"no-answer", false},
		"15550008404": {"failed", false},
		"15550008503": {"failed", false},
	} {
		t.Run(number, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.web.answer("/start", `<Response><Dial action="after" timeout="4" timeLimit="2">`+number+`</Dial></Response>`)
				s.web.answer("/after", `<Response><Say>After.</Say></Response>`)
				end := s.finish(s.call(caller{pivot: "/start"}))
				diff(t, "requests", []string{"/start", fmt.Sprintf("/after DialCallStatus=%s DialBridged=%t", want.status, want.leg)}, s.web.lines("DialCallStatus", "DialBridged"))
				diff(t, "spoken", []string{"After."}, s.spoken())
				diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
				asked := s.web.until(t, "/after")
				if want.leg {
					if d := asked.params.Get("DialCallDuration"); d != "1" && d != "2" && d != "3" { // the switch's timer counts whole seconds of the clock
						t.Errorf("DialCallDuration %q", d)
					}
				}
				if asked.params.Get("DialCallSid") == "" {
					t.Error("no DialCallSid")
				}
			})
		})
	}
}

// Without an action the document goes on behind the Dial.
func TestDialThenNextVerb(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Dial timeLimit="1"><Number>15550009001</Number></Dial><Say>Back again.</Say></Response>`)
		s.finish(s.call(caller{pivot: "/start"}))
		diff(t, "requests", []string{"/start"}, s.web.lines())
		diff(t, "spoken", []string{"Back again."}, s.spoken())
	})
}

// Two are rung at once: the one that answers first has the call, the other is let go.
func TestDialTwo(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Dial action="after" timeLimit="1"><Number>15550008480</Number><Number>15550009001</Number></Dial></Response>`)
		s.web.answer("/after", `<Response><Hangup/></Response>`)
		s.finish(s.call(caller{pivot: "/start"}))
		diff(t, "requests", []string{"/start", "/after DialCallStatus=completed"}, s.web.lines("DialCallStatus"))
	})
}

// One after the other: the second is tried when the first is busy.
func TestDialInTurn(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Dial sequential="true" action="after" timeLimit="1"><Number>15550008486</Number><Number>15550009001</Number></Dial></Response>`)
		s.web.answer("/after", `<Response><Hangup/></Response>`)
		s.finish(s.call(caller{pivot: "/start"}))
		diff(t, "requests", []string{"/start", "/after DialCallStatus=completed"}, s.web.lines("DialCallStatus"))
	})
}

// The caller gives up while the other side rings.
func TestHangupWhileRinging(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Dial action="after">15550008480</Dial></Response>`)
		s.web.answer("/after", `<Response><Say>Never.</Say></Response>`)
		p := s.call(caller{pivot: "/start"})
		s.sent("bridge")
		p.press("ww")
		p.hangup()
		s.finish(p)
		asked := s.web.until(t, "/after")
		diff(t, "DialCallStatus", "canceled", asked.params.Get("DialCallStatus"))
		diff(t, "spoken", []string(nil), s.spoken())
	})
}

// The caller hangs up while talking.
func TestHangupWhileTalking(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Dial action="after">15550009002</Dial></Response>`)
		p := s.call(caller{pivot: "/start"})
		s.until("the far end's answer", func(r timeline.Record) bool { return r.From == timeline.Far && r.Text == "answered" })
		p.press("ww")
		p.hangup()
		s.finish(p)
		asked := s.web.until(t, "/after")
		diff(t, "DialCallStatus", "completed", asked.params.Get("DialCallStatus"))
	})
}

// The star key ends the far leg, and the caller stays.
func TestHangupOnStar(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Dial hangupOnStar="true">15550009002</Dial><Say>Back.</Say></Response>`)
		p := s.call(caller{pivot: "/start"})
		s.until("the far end's answer", func(r timeline.Record) bool { return r.From == timeline.Far && r.Text == "answered" })
		p.press("ww*")
		s.finish(p)
		diff(t, "spoken", []string{"Back."}, s.spoken())
	})
}

// Callflow JSON dials as well, and takes the branch of the cause.
func TestResourcesBranches(t *testing.T) {
	for number, want := range map[string][]string{
		"+15550008486": {"Busy."}, "+15550008404": {"Not found."}, "+15550008503": nil, "+15550009001": nil,
	} {
		t.Run(number, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.callflow("2040", `{"module": "resources", "data": {"to_did": "`+number+`"}, "children": {
					"USER_BUSY": {"module": "tts", "data": {"text": "Busy."}}, "sip:404": {"module": "tts", "data": {"text": "Not found."}}, "_": {}}}`)
				s.finish(s.call(caller{number: "2040"}))
				diff(t, "spoken", want, s.spoken())
			})
		})
	}
}

// Reject refuses without answering.
func TestReject(t *testing.T) {
	for reason, cause := range map[string]string{"busy": "USER_BUSY", "rejected": "CALL_REJECTED"} {
		t.Run(reason, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.web.answer("/start", `<Response><Reject reason="`+reason+`"/></Response>`)
				end := s.finish(s.call(caller{pivot: "/start"}))
				diff(t, "end", ending{false, cause}, end)
			})
		})
	}
}

// Early media: a flow that plays without answering first is not this dialect's; a response refuses with its status.
func TestResponseModule(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.callflow("2041", `{"module": "response", "data": {"code": 486, "message": "Nobody home", "media": "tone_stream://%(300,0,440)"}}`)
		end := s.finish(s.call(caller{number: "2041"}))
		diff(t, "end", ending{false, "USER_BUSY"}, end)
		diff(t, "early media first", "FILE PLAYED", strings.TrimSuffix(strings.TrimPrefix(s.ended("playback").Text, "playback: "), " ended"))
	})
}

// A hangup in the middle of a long prompt ends the session at once.
func TestHangupDuringPlay(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Play>silence_stream://60000</Play><Say>Never.</Say></Response>`)
		p := s.call(caller{pivot: "/start"})
		s.answered(p)
		s.sent("playback")
		p.press("w")
		began := time.Now()
		p.hangup()
		s.finish(p)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the session went on for %s", took)
		}
		diff(t, "requests", []string{"/start"}, s.web.lines())
	})
}

// A switch without the speech engine would hang up over a Say: the text is left out, with a record that says why.
func TestNoSpeechEngine(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Say>Nobody hears this.</Say><Play>silence_stream://100</Play><Redirect>flow</Redirect></Response>`)
		s.web.answer("/flow", `{"module": "tts", "data": {"text": "Nor this."}, "children": {"_": {"module": "hangup", "data": {}}}}`)
		end := s.finish(s.call(caller{pivot: "/start"}))
		diff(t, "requests", []string{"/start", "/flow"}, s.web.lines())
		diff(t, "spoken", []string(nil), s.spoken())
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
		faults := s.of(timeline.KindError)
		if len(faults) != 2 || !strings.Contains(faults[0], "mod_nosuch") || !strings.Contains(faults[1], "mod_nosuch") {
			t.Errorf("errors %q", faults)
		}
	}, func(c *config.Config) { c.Media.TTS.Engine = "nosuch" })
}

// Files of the account, of the web application, and ones that may not be named.
func TestPlay(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		tone := wav(t, 300*time.Millisecond)
		if err := os.WriteFile(filepath.Join(s.settings.Media.Dir, "hello.wav"), tone, 0o644); err != nil {
			t.Fatal(err)
		}
		s.web.handle("/tone.wav", reply("audio/wav", string(tone)))
		s.web.answer("/start", `<Response><Play>hello.wav</Play><Play>%s/tone.wav</Play><Play>missing.wav</Play><Play>../../etc/passwd</Play>
			<Play>/etc/passwd</Play><Play>shell_stream://id</Play><Play>file:///etc/passwd</Play><Play digits="12"/><Say>End.</Say></Response>`)
		s.finish(s.call(caller{pivot: "/start"}))
		played := 0
		for _, text := range s.of(timeline.KindCommand) {
			if strings.HasPrefix(text, "playback ") {
				if !strings.Contains(text, "silence_stream") { // the time that the digits take
					played++
				}
				if strings.Contains(text, "passwd") || strings.Contains(text, "shell_stream") {
					t.Errorf("sent %s", text)
				}
			}
		}
		diff(t, "files played", 2, played)
		for _, text := range s.of(timeline.KindResult) {
			if strings.HasPrefix(text, "playback") && !strings.Contains(text, "FILE PLAYED") {
				t.Errorf("result %s", text)
			}
		}
		diff(t, "spoken", []string{"End."}, s.spoken())
	})
}

// Somebody takes the call away while it plays with more queued behind: the session ends, the call lives on, and nothing
// more of the document reaches it, its last hangup least of all. Not so while it records: the switch's own record hangs a
// transferred call up (docs/reference/esl.md, End of a call).
func TestTransferredAway(t *testing.T) {
	for name, document := range map[string]string{
		"a hangup is queued": `<Response><Play>silence_stream://20000</Play></Response>`,
		"a request follows":  `<Response><Play>silence_stream://20000</Play><Redirect>next</Redirect></Response>`,
		"digits are awaited": `<Response><Gather timeout="20" action="next"/></Response>`,
		"more is queued":     `<Response><Play>silence_stream://20000</Play><Say>Never.</Say><Play>silence_stream://5</Play><Hangup/></Response>`,
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.web.answer("/start", document)
				p := s.call(caller{pivot: "/start"})
				s.answered(p)
				s.web.until(t, "/start")
				p.press("w")
				s.world.transfer(t, s.web.until(t, "/start").params.Get("CallSid"), p)
				s.until("the end of the session", over)
				select {
				case <-p.done():
					t.Errorf("the call that was taken away was hung up: %+v", p.end())
				case <-time.After(2 * time.Second):
				}
				diff(t, "requests", []string{"/start"}, s.web.lines())
				p.hangup()
				<-p.done()
			})
		})
	}
}
