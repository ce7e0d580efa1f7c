package dialplan_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"fspivot/dialplan"
	"fspivot/simswitch"
)

// press is keys that the caller presses, one every 60 ms, some time after the call began.
type press struct {
	at   time.Duration
	keys string
}

// once is a prompt of silence that plays once.
func once(d time.Duration) dialplan.Prompt { return dialplan.Prompt{Play: quiet(d), Times: 1} }

// TestCollect has a caller press keys while prompts play, and after. Times are of the call, to the next tick; the
// switch reports a key in the tick after the one in which it was pressed.
func TestCollect(t *testing.T) {
	t.Parallel()
	const s = time.Second
	nothing := must[dialplan.File](t)(dialplan.LocalFile("/no/such.wav"))
	missing := dialplan.Prompt{Play: dialplan.Playback{File: nothing}}
	for _, c := range []struct {
		name    string
		collect dialplan.Collect
		presses []press
		want    dialplan.Collected
		ended   time.Duration // within 60 ms
		played  int           // prompts that started
		left    dialplan.Digits
	}{
		{"nothing pressed", dialplan.Collect{Prompts: []dialplan.Prompt{once(2 * s)}, First: 5 * s, Between: 2 * s},
			nil, dialplan.Collected{}, 7 * s, 1, ""},
		{"no prompt, nothing pressed", dialplan.Collect{First: 5 * s}, nil, dialplan.Collected{}, 5 * s, 0, ""},
		{"no time for a first key", dialplan.Collect{Prompts: []dialplan.Prompt{once(s)}}, nil, dialplan.Collected{}, s,
			1, ""},
		{"a pause ends it", dialplan.Collect{First: 5 * s, Between: 2 * s},
			[]press{{s, "12"}, {2500 * time.Millisecond, "3"}},
			dialplan.Collected{Digits: "123"}, 4500 * time.Millisecond, 0, ""},
		{"the first key has its own time", dialplan.Collect{First: s, Between: 9 * s},
			[]press{{1500 * time.Millisecond, "1"}}, dialplan.Collected{}, s, 0, "1"},
		{"a key ends the prompts", dialplan.Collect{Prompts: []dialplan.Prompt{once(10 * s), once(10 * s)},
			First: 5 * s, Between: 2 * s},
			[]press{{3 * s, "1"}, {4 * s, "2"}}, dialplan.Collected{Digits: "12"}, 6 * s, 1, ""},
		{"a terminator", dialplan.Collect{First: 5 * s, Between: 2 * s, Terminators: "#*"}, []press{{s, "12*3"}},
			dialplan.Collected{Digits: "12", Terminator: "*"},
			1120 * time.Millisecond, 0, "3"},
		{"a terminator alone, over a prompt", dialplan.Collect{Prompts: []dialplan.Prompt{once(10 * s)}, First: 5 * s,
			Terminators: "#"}, []press{{s, "#"}},
			dialplan.Collected{Terminator: "#"}, s, 1, ""},
		{"enough digits", dialplan.Collect{Max: 3, First: 5 * s, Between: 2 * s, Terminators: "#"},
			[]press{{s, "1234#"}}, dialplan.Collected{Digits: "123"},
			1120 * time.Millisecond, 0, "4#"},
		{"one digit that is a terminator", dialplan.Collect{Max: 1, First: 5 * s, Terminators: "5"}, []press{{s, "5"}},
			dialplan.Collected{Terminator: "5"}, s, 0, ""},
		{"all keys are digits", dialplan.Collect{Max: 8, First: 5 * s, Between: 2 * s}, []press{{s, "0*#ABCDa"}},
			dialplan.Collected{Digits: "0*#ABCDA"}, 1420 * time.Millisecond, 0, ""},
		{"keys that do not count", dialplan.Collect{Max: 2, First: 5 * s, Between: 2 * s, Valid: "12",
			Terminators: "#"}, []press{{s, "31"}, {2 * s, "42"}},
			dialplan.Collected{Digits: "12"}, 2060 * time.Millisecond, 0, ""},
		{"keys that do not count end no pause", dialplan.Collect{First: 5 * s, Between: 2 * s, Valid: "12"},
			[]press{{s, "1"}, {2 * s, "33"}},
			dialplan.Collected{Digits: "1"}, 3 * s, 0, ""},
		{"a key that does not count ends the prompts", dialplan.Collect{Prompts: []dialplan.Prompt{once(10 * s)},
			First: 3 * s, Valid: "12"}, []press{{s, "3"}},
			dialplan.Collected{}, 4 * s, 1, ""},
		{"at the last moment", dialplan.Collect{First: 5 * s, Between: 2 * s, Max: 1},
			[]press{{4960 * time.Millisecond, "7"}}, dialplan.Collected{Digits: "7"}, 4980 * time.Millisecond, 0, ""},
		{"across the end of the prompt", dialplan.Collect{Prompts: []dialplan.Prompt{once(s)}, Max: 10, First: 5 * s,
			Between: 2 * s}, []press{{880 * time.Millisecond, "1234567890"}},
			dialplan.Collected{Digits: "1234567890"}, 1420 * time.Millisecond, 1, ""},
		{"between two prompts", dialplan.Collect{Prompts: []dialplan.Prompt{once(s), once(s)}, Max: 1, First: 5 * s},
			[]press{{1045 * time.Millisecond, "1"}},
			dialplan.Collected{Digits: "1"}, 1060 * time.Millisecond, 2, ""},
		{"patient", dialplan.Collect{Prompts: []dialplan.Prompt{once(2 * s), once(2 * s)}, Max: 4, First: 5 * s,
			Between: 2 * s, Patient: true}, []press{{s, "1"}, {5 * s, "2"}},
			dialplan.Collected{Digits: "12"}, 7 * s, 2, ""},
		{"patient, with keys during the prompts only", dialplan.Collect{Prompts: []dialplan.Prompt{once(2 * s)},
			First: 5 * s, Between: s, Patient: true}, []press{{s, "12"}},
			dialplan.Collected{Digits: "12"}, 3 * s, 1, ""},
		{"patient, but done", dialplan.Collect{Prompts: []dialplan.Prompt{once(9 * s)}, Max: 2, First: 5 * s,
			Patient: true}, []press{{s, "123"}},
			dialplan.Collected{Digits: "12"}, 1060 * time.Millisecond, 1, "3"},
		{"patient, but ended", dialplan.Collect{Prompts: []dialplan.Prompt{once(9 * s)}, First: 5 * s, Patient: true,
			Terminators: "#"}, []press{{s, "1#"}},
			dialplan.Collected{Digits: "1", Terminator: "#"}, 1060 * time.Millisecond, 1, ""},
		{"a prompt three times", dialplan.Collect{Prompts: []dialplan.Prompt{{Play: quiet(s), Times: 3}, once(s)},
			First: s}, nil, dialplan.Collected{}, 5 * s, 4, ""},
		{"a prompt for ever", dialplan.Collect{Prompts: []dialplan.Prompt{{Play: quiet(s)}, once(s)}, Max: 1},
			[]press{{9500 * time.Millisecond, "1"}}, dialplan.Collected{Digits: "1"}, 9500 * time.Millisecond, 10, ""},
		{"a missing prompt", dialplan.Collect{Prompts: []dialplan.Prompt{{Play: missing.Play, Times: 1}, once(s)},
			First: s}, nil, dialplan.Collected{}, 2 * s, 1, ""},
		{"a missing prompt for ever", dialplan.Collect{Prompts: []dialplan.Prompt{missing, once(s)}, First: s}, nil,
			dialplan.Collected{}, 2 * s, 1, ""},
		{"a prompt for ever that takes no time", dialplan.Collect{Prompts: []dialplan.Prompt{{Play: dialplan.Mark{}},
			once(s)}, First: s}, nil, dialplan.Collected{}, 2 * s, 1, ""},
		{"a prompt that is nothing", dialplan.Collect{Prompts: []dialplan.Prompt{{Play: dialplan.Playback{}},
			{Play: dialplan.Speak{}, Times: 2}, once(s)}, First: s}, nil,
			dialplan.Collected{}, 2 * s, 1, ""},
		{"more than anybody types", dialplan.Collect{Max: 1000, Between: s, First: s},
			[]press{{500 * time.Millisecond, strings.Repeat("1234567890", 13)}},
			dialplan.Collected{Digits: dialplan.Digits(strings.Repeat("1234567890", 13)[:128])}, 500*time.Millisecond +
				127*60*time.Millisecond, 0, "90"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
				if _, err := l.Do(t.Context(), dialplan.PreAnswer{}); err != nil {
					t.Fatal(err)
				}
				for _, p := range c.presses {
					l.at(p.at, func() { l.phone.Press(p.keys) })
				}
				got, err := l.Collect(t.Context(), c.collect)
				if err != nil || got != c.want {
					t.Errorf("collected %+v, %v, want %+v", got, err, c.want)
				}
				if late := time.Since(l.began) - c.ended; late < 0 || late > 60*time.Millisecond {
					t.Errorf("ended after %v, want %v", time.Since(l.began), c.ended)
				}
				wait(t, l, s) // for what was pressed too late
				if left := l.TakeDigits(); left != c.left {
					t.Errorf("keys left: %q, want %q", left, c.left)
				}
				if played := len(l.args(simswitch.KindPlay)); played != c.played {
					t.Errorf("%d prompts were played, want %d", played, c.played)
				}
				running := len(l.traced(simswitch.KindExecute)) - len(l.traced(simswitch.KindComplete))
				if running != 1 { // the socket action
					t.Errorf("%d applications still run", running-1)
				}
			})
		})
	}
}

