package scenarios

import (
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"testing"
	"time"

	"fspivot/timeline"
)

// A hundred plays in a row: each starts when the one before it ends, without a tick of silence.
func TestHundredPlays(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		const plays, each = 100, 20 * time.Millisecond
		s.web.answer("/start", "<Response>"+strings.Repeat(`<Play>silence_stream://20</Play>`, plays)+"</Response>")
		end := s.finish(s.call(caller{pivot: "/start"}))
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
		var first, last time.Duration
		played := 0
		for _, r := range s.all() {
			if r.Kind == timeline.KindResult && r.Fields["app"] == "playback" {
				if played++; played == 1 {
					first = r.Since
				}
				last = r.Since
			}
		}
		diff(t, "plays", plays, played)
		// Half a tick for each would be a second more.
		if took := last - first; took > plays*each+700*time.Millisecond {
			t.Errorf("%d plays of %s took %s", plays, each, took)
		}
	})
}

// Texts that people write: all are spoken, none ends the call.
func TestTextsThatPeopleWrite(t *testing.T) {
	for name, text := range map[string]string{
		"khmer":          "ជំរាបសួរ",
		"emoji":          "Hello 👋🏽, it's 5 o'clock",
		"quotes":         `He said "don't" | 'do', \ / and 50 % & more`,
		"money":          "That is $5, or ${5}, or $(5)",
		"control":        "a\u0085b\u2028c\u200bd",
		"line breaks":    "one\r\ntwo\n\nthree\tfour",
		"only signs":     "… — !?",
		"angle brackets": "<b>bold</b> [x] {y} <x@y>",
		"long":           strings.Repeat("All work and no play. ", 20),
		"right to left":  "שלום עולם \u202eabc",
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				quoted, err := json.Marshal(text)
				if err != nil {
					t.Fatal(err)
				}
				s.web.answer("/start", `<Response><Gather numDigits="1" timeout="1" action="flow" actionOnEmptyResult="true"><Say>`+html.EscapeString(text)+`</Say></Gather></Response>`)
				s.web.answer("/flow", `{"module": "tts", "data": {"text": `+string(quoted)+`}, "children": {"_": {"module": "tts", "data": {"text": "End."}}}}`)
				p := s.call(caller{pivot: "/start"})
				if name == "long" { // one key stops it, and a hangup its repetition
					s.answered(p)
					s.sent("speak")
					p.press("w1")
					s.web.until(t, "/flow")
					p.press("w")
					p.hangup()
					s.finish(p)
					diff(t, "spoken", 2, len(s.spoken()))
					return
				}
				end := s.finish(p)
				spoken := s.spoken()
				if len(spoken) != 3 || spoken[2] != "End." || spoken[0] != spoken[1] {
					t.Errorf("spoken %q", spoken)
				}
				diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
			})
		})
	}
}

// Prompts of several kinds, repeated: a key in the middle stops all that is left.
func TestNestedPrompts(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/ask", `<Response><Gather numDigits="2" action="got" timeout="3"><Play loop="2">silence_stream://300</Play><Pause length="1"/><Say loop="0">Choose.</Say></Gather></Response>`)
		s.web.answer("/got", `<Response><Hangup/></Response>`)
		p := s.call(caller{pivot: "/ask"})
		s.answered(p)
		s.sent("speak")
		p.press("wwww4w2") // in the endless Say
		s.finish(p)
		diff(t, "requests", []string{"/ask", "/got Digits=42"}, s.web.lines("Digits"))
	})
}

// A key that is pressed while nobody asks stops what plays, and does not reach a Gather that has prompts of its own.
func TestKeysBeforeGather(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Play>silence_stream://1500</Play><Gather numDigits="2" action="got" timeout="4"><Play>silence_stream://500</Play></Gather></Response>`)
		s.web.answer("/got", `<Response><Hangup/></Response>`)
		p := s.call(caller{pivot: "/start"})
		s.answered(p)
		p.press("w9")
		s.until("the end of the first play", func(r timeline.Record) bool {
			return r.Kind == timeline.KindResult && r.Fields["app"] == "eval" || r.Kind == timeline.KindCommand && strings.HasSuffix(r.Text, "://500")
		})
		p.press("wwww12")
		s.finish(p)
		diff(t, "requests", []string{"/start", "/got Digits=12"}, s.web.lines("Digits"))
	})
}

// A recording ends by its length, and by silence.
func TestRecordEnds(t *testing.T) {
	for name, c := range map[string]struct {
		attributes string
		talk       time.Duration
		least      string
	}{
		"length":  {`maxLength="2"`, 20 * time.Second, "1"},
		"silence": {`timeout="2"`, 1500 * time.Millisecond, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.web.answer("/start", `<Response><Record `+c.attributes+` action="done"/></Response>`)
				s.web.answer("/done", `<Response><Say>Thanks.</Say></Response>`)
				p := s.call(caller{pivot: "/start"})
				s.answered(p)
				p.talk(c.talk)
				s.finish(p)
				asked := s.web.until(t, "/done")
				if d := asked.params.Get("RecordingDuration"); d < c.least || d > "5" || len(d) != 1 {
					t.Errorf("RecordingDuration %q", d)
				}
				if _, ok := asked.params["Digits"]; ok && asked.params.Get("Digits") != "" {
					t.Errorf("Digits %q", asked.params.Get("Digits"))
				}
				diff(t, "spoken", []string{"Thanks."}, s.spoken())
			})
		})
	}
}

// A SIP target gets its headers, and a caller ID with signs in it arrives whole. The far side refuses with 486 what it
// wants to see, and with 404 anything else; the simulated one shows the leg.
func TestSIPHeaders(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		address := "far.example.com"
		if w, ok := s.world.(*freeswitch); ok {
			address = fmt.Sprintf("127.0.0.1:%d", w.farPort)
		}
		s.web.answer("/start", `<Response><Dial action="after" callerId="+15005550001"><Sip>sip:header@`+address+`?X-Case=42&amp;X-Note=a%20b%3Bc%2Cd</Sip></Dial></Response>`)
		s.web.answer("/after", `<Response><Hangup/></Response>`)
		p := s.call(caller{pivot: "/start", name: "O'Brien, Bob"})
		s.finish(p)
		if w, ok := s.world.(*simulated); ok {
			leg := w.phones()[0].Legs()[0]
			diff(t, "X-Case", "42", leg.Vars["sip_h_X-Case"])
			diff(t, "X-Note", "a b;c,d", leg.Vars["sip_h_X-Note"])
			diff(t, "caller", "O'Brien, Bob +15005550001", leg.FromName+" "+leg.From)
			return
		}
		diff(t, "requests", []string{"/start", "/after DialCallStatus=busy"}, s.web.lines("DialCallStatus"))
	})
}
