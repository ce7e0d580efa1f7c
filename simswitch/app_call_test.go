package simswitch

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEndingApplications is what ends a call and what leaves it alone, as a real switch does.
func TestEndingApplications(t *testing.T) {
	for _, c := range []struct {
		answered  bool
		set       string
		app, arg  string
		ends      string // hangup cause; "": the call goes on
		sip       int
		completes time.Duration // when, in whole seconds
	}{
		{app: "respond", arg: "486 Busy", ends: "USER_BUSY", sip: 486},
		{app: "respond", arg: "302", ends: "NORMAL_UNSPECIFIED", sip: 302},
		{app: "respond", arg: "180"},
		{app: "respond", arg: "603 Declined", answered: true, ends: "CALL_REJECTED"},
		{app: "respond", arg: "302", answered: true},
		{app: "respond", arg: "200", answered: true},
		{app: "redirect", arg: "sip:a@h", ends: "NORMAL_UNSPECIFIED", sip: 302},
		{app: "redirect", arg: "sip:a@h", answered: true},
		{app: "deflect", arg: "sip:a@h", answered: true, ends: "BLIND_TRANSFER"},
		{app: "deflect", arg: "sip:a@h", answered: true, set: "sip_refer_continue_after_reply=true"},
		{app: "deflect", arg: "sip:a@h", ends: "BLIND_TRANSFER", sip: 480, completes: 10 * time.Second},
		{app: "sched_hangup", arg: "+0 USER_BUSY", answered: true, ends: "USER_BUSY"},
		{app: "set_mute", arg: "write true", answered: true},
		{app: "set_mute", arg: "nonsense", answered: true},
		{app: "park", answered: true},
	} {
		name := c.app + " " + c.arg + " " + c.set
		if c.answered {
			name += " answered"
		}
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				phone, a := l.call(t, Call{})
				if c.answered {
					a.execute("0", "answer", "")
				}
				a.execute("1", "set", c.set)
				start := time.Now()
				a.execute("2", c.app, c.arg)
				a.execute("3", "eval", "")
				after(11 * time.Second)
				f, ok := a.completion("2")
				if !ok {
					t.Fatal("it has not completed")
				}
				if took := f.at.Sub(start).Truncate(time.Second); took != c.completes {
					t.Errorf("it took %v, want %v", took, c.completes)
				}
				if _, ok := a.completion("3"); !ok {
					t.Error("what was queued behind it did not run")
				}
				ended := phone.Ended()
				if ended.Cause != c.ends || ended.SIP != c.sip {
					t.Errorf("ended with %q, SIP %d, want %q, %d", ended.Cause, ended.SIP, c.ends, c.sip)
				}
			})
		})
	}
}

// TestKeyEndsSleep: each sleep ends at once while a key waits that nobody took.
func TestKeyEndsSleep(t *testing.T) {
	for _, eats := range []string{"", "true"} {
		t.Run("sleep_eat_digits="+eats, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				phone, a := l.call(t, Call{})
				a.execute("0", "answer", "")
				a.execute("1", "set", "sleep_eat_digits="+eats)
				a.execute("2", "sleep", "2000")
				a.execute("3", "sleep", "1000")
				a.execute("4", "read", "1 1 silence_stream://100 key 1000 #")
				after(400 * time.Millisecond)
				start := time.Now()
				phone.Press("5")
				<-time.After(5 * time.Second)
				synctest.Wait()
				f, ok := a.completion("3")
				if !ok {
					t.Fatal("sleep has not ended")
				}
				took, key := f.at.Sub(start), resultOf(t, a, "4", "key")
				switch {
				case eats == "" && (took > 40*time.Millisecond || key != "5"):
					t.Errorf("sleeps ended after %v and left %q, want a tick and 5", took, key)
				case eats != "" && (took < 2500*time.Millisecond || key != ""):
					t.Errorf("sleeps ended after %v and left %q, want 2.6s and nothing", took, key)
				}
			})
		})
	}
}