// TestCollectBehindWhatPlays collects while something that was queued before still plays: the prompt follows without a
// gap, and what is pressed before its turn is type-ahead.
func TestCollectBehindWhatPlays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		typeAhead bool
		presses   []press
		want      dialplan.Digits
		played    []string
	}{
		{"nothing pressed", false, nil, "", []string{"silence_stream://2000", "silence_stream://3000"}},
		{"before, and does not count", false, []press{{time.Second, "1"}}, "",
			[]string{"silence_stream://2000", "silence_stream://3000"}},
		{"before, and counts", true, []press{{time.Second, "1"}}, "1",
			[]string{"silence_stream://2000", "silence_stream://3000"}},
		{"before and after", false, []press{{1800 * time.Millisecond, "12345678"}}, "5678",
			[]string{"silence_stream://2000", "silence_stream://3000"}},
		{"before and after, all counts", true, []press{{1800 * time.Millisecond, "12345678"}}, "12345678",
			[]string{"silence_stream://2000", "silence_stream://3000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
				for _, p := range c.presses {
					l.at(p.at, func() { l.phone.Press(p.keys) })
				}
				l.Queue(quiet(2 * time.Second))
				got, err := l.Collect(t.Context(), dialplan.Collect{Prompts: []dialplan.Prompt{once(3 * time.Second)},
					First: time.Second, Between: time.Second, TypeAhead: c.typeAhead})
				if err != nil || got.Digits != c.want {
					t.Errorf("collected %q, %v, want %q", got.Digits, err, c.want)
				}
				plays := l.traced(simswitch.KindPlay)
				if diff := cmp.Diff(c.played, l.args(simswitch.KindPlay)); diff != "" {
					t.Errorf("played (-want +got):\n%s", diff)
				} else if gap := plays[1].Time.Sub(plays[0].Time) - 2*time.Second; gap != 0 {
					t.Errorf("a gap of %v before the prompt", gap)
				}
			})
		})
	}
}

