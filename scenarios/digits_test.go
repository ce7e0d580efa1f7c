package scenarios

import (
	"fmt"
	"testing"
)

// A menu: a key stops the prompt, and the action is asked once with it.
func TestBargeIn(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/menu", `<Response><Gather numDigits="1" action="choice"><Say>For sales, press one. For support, press two. For all else, stay on the line, and somebody will be with you.</Say></Gather><Say>Never.</Say></Response>`)
		s.web.answer("/choice", `<Response><Say>Chosen.</Say></Response>`)
		p := s.call(caller{pivot: "/menu"})
		s.answered(p)
		s.sent("speak")
		p.press("w2")
		s.finish(p)
		diff(t, "requests", []string{"/menu", "/choice Digits=2"}, s.web.lines("Digits"))
		diff(t, "spoken, the rest of the prompt dropped", "Chosen.", s.spoken()[len(s.spoken())-1])
	})
}

// Digits typed quickly, at every moment around the prompt: none is lost, none out of order.
func TestQuickDigits(t *testing.T) {
	for name, keys := range map[string]string{"during": "1234#", "around the end": "w1234#", "slowly": "1w2w3w4w#", "after": "wwww1234#"} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				s.web.answer("/ask", `<Response><Gather action="got" timeout="4"><Say>Your number.</Say></Gather><Say>Nothing.</Say></Response>`)
				s.web.answer("/got", `<Response><Hangup/></Response>`)
				p := s.call(caller{pivot: "/ask"})
				s.answered(p)
				s.sent("speak")
				p.press(keys)
				s.finish(p)
				diff(t, "requests", []string{"/ask", "/got Digits=1234"}, s.web.lines("Digits"))
			})
		})
	}
}

// Fifty calls type 1234# quickly: during and after the prompt in turn, with a little more delay each time.
func TestQuickDigitsFiftyTimes(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/got", `<Response><Hangup/></Response>`)
		for i := range 50 {
			path := fmt.Sprintf("/ask%d", i)
			s.web.answer(path, fmt.Sprintf(`<Response><Gather action="got?call=%d" timeout="3"><Play>silence_stream://400</Play></Gather></Response>`, i))
		}
		const together = 10
		for start := 0; start < 50; start += together {
			phones := make([]phone, together)
			for i := range phones {
				phones[i] = s.call(caller{pivot: fmt.Sprintf("/ask%d", start+i)})
			}
			ended := make(chan struct{}, together)
			for i, p := range phones {
				go func() {
					select {
					case <-p.answered():
					case <-p.done():
					}
					wait := ""
					for range (start + i) % 4 {
						wait += "w"
					}
					p.press(wait + "1234#")
					<-p.done()
					ended <- struct{}{}
				}()
			}
			for range phones {
				<-ended
			}
		}
		got := map[string]string{}
		for _, r := range s.web.requests() {
			if r.path == "/got" {
				got[r.params.Get("call")] += r.params.Get("Digits")
			}
		}
		for i := range 50 {
			if d := got[fmt.Sprint(i)]; d != "1234" {
				t.Errorf("call %d: digits %q", i, d)
			}
		}
	})
}

// Nothing typed: the next verb's turn, without a request.
func TestGatherNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/ask", `<Response><Gather action="got" timeout="1"><Say>Anything?</Say></Gather><Say>Goodbye.</Say></Response>`)
		s.finish(s.call(caller{pivot: "/ask"}))
		diff(t, "requests", []string{"/ask"}, s.web.lines())
		diff(t, "spoken", []string{"Anything?", "Goodbye."}, s.spoken())
	})
}

// Without a finish key, # is a digit like others.
func TestNoFinishKey(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/ask", `<Response><Gather action="got" finishOnKey="" numDigits="4"><Play>silence_stream://300</Play></Gather></Response>`)
		s.web.answer("/got", `<Response><Hangup/></Response>`)
		p := s.call(caller{pivot: "/ask"})
		s.answered(p)
		p.press("w*0#1")
		s.finish(p)
		diff(t, "requests", []string{"/ask", "/got Digits=*0#1"}, s.web.lines("Digits"))
	})
}
