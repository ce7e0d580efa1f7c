package simswitch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseDialString(t *testing.T) {
	exported := cmp.AllowUnexported(dialString{}, legSpec{}, header{})
	for text, want := range map[string]dialString{
		"sofia/external/9001@x": {groups: [][]legSpec{{{target: "sofia/external/9001@x"}}}},
		"{a=1,b='x,y'}[c=2]user/a@r,[d=3]user/b@r|user/c@r": {
			vars: []header{{"a", "1"}, {"b", "x,y"}},
			groups: [][]legSpec{
				{{[]header{{"c", "2"}}, "user/a@r"}, {[]header{{"d", "3"}}, "user/b@r"}},
				{{nil, "user/c@r"}},
			},
		},
		"<e=1>{^^;a=1,2;b=3}user/a:_:user/b": {
			vars:   []header{{"e", "1"}, {"a", "1,2"}, {"b", "3"}},
			groups: [][]legSpec{{{nil, "user/a"}}, {{nil, "user/b"}}},
		},
		"": {},
	} {
		if diff := cmp.Diff(want, parseDialString(text), exported, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestBridgeResults(t *testing.T) {
	for _, c := range []struct {
		arg, disposition, status, proto string
		ends                            string // cause that the caller is hung up with; "": not at all
	}{
		{"sofia/external/8486@x", "USER_BUSY", "BUSY", "sip:486", "USER_BUSY"},
		{"sofia/external/8404@x", "UNALLOCATED_NUMBER", "UNALLOCATED_NUMBER", "sip:404", "UNALLOCATED_NUMBER"},
		{"sofia/external/8603@x", "CALL_REJECTED", "DONTCALL", "sip:603", "CALL_REJECTED"},
		{"sofia/external/8503@x", "NORMAL_TEMPORARY_FAILURE", "NORMAL_TEMPORARY_FAILURE", "sip:503", "NORMAL_TEMPORARY_FAILURE"},
		{"{originate_timeout=2}sofia/external/8480@x", "NO_ANSWER", "NOANSWER", "", ""},
		{"[leg_timeout=1]sofia/external/8480@x", "ALLOTTED_TIMEOUT", "ALLOTTED_TIMEOUT", "", "ALLOTTED_TIMEOUT"},
		{"sofia/gateway/nosuch/1", "INVALID_GATEWAY", "INVALID_GATEWAY", "", "INVALID_GATEWAY"},
		{"error/USER_BUSY", "USER_BUSY", "BUSY", "", "USER_BUSY"},
		{"nosuch/x", "CHAN_NOT_IMPLEMENTED", "CHAN_NOT_IMPLEMENTED", "", "CHAN_NOT_IMPLEMENTED"},
		{"sofia/external/8486@x|sofia/external/9001@x", "SUCCESS", "SUCCESS", "sip:200", ""},
		{"sofia/external/8486@x,sofia/gateway/any/9001", "SUCCESS", "SUCCESS", "sip:200", ""},
	} {
		t.Run(c.arg, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				phone, a := l.call(t, Call{})
				a.execute("1", "answer", "")
				a.execute("2", "bridge", c.arg)
				after(8 * time.Second)
				f, ok := a.completion("2")
				if !ok {
					t.Fatal("bridge has not ended")
				}
				got := []string{
					f.headers["variable_originate_disposition"], f.headers["variable_DIALSTATUS"],
					f.headers["variable_last_bridge_proto_specific_hangup_cause"], phone.Ended().Cause,
				}
				if diff := cmp.Diff([]string{c.disposition, c.status, c.proto, c.ends}, got); diff != "" {
					t.Errorf("disposition, DIALSTATUS, SIP, caller (-want +got):\n%s", diff)
				}
				if n := l.s.Channels(); n > 1 {
					t.Errorf("%d channels live", n)
				}
			})
		})
	}
}

func TestBridgeKeys(t *testing.T) {
	inBubble(t, Config{Endpoints: func(string) Endpoint { return Endpoint{Presses: "W7"} }}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "export", "nolocal:x=from caller")
		a.execute("2", "multiset", "^^;bridge_terminate_key=*;continue_on_fail=true")
		a.execute("3", "bridge", "{origination_caller_id_number=42}sofia/external/1@x")
		after(3 * time.Second)
		phone.Press("12*3")
		after(3 * time.Second)
		wantCompletions(t, a, "export 1 _none_", "multiset 2 _none_", "bridge 3 _none_")
		legs := phone.Legs()
		if len(legs) != 1 {
			t.Fatalf("%d legs", len(legs))
		}
		leg := legs[0]
		got := []string{leg.Heard, leg.Digits, leg.From, leg.Vars["x"], leg.Cause}
		if diff := cmp.Diff([]string{"12*", "7", "42", "from caller", "NORMAL_CLEARING"}, got); diff != "" {
			t.Errorf("heard, pressed, caller ID, exported, cause (-want +got):\n%s", diff)
		}
		if phone.Variable("x") != "" {
			t.Error("nolocal variable is local")
		}
	})
}