// TestTypeAhead is about keys that were pressed before anybody asked.
func TestTypeAhead(t *testing.T) {
	t.Parallel()
	prompt := []dialplan.Prompt{once(time.Minute)}
	for _, c := range []struct {
		name    string
		collect dialplan.Collect
		keys    string
		want    dialplan.Collected
		ended   time.Duration // after the beginning of Collect
		played  int
		left    dialplan.Digits
	}{
		{"counts", dialplan.Collect{TypeAhead: true, Max: 4, Between: time.Second}, "12",
			dialplan.Collected{Digits: "12"}, time.Second, 0, ""},
		{"is enough", dialplan.Collect{TypeAhead: true, Max: 2, Prompts: prompt}, "123",
			dialplan.Collected{Digits: "12"}, 0, 0, "3"},
		{"has a terminator", dialplan.Collect{TypeAhead: true, Terminators: "#", Prompts: prompt}, "1#2",
			dialplan.Collected{Digits: "1", Terminator: "#"}, 0, 0, "2"},
		{"spares the prompt", dialplan.Collect{TypeAhead: true, Max: 4, Prompts: prompt, First: time.Hour,
			Between: time.Second}, "12", dialplan.Collected{Digits: "12"}, time.Second, 0, ""},
		{"does not count", dialplan.Collect{Max: 4, First: 2 * time.Second}, "12", dialplan.Collected{},
			2 * time.Second, 0, ""},
		{"is patient", dialplan.Collect{TypeAhead: true, Patient: true, Max: 4,
			Prompts: []dialplan.Prompt{once(2 * time.Second)}, First: time.Hour, Between: time.Second}, "12",
			dialplan.Collected{Digits: "12"}, 3 * time.Second, 1, ""},
		{"is not valid", dialplan.Collect{TypeAhead: true, Valid: "9", Max: 4, Prompts: prompt, First: time.Second},
			"12", dialplan.Collected{}, time.Second, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
				l.phone.Press(c.keys)
				wait(t, l, time.Second)
				if got := l.Digits(); string(got) != c.keys {
					t.Errorf("keys pressed: %q", got)
				}
				began := time.Now()
				got, err := l.Collect(t.Context(), c.collect)
				if err != nil || got != c.want {
					t.Errorf("collected %+v, %v, want %+v", got, err, c.want)
				}
				if took := time.Since(began); took < c.ended || took > c.ended+60*time.Millisecond {
					t.Errorf("took %v, want %v", took, c.ended)
				}
				if left := l.TakeDigits(); left != c.left {
					t.Errorf("keys left: %q, want %q", left, c.left)
				}
				played := slices.DeleteFunc(l.ran(), func(s string) bool { return !strings.HasPrefix(s, "playback") })
				if len(played) != c.played || c.played == 0 && len(l.args(simswitch.KindAPI)) > 0 {
					t.Errorf("played %q, and broke it off with %q, want %d prompts", played, l.args(simswitch.KindAPI),
						c.played)
				}
			})
		})
	}
}