// TestKeysBeforeMedia: keys in the audio are lost before there is any, others are not.
func TestKeysBeforeMedia(t *testing.T) {
	for _, c := range []struct {
		call  Call
		opens string
		want  string
	}{
		{Call{}, "", "1"}, {Call{KeysNeedMedia: true}, "", ""}, {Call{KeysNeedMedia: true}, "pre_answer", "1"},
	} {
		inBubble(t, Config{}, func(t *testing.T, l *lab) {
			phone, a := l.call(t, c.call)
			if c.opens != "" {
				a.execute("1", c.opens, "")
			}
			after(100 * time.Millisecond)
			phone.Press("1")
			after(100 * time.Millisecond)
			a.execute("2", "answer", "")
			after(100 * time.Millisecond)
			phone.Press("2")
			after(100 * time.Millisecond)
			if got := strings.Join(l.texts(KindDigit), ""); got != c.want+"2" {
				t.Errorf("%+v, %q: heard %q, want %q", c.call, c.opens, got, c.want+"2")
			}
		})
	}
}

// TestScheduledHangupOfALeg: it comes after more than one second less, and at most half a second more than was asked.
func TestScheduledHangupOfALeg(t *testing.T) {
	var early, late bool
	for i := range 10 {
		inBubble(t, Config{}, func(t *testing.T, l *lab) {
			after(time.Duration(i) * 310 * time.Millisecond)
			phone, a := l.call(t, Call{})
			a.send("nixevent CHANNEL_STATE\n\n")
			a.execute("1", "answer", "")
			a.execute("2", "bridge", "[execute_on_answer='sched_hangup +2 ALLOTTED_TIMEOUT']sofia/external/9002@x")
			after(4 * time.Second)
			leg := phone.Legs()[0]
			if took := leg.Ended.Sub(leg.Answered); took <= time.Second || took > 2500*time.Millisecond {
				t.Errorf("leg ended after %v, want 1s to 2.5s", took)
			} else {
				early = early || took < 1500*time.Millisecond
				late = late || took > 1700*time.Millisecond
			}
			if leg.Cause != "ALLOTTED_TIMEOUT" {
				t.Errorf("leg ended with %s", leg.Cause)
			}
		})
	}
	if !early || !late {
		t.Errorf("some end early: %v, some late: %v; the clock's second counts", early, late)
	}
	// The clock is looked at twice a second, counted from the switch's start.
	s := &Switch{started: time.Unix(100, 2e8)}
	for at, want := range map[time.Time]time.Time{
		time.Unix(103, 0):   time.Unix(103, 2e8),
		time.Unix(103, 2e8): time.Unix(103, 2e8),
		time.Unix(103, 3e8): time.Unix(103, 7e8),
	} {
		if got := s.looksAt(at); !got.Equal(want) {
			t.Errorf("looks at %v for %v, want %v", got, at, want)
		}
	}
}

// TestTransferRunsTheQueue: what is queued still runs on a channel that is taken away, where it needs no channel, and
// every event says that the channel is to be routed.
func TestTransferRunsTheQueue(t *testing.T) {
	for _, how := range []string{"transfer", "uuid_transfer"} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				phone, a := l.call(t, Call{})
				a.execute("1", "answer", "")
				app, arg := "transfer", "9196 XML default"
				if how != app {
					app, arg = "sleep", "60000"
				}
				a.execute("2", app, arg)
				a.execute("3", "set", "x=1")
				a.execute("4", "playback", "silence_stream://100")
				a.execute("5", "sleep", "300")
				a.execute("6", "bridge", "sofia/external/9002@x")
				a.execute("7", "eval", "")
				after(time.Second)
				if how == "uuid_transfer" {
					l.s.API("uuid_transfer " + phone.UUID() + " 9196")
				}
				after(time.Second)
				wantCompletions(t, a, "answer 1 _none_", app+" 2 _none_", "set 3 _none_", "playback 4 PLAYBACK ERROR",
					"sleep 5 _none_", "bridge 6 _none_", "eval 7 _none_", "socket - _none_", "answer - _none_")
				if n := len(phone.Legs()); n > 0 {
					t.Errorf("%d legs were dialled", n)
				}
				var states []string
				for _, f := range a.frames() {
					h := f.headers
					state := h["Channel-State"] + " " + h["Channel-State-Number"] + " " + h["Channel-Call-State"]
					if f.kind == "text/event-plain" && !slices.Contains(states, state) {
						states = append(states, state)
					}
				}
				want := []string{"CS_EXECUTE 4 RINGING", "CS_EXECUTE 4 ACTIVE", "CS_EXECUTE 2 ACTIVE", "CS_ROUTING 2 RINGING"}
				if diff := cmp.Diff(want, states); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				phone.Hangup("")
				<-phone.Done()
			})
		})
	}
}
