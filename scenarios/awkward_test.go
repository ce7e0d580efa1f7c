package scenarios

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fspivot/timeline"
)

// The caller hangs up at any moment of a busy call: each session ends within a moment, and no leg is left.
func TestHangupAtAwkwardTimes(t *testing.T) {
	everywhere(t, func(t *testing.T, s *stage) {
		s.web.answer("/start", `<Response><Pause length="1"/><Gather numDigits="1" timeout="1"><Play>silence_stream://300</Play></Gather><Record maxLength="1" action="dial" playBeep="false"/><Redirect>dial</Redirect></Response>`)
		s.web.answer("/dial", `<Response><Dial answerOnBridge="true"><Number>15550009003</Number><Number>15550009002</Number></Dial></Response>`)
		const calls = 24
		ended := make(chan string, calls)
		for i := range calls {
			after := time.Duration(i) * 180 * time.Millisecond
			p := s.call(caller{pivot: "/start", from: fmt.Sprint(15559990000 + i)})
			go func() {
				select {
				case <-time.After(after):
					p.hangup()
				case <-p.done():
				}
				select {
				case <-p.done():
					ended <- ""
				case <-time.After(patience):
					ended <- fmt.Sprintf("the call that was hung up after %s does not end", after)
				}
			}()
		}
		for range calls {
			if fault := <-ended; fault != "" {
				t.Error(fault)
			}
		}
		// A call that was given up before the switch had it in its dialplan never comes: of the others each ends.
		begun, finished := 0, 0
		s.until("the end of every session", func(timeline.Record) bool {
			begun, finished = 0, 0
			for _, r := range s.records { // the lock is held
				switch {
				case r.Kind == timeline.KindCall && strings.HasPrefix(r.Text, "calls "):
					begun++
				case over(r):
					finished++
				}
			}
			return finished == begun && begun >= calls-2
		})
		s.world.idle(t)
		if faults := s.of(timeline.KindError); len(faults) > 0 {
			t.Errorf("errors: %q", faults)
		}
	})
}

// A socket action without async or full is said to be wrong, with the word that it lacks; the dialplan goes on.
func TestIncompleteDialplan(t *testing.T) {
	if os.Getenv(freeswitchVariable) == "" {
		t.Skip("needs " + freeswitchVariable)
	}
	t.Parallel()
	for _, lacks := range []string{"async", "full"} {
		t.Run(lacks, func(t *testing.T) {
			t.Parallel()
			w := startFreeSWITCH(t)
			s := newStage(t, func(s *stage) world { w.onStage(s); return w })
			p := s.call(caller{number: "no-" + lacks})
			select {
			case <-p.done():
			case <-time.After(patience):
				t.Fatal("the call does not end")
			}
			diff(t, "end", ending{false, "NORMAL_TEMPORARY_FAILURE"}, p.end())
			if !slices.ContainsFunc(s.log.lines(), func(line string) bool {
				return strings.Contains(line, "level=error") && strings.Contains(line, "lacks the word "+lacks)
			}) {
				t.Errorf("the log says %q", s.log.lines())
			}
		})
	}
}