func TestHangupAfterBridge(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "set", "hangup_after_bridge=true")
		a.execute("2", "bridge", "sofia/external/9001@x")
		<-phone.Done()
		synctest.Wait()
		wantCompletions(t, a, "set 1 _none_", "bridge 2 _none_", "socket - _none_")
	})
}

func TestCallerHangsUpWhileItRings(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "bridge", "sofia/external/8480@x")
		after(time.Second)
		phone.Hangup("")
		<-phone.Done()
		leg := phone.Legs()[0]
		if leg.Cause != "ORIGINATOR_CANCEL" || !leg.Answered.IsZero() {
			t.Errorf("leg ended with %+v", leg)
		}
		if got := l.texts(KindRing); len(got) != 2 { // the leg rings, so the caller hears it
			t.Errorf("%d channels ring", len(got))
		}
	})
}

func TestScreeningKey(t *testing.T) {
	dial := "{group_confirm_key=5,group_confirm_file=silence_stream://3000}sofia/external/1@x"
	for keys, agreed := range map[string]bool{"5": true, "9": false} {
		inBubble(t, Config{Endpoints: func(string) Endpoint {
			return Endpoint{Presses: keys, Stays: 10 * time.Second}
		}}, func(t *testing.T, l *lab) {
			phone, a := l.call(t, Call{})
			a.execute("1", "set", "continue_on_fail=true")
			a.execute("2", "bridge", dial)
			after(5 * time.Second)
			if got := !phone.Legs()[0].Bridged.IsZero(); got != agreed {
				t.Errorf("key %s: bridged is %v", keys, got)
			}
			after(20 * time.Second)
			wantCompletions(t, a, "set 1 _none_", "bridge 2 _none_")
		})
	}
}

func TestTransferOfABridgedLeg(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "bridge", "{origination_uuid=leg}sofia/external/9002@x")
		after(time.Second)
		l.s.API("uuid_transfer leg 9196")
		after(time.Second)
		wantCompletions(t, a, "bridge 1 _none_")
		if n := l.s.Channels(); n != 2 {
			t.Errorf("%d channels live, want both", n)
		}
		phone.Hangup("")
		l.s.API("uuid_kill leg")
		after(time.Second)
	})
}

// TestTwoCallersMeet joins two callers by each of the ways there are.
func TestTwoCallersMeet(t *testing.T) {
	for name, meet := range map[string]func(l *lab, b *app){
		"uuid_bridge": func(l *lab, _ *app) { l.s.API("uuid_bridge one two") },
		"intercept":   func(_ *lab, b *app) { b.execute("2", "intercept", "one") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				one, a := l.call(t, Call{UUID: "one"})
				two, b := l.call(t, Call{UUID: "two"})
				a.execute("1", "playback", "local_stream://moh")
				b.execute("1", "answer", "")
				after(time.Second)
				meet(l, b)
				after(time.Second)
				wantCompletions(t, a, "playback 1 PLAYBACK ERROR", "socket - PLAYBACK ERROR")
				one.Hangup("")
				<-one.Done()
				after(100 * time.Millisecond)
				if name == "intercept" {
					wantCompletions(t, b, "answer 1 _none_", "intercept 2 _none_")
					two.Hangup("")
				}
				<-two.Done()
			})
		})
	}
}

func TestQueueOfFifo(t *testing.T) {
	inBubble(t, Config{Modules: append(DefaultModules[:len(DefaultModules):len(DefaultModules)], "mod_fifo")},
		func(t *testing.T, l *lab) {
			one, a := l.call(t, Call{UUID: "one"})
			two, b := l.call(t, Call{UUID: "two"})
			b.execute("1", "fifo", "q out wait")
			after(time.Second)
			a.execute("1", "fifo", "q in")
			after(time.Second)
			two.Hangup("")
			<-two.Done()
			after(time.Second)
			wantCompletions(t, a, "fifo 1 _none_")
			one.Hangup("")
			<-one.Done()
		})
}

func TestConferenceOfTwo(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		one, a := l.call(t, Call{UUID: "one"})
		two, b := l.call(t, Call{UUID: "two"})
		a.execute("1", "conference", "room@default+flags{endconf|moderator}")
		b.execute("1", "conference", "room@default")
		after(time.Second)
		if got := l.s.API("conference room list"); got != "2\n" {
			t.Errorf("members: %s", got)
		}
		one.Hangup("")
		<-one.Done()
		after(100 * time.Millisecond)
		wantCompletions(t, b, "conference 1 _none_")
		two.Hangup("")
		<-two.Done()
	})
}
