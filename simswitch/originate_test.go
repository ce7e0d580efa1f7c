package simswitch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCausesOfSeveralLegs: a dial that fails has its first leg's cause, in the last group, and each leg's in a list.
func TestCausesOfSeveralLegs(t *testing.T) {
	for _, c := range []struct {
		arg, disposition, causes string
	}{
		{"[origination_uuid=a]sofia/external/8486@x", "USER_BUSY", "a;USER_BUSY"},
		{"[origination_uuid=a]sofia/external/8486@x,[origination_uuid=b]sofia/external/8404@x", "USER_BUSY",
			"ARRAY::a;USER_BUSY|:b;UNALLOCATED_NUMBER"},
		{"[origination_uuid=a]sofia/external/8486@x|[origination_uuid=b]sofia/external/8404@x", "UNALLOCATED_NUMBER",
			"ARRAY::a;USER_BUSY|:b;UNALLOCATED_NUMBER"},
		{"[origination_uuid=a,leg_timeout=1]sofia/external/8480@x,[origination_uuid=b]sofia/external/8486@x",
			"ALLOTTED_TIMEOUT", "ARRAY::a;ALLOTTED_TIMEOUT|:b;USER_BUSY"},
		{"{originate_timeout=1}[origination_uuid=a]sofia/external/8486@x,[origination_uuid=b]sofia/external/8480@x",
			"NO_ANSWER", "ARRAY::a;USER_BUSY|:b;NO_ANSWER"},
		{"sofia/gateway/nosuch/1,[origination_uuid=b]sofia/external/8486@x", "USER_BUSY", "b;USER_BUSY"},
		{"[origination_uuid=a]sofia/external/9003@x,[origination_uuid=b]sofia/external/9001@x", "SUCCESS",
			"ARRAY::a;LOSE_RACE|:b;NONE"},
	} {
		t.Run(c.arg, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				_, a := l.call(t, Call{})
				a.execute("0", "set", "continue_on_fail=true")
				a.execute("1", "answer", "")
				a.execute("2", "bridge", c.arg)
				after(5 * time.Second)
				want := []string{c.disposition, c.causes}
				got := []string{resultOf(t, a, "2", "originate_disposition"), resultOf(t, a, "2", "originate_causes")}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("disposition and causes (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestExecuteOnAnswer: what a leg runs at its answer has its events, before the bridge.
func TestExecuteOnAnswer(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, err := l.s.Call(t.Context(), Call{})
		if err != nil {
			t.Fatal(err)
		}
		a := newApp(<-l.conns)
		a.send("connect\n\n")
		a.send("filter Unique-ID leg\n\n")
		a.send("filter Unique-ID " + phone.UUID() + "\n\n")
		a.send("event plain CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE\n\n")
		after(time.Millisecond)
		a.execute("1", "bridge", "[origination_uuid=leg,execute_on_answer='sched_hangup +9']sofia/external/9002@x")
		after(time.Second)
		var got []string
		for _, f := range a.frames() {
			if f.kind == "text/event-plain" {
				got = append(got, f.name()+" "+f.headers["Application"])
			}
		}
		want := []string{
			"CHANNEL_EXECUTE bridge", "CHANNEL_ANSWER ", "CHANNEL_EXECUTE sched_hangup",
			"CHANNEL_EXECUTE_COMPLETE sched_hangup", "CHANNEL_ANSWER ", "CHANNEL_BRIDGE ",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
