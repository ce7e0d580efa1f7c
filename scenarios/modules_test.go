package scenarios

import (
	"bytes"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fspivot/config"
	"fspivot/timeline"
)

// A flow of every module that goes on to a child: each does what it says, and the next is reached.
func TestModulesInARow(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.callflow("2050", `{"module": "tts", "data": {"text": "From another flow."}}`)
		wrong := `"_": {"module": "tts", "data": {"text": "Wrong."}}`
		s.callflow("2051", chain(`{"module": "pivot", "data": {"voice_url": "%s/asked"}, "children": {`+wrong+`}}`,
			`{"module": "answer", "data": {}, "children": {"_": NEXT}}`,
			`{"module": "sleep", "data": {"duration": 200, "unit": "ms"}, "children": {"_": NEXT}}`,
			`{"module": "set_variable", "data": {"variable": "call_priority", "value": "7"}, "children": {"_": NEXT}}`,
			`{"module": "branch_variable", "data": {"variable": "call_priority"}, "children": {"7": NEXT, `+wrong+`}}`,
			`{"module": "collect_dtmf", "data": {"max_digits": 2, "collection_name": "kept", "timeout": 5000}, "children": {"_": NEXT}}`,
			`{"module": "collect_dtmf", "data": {"max_digits": 1, "collection_name": "lost", "timeout": 5000}, "children": {"_": NEXT}}`,
			`{"module": "flush_dtmf", "data": {"collection_name": "lost"}, "children": {"_": NEXT}}`,
			`{"module": "callflow", "data": {"id": "flow2050"}, "children": {"_": NEXT}}`,
			`{"module": "play", "data": {"id": "silence_stream://200"}, "children": {"_": NEXT}}`,
			`{"module": "noop", "data": {}, "children": {"_": NEXT}}`,
			`{"module": "send_dtmf", "data": {"digits": "12", "duration_ms": 100}, "children": {"_": NEXT}}`))
		s.web.answer("/asked", `{"module": "tts", "data": {"text": "End."}, "children": {"_": {"module": "hangup", "data": {}}}}`)
		p := s.call(caller{number: "2051"})
		s.answered(p)
		p.press("w42w9")
		end := s.finish(p)
		diff(t, "spoken", []string{"From another flow.", "End."}, s.spoken())
		diff(t, "requests", []string{"/asked Digits[kept]=42"}, s.web.lines("Digits[kept]", "Digits[lost]"))
		diff(t, "end", ending{true, "NORMAL_CLEARING"}, end)
		diff(t, "faults", []string(nil), s.faults())
	})
}

// chain puts each node into the place of NEXT in the one before it, and last into the last one's.
func chain(last string, nodes ...string) string {
	for _, node := range slices.Backward(nodes) {
		last = strings.Replace(node, "NEXT", last, 1)
	}
	return last
}

// record_caller delivers the file, whole, and the flow goes on.
func TestRecordCaller(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		var mu sync.Mutex
		var got []byte
		var name string
		stored := make(chan struct{})
		s.web.handle("/store", func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			if got == nil && err == nil {
				got, name = body, path.Base(r.URL.Path)
				close(stored)
			}
		})
		s.callflow("2052", `{"module": "record_caller", "data": {"time_limit": 20, "url": "%s/store", "method": "put"}, "children": {"_": {"module": "tts", "data": {"text": "Thanks."}}}}`)
		p := s.call(caller{number: "2052"})
		s.answered(p)
		p.talk(10 * time.Second)
		s.sent("record ")
		p.press("wwww#")
		s.finish(p)
		diff(t, "spoken", []string{"Thanks."}, s.spoken())
		select {
		case <-stored:
		case <-time.After(patience):
			t.Fatal("nothing was stored")
		}
		mu.Lock()
		defer mu.Unlock()
		if !bytes.HasPrefix(got, []byte("RIFF")) || len(got) < 16000 || !strings.HasSuffix(name, ".wav") {
			t.Errorf("%s has %d bytes", name, len(got))
		}
	})
}

// Modules that wait for the caller to hang up do only that.
func TestModulesThatWait(t *testing.T) {
	for module, answers := range map[string]bool{"dead_air": true, "wait_for_hangup": false} {
		t.Run(module, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.callflow("2053", `{"module": "`+module+`", "data": {}, "children": {"_": {"module": "tts", "data": {"text": "Never."}}}}`)
				p := s.call(caller{number: "2053"})
				s.until("the module", func(r timeline.Record) bool { return r.Fields["module"] == module })
				if answers {
					s.answered(p)
				}
				p.press("wwww12")
				select {
				case <-p.done():
					t.Fatalf("it ended: %+v", p.end())
				default:
				}
				p.hangup()
				diff(t, "answered", answers, s.finish(p).Answered)
				diff(t, "spoken", []string(nil), s.spoken())
			})
		})
	}
}

// A user is reached at the device of his that answers first.
func TestDialUser(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.document("devices", "d1", `{"sip": {"username": "15550008480", "realm": "127.0.0.1"}, "owner_id": "ann"}`)
		s.document("devices", "d2", `{"sip": {"username": "15550009001", "realm": "127.0.0.1"}, "owner_id": "ann"}`)
		s.document("devices", "d3", `{"sip": {"username": "15550009002", "realm": "127.0.0.1"}, "owner_id": "bob"}`)
		s.web.answer("/start", `<Response><Dial action="after" timeLimit="2"><User>ann</User></Dial></Response>`)
		s.web.answer("/after", `<Response><Dial action="last" timeLimit="2"><Device>d2</Device></Dial></Response>`)
		s.web.answer("/last", `<Response><Say>End.</Say></Response>`)
		if w, ok := s.world.(*freeswitch); ok {
			s.settings.Dial.Device = w.device()
		}
		s.finish(s.call(caller{pivot: "/start"}))
		diff(t, "requests", []string{"/start", "/after DialCallStatus=completed", "/last DialCallStatus=completed"}, s.web.lines("DialCallStatus"))
		diff(t, "spoken", []string{"End."}, s.spoken())
	}, func(c *config.Config) { c.Dial.Device = "sofia/internal/{username}@{realm}" })
}