// TestKeysWhileNobodyReads are reported while our side does something else: they were pressed before what comes then.
func TestKeysWhileNobodyReads(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.phone.Press("12")
		later := make(chan struct{})
		l.at(time.Second, func() { close(later) })
		<-later
		got, err := l.Collect(t.Context(), dialplan.Collect{First: time.Second, Between: time.Second})
		if err != nil || got.Digits != "" {
			t.Errorf("collected %q, %v", got.Digits, err)
		}
		l.phone.Press("34")
		later = make(chan struct{})
		l.at(5*time.Second, func() { close(later) })
		<-later
		if l.ForgetDigits(); l.Digits() != "" {
			t.Errorf("keys %q", l.Digits())
		}
		l.phone.Press("56")
		later = make(chan struct{})
		l.at(6*time.Second, func() { close(later) })
		<-later
		if got := l.TakeDigits(); got != "56" || l.Digits() != "" {
			t.Errorf("keys %q, then %q", got, l.Digits())
		}
	})
}

func TestTooManyKeys(t *testing.T) {
	t.Parallel()
	typed := strings.Repeat("0123456789", 15)
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.phone.Press(typed)
		wait(t, l, 20*time.Second)
		if got := l.TakeDigits(); string(got) != typed[:128] {
			t.Errorf("%d keys are remembered: %q", len(got), got)
		}
	})
}

func TestCollectEndsWithTheCall(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	for name, c := range map[string]struct {
		end  func(l *lab, cancel context.CancelCauseFunc)
		want error
		how  string
	}{
		"hangup":   {func(l *lab, _ context.CancelCauseFunc) { l.phone.Hangup("") }, dialplan.ErrGone, dialplan.HungUp},
		"transfer": {func(l *lab, _ context.CancelCauseFunc) { l.phone.Transfer() }, dialplan.ErrGone, dialplan.Left},
		"socket":   {func(l *lab, _ context.CancelCauseFunc) { _ = l.conn.Close() }, dialplan.ErrGone, dialplan.Lost},
		"cancel":   {func(_ *lab, cancel context.CancelCauseFunc) { cancel(enough) }, enough, ""},
	} {
		for phase, at := range map[string]time.Duration{"behind what plays": time.Second, "prompt": 3 * time.Second,
			"digits": 6 * time.Second} {
			t.Run(name+" at "+phase, func(t *testing.T) {
				t.Parallel()
				onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					l.at(at, func() { c.end(l, cancel) })
					l.at(5*time.Second, func() { l.phone.Press("1") })
					l.Queue(dialplan.Answer{}, quiet(2*time.Second))
					got, err := l.Collect(ctx, dialplan.Collect{Prompts: []dialplan.Prompt{{Play: quiet(time.Second)}},
						First: time.Hour, Between: time.Hour})
					if !errors.Is(err, c.want) || got != (dialplan.Collected{}) || l.since() != at ||
						l.End().How != c.how {
						t.Errorf("after %v: %+v, %v, end %+v", l.since(), got, err, l.End())
					}
				})
			})
		}
	}
}

// TestNoKeyIsLost types at any time and collects in any portions: together they are what was typed, in order.
func TestNoKeyIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		presses := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) press {
			return press{time.Duration(rapid.IntRange(0, 6000).Draw(t, "at")) * time.Millisecond,
				rapid.StringMatching(`[0-9*]{1,6}`).Draw(t, "keys")}
		}), 0, 5).Draw(rt, "presses")
		slices.SortStableFunc(presses, func(a, b press) int { return int(a.at - b.at) })
		for i := range presses {
			presses[i].at += time.Duration(i) // so that they have an order
		}
		collects := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dialplan.Collect {
			ms := func(name string, from, to int) time.Duration {
				return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Millisecond
			}
			return dialplan.Collect{
				Prompts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dialplan.Prompt {
					return once(time.Duration(rapid.IntRange(1, 900).Draw(t, "prompt")) * time.Millisecond)
				}), 0, 3).Draw(t, "prompts"),
				Max: rapid.IntRange(1, 6).Draw(t, "max"), First: ms("first", 0, 1000), Between: ms("between", 0, 500),
				TypeAhead: true, Patient: rapid.Bool().Draw(t, "patient"),
			}
		}), 1, 8).Draw(rt, "collects")
		before := rapid.Bool().Draw(rt, "something plays before each")
		var typed, got string
		for _, p := range presses {
			typed += p.keys
		}
		fault := ""
		onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
			for _, p := range presses {
				l.at(p.at, func() { l.phone.Press(p.keys) })
			}
			for _, c := range collects {
				if before {
					l.Queue(quiet(100 * time.Millisecond))
				}
				part, err := l.Collect(t.Context(), c)
				if err != nil || len(part.Digits) > c.Max {
					fault = "collected " + string(part.Digits)
					return
				}
				got += string(part.Digits)
			}
			wait(t, l, 10*time.Second)
			got += string(l.TakeDigits())
		})
		if fault != "" || got != typed {
			rt.Fatalf("typed %q, collected %q %s", typed, got, fault)
		}
	})
}
