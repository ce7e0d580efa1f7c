package dialplan_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
	"fspivot/simswitch"
)

func TestQueueRunsInOrderWithoutGaps(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.Queue(dialplan.Answer{}, quiet(100*time.Millisecond), dialplan.Answer{},
			dialplan.Playback{File: dialplan.Silence(40 * time.Millisecond), Stop: "#"})
		if !l.Answered() || l.phone.Ended().Answered != (time.Time{}) {
			t.Error("an answer on its way does not count as answered")
		}
		l.Queue(quiet(20*time.Millisecond), dialplan.Hangup{Cause: dialplan.UserBusy})
		if err := l.WaitForEnd(t.Context()); err != nil {
			t.Error(err)
		}
		want := []string{
			"answer", "set playback_terminators=none", "playback silence_stream://100", "set playback_terminators=#",
			"playback silence_stream://40", "set playback_terminators=none", "playback silence_stream://20",
			"hangup USER_BUSY",
		}
		if diff := cmp.Diff(want, l.ran()); diff != "" {
			t.Errorf("applications (-want +got):\n%s", diff)
		}
		var ended time.Time
		for _, x := range l.traced(simswitch.KindExecute, simswitch.KindComplete) {
			if x.Kind == simswitch.KindExecute && !ended.IsZero() && x.Time != ended {
				t.Errorf("%s %s starts %v after the one before it", x.App, x.Arg, x.Time.Sub(ended))
			}
			ended = time.Time{}
			if x.Kind == simswitch.KindComplete {
				ended = x.Time
			}
		}
		end := l.Finish(t.Context())
		if end.How != dialplan.HungUp || end.Cause != dialplan.UserBusy || end.Err != nil ||
			end.Event.Variable("hangup_cause") != "USER_BUSY" {
			t.Errorf("end is %+v", end)
		}
	})
}

// TestWindow queues more than is sent at once: the rest waits here, and follows without a gap.
func TestWindow(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		var want []string
		for i := range 200 {
			l.Queue(quiet(time.Duration(20+i) * time.Millisecond))
			want = append(want, fmt.Sprintf("playback silence_stream://%d", 20+i))
		}
		synctest.Wait()
		sent := len(l.args(simswitch.KindFrameIn)) - 4 // connect, linger, filter, event
		if sent < 32 || sent > 40 {
			t.Errorf("%d commands were sent ahead", sent)
		}
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(l.ran(), func(s string) bool { return strings.HasPrefix(s, "set ") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("applications (-want +got):\n%s", diff)
		}
		var total time.Duration // what the plays last, each to the end of its tick
		for i := range 200 {
			total += (time.Duration(20+i)*time.Millisecond + 19*time.Millisecond).Truncate(20 * time.Millisecond)
		}
		if took := time.Since(l.began); took > total+40*time.Millisecond {
			t.Errorf("%v for %v of silence", took, total)
		}
	})
}

func TestDo(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		do := func(a dialplan.Application) dialplan.Completion {
			t.Helper()
			done, err := l.Do(t.Context(), a)
			if err != nil {
				t.Fatalf("%T: %v", a, err)
			}
			return done
		}
		if l.Answered() {
			t.Error("answered before the answer")
		}
		if done := do(dialplan.Answer{}); done.Application != "answer" || done.Dropped {
			t.Errorf("answer: %+v", done)
		}
		l.Queue(quiet(time.Second))
		do(dialplan.Answer{}) // is not sent again, but waits its turn
		if got := l.since(); got < time.Second {
			t.Errorf("a second answer came back after %v", got)
		}
		missing := must[dialplan.File](t)(dialplan.LocalFile("/no/such.wav"))
		if done := do(dialplan.Playback{File: missing}); !done.Played().Missing {
			t.Errorf("missing file: %+v", done.Played())
		}
		if done := do(quiet(time.Second)); done.Played() != (dialplan.Played{}) || done.Response != "FILE PLAYED" {
			t.Errorf("silence: %+v", done.Played())
		}
		l.phone.Press("3")
		if done := do(dialplan.Playback{File: dialplan.EndlessSilence(),
			Stop: "123"}); done.Played().Terminator != "3" {
			t.Errorf("stopped by a key: %+v", done.Played())
		}
		if got := l.TakeDigits(); got != "3" {
			t.Errorf("keys %q", got)
		}
		answers := slices.DeleteFunc(l.ran(), func(s string) bool { return s != "answer" })
		if len(answers) != 1 {
			t.Errorf("%d answers were sent", len(answers))
		}

		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		stop := errors.New("enough")
		l.at(10*time.Second, func() { cancel(stop) })
		done, err := l.Do(ctx, quiet(time.Hour))
		if err != stop || !done.Dropped || l.since() != 10*time.Second {
			t.Errorf("cancelled after %v: %+v, %v", l.since(), done, err)
		}
	})
}

// TestOldResultsAreNotNew has each application with results twice: the second time there is nothing to find.
func TestOldResultsAreNotNew(t *testing.T) {
	t.Parallel()
	pin := must[dialplan.Name](t)(dialplan.ParseName("pin"))
	carrier := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number"))
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.Queue(dialplan.Answer{})
		do := func(a dialplan.Application, keys string) dialplan.Completion {
			t.Helper()
			l.at(time.Since(l.began)+500*time.Millisecond, func() { l.phone.Press(keys) })
			done, err := l.Do(t.Context(), a)
			if err != nil {
				t.Fatalf("%T: %v", a, err)
			}
			return done
		}
		wav := must[dialplan.File](t)(dialplan.LocalFile(t.TempDir() + "/a.wav"))
		record := dialplan.Record{File: wav, Limit: 2 * time.Second, Stop: "#"}
		if got := do(record, "#").Recorded(); got.Terminator != "#" || got.Length == 0 {
			t.Errorf("record with a key: %+v", got)
		}
		if got := do(record, "").Recorded(); got.Terminator != "" || got.Length < 2*time.Second {
			t.Errorf("record without: %+v", got)
		}
		collect := dialplan.PlayAndGetDigits{Max: 4, First: time.Second, Between: time.Second, Stop: "#", Variable: pin}
		if digits, stop := do(collect, "12#").Digits(pin); digits != "12" || stop != "#" {
			t.Errorf("play_and_get_digits with keys: %q, %q", digits, stop)
		}
		if digits, stop := do(collect, "").Digits(pin); digits != "" || stop != "" {
			t.Errorf("play_and_get_digits without: %q, %q", digits, stop)
		}
		read := dialplan.Read{Max: 4, Timeout: time.Second, Stop: "#", Variable: pin}
		if digits, stop := do(read, "34#").Digits(pin); digits != "34" || stop != "#" {
			t.Errorf("read with keys: %q, %q", digits, stop)
		}
		if digits, stop := do(read, "").Digits(pin); digits != "" || stop != "" {
			t.Errorf("read without: %q, %q", digits, stop)
		}
		bridge := func(numbers ...dialplan.Number) dialplan.Bridged {
			t.Helper()
			b := dialplan.Bridge{InTurn: true}
			for _, n := range numbers {
				b.Endpoints = append(b.Endpoints, carrier.Number(n))
			}
			return do(b, "").Bridged()
		}
		if got := bridge("8486"); got.Answered || got.Cause != dialplan.UserBusy || got.Code != "sip:486" ||
			got.Leg != "" {
			t.Errorf("busy: %+v", got)
		}
		if got := bridge("9001"); !got.Answered || got.Cause != dialplan.NormalClearing ||
			got.Leg != l.phone.Legs()[1].UUID {
			t.Errorf("answered: %+v", got)
		}
		nobody := dialplan.Bridge{Endpoints: []dialplan.Endpoint{{}}}
		if got := do(nobody, "").Bridged(); got.Answered || got.Cause != "UNALLOCATED_NUMBER" || got.Code != "" ||
			got.Leg != "" || got.Causes != nil {
			t.Errorf("nobody dialled: %+v", got)
		}
		got := bridge("8404", "8486").Causes
		legs := l.phone.Legs()
		want := map[string]dialplan.Cause{legs[2].UUID: "UNALLOCATED_NUMBER", legs[3].UUID: dialplan.UserBusy}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("causes of two legs (-want +got):\n%s", diff)
		}
	})
}

// TestSettingsThatHoldAreNotRepeated follows one variable through everything that may set it.
func TestSettingsThatHoldAreNotRepeated(t *testing.T) {
	t.Parallel()
	stop := func(keys dialplan.Digits) dialplan.Playback {
		return dialplan.Playback{File: dialplan.Silence(20 * time.Millisecond), Stop: keys}
	}
	terminators := dialplan.Variable{Name: must[dialplan.Name](t)(dialplan.ParseName("playback_terminators")),
		Value: dialplan.Foreign("9")}
	odd := dialplan.Variable{Name: must[dialplan.Name](t)(dialplan.ParseName("cav_odd")),
		Value: dialplan.Foreign("a;b")}
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.Queue(stop("1"), stop("1"), stop(""), stop(""))                                                 // 1, none
		l.Queue(dialplan.Set{Variable: terminators}, stop("9"), stop("1"))                                // 9, 1
		l.Queue(dialplan.Multiset{Variables: []dialplan.Variable{odd, terminators}}, stop("9"))           // 9
		l.Queue(dialplan.Export{Variable: terminators, OnlyOther: true}, stop("9"))                       // not here
		l.Queue(stop("1"), dialplan.Export{Variable: terminators}, stop("9"))                             // 1, 9
		l.Queue(dialplan.Sleep{For: time.Second}, stop("1"), dialplan.Sleep{For: time.Second}, stop("1")) // 1
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.SetVariable(terminators)
		l.Queue(stop("9")) // at once
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.Queue(stop("2"))
		l.SetVariable(terminators) // before or after the 2: nobody knows
		l.Queue(stop("9"))         // 9
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(l.ran(), func(s string) bool {
			return strings.HasPrefix(s, "playback ") ||
				strings.HasPrefix(s, "sleep ") || s == "set sleep_eat_digits=true"
		})
		want := []string{
			"set playback_terminators=1", "set playback_terminators=none", "set playback_terminators=9",
			"set playback_terminators=1", "set cav_odd=a;b", "set playback_terminators=9",
			"export nolocal:playback_terminators=9", "set playback_terminators=1", "export playback_terminators=9",
			"set playback_terminators=1", "set playback_terminators=2", "set playback_terminators=9",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
	})
}

func TestSetVariables(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		var vars []dialplan.Variable
		for i := range 100 { // more than the switch takes at once
			vars = append(vars, dialplan.Variable{Name: must[dialplan.Name](t)(dialplan.ParseName(fmt.Sprintf("cav_%d",
				i))), Value: dialplan.Foreign(fmt.Sprint(i))})
		}
		vars[7].Value = dialplan.Foreign("a; ${b} it's")
		l.SetVariables(vars...)
		l.SetVariable(dialplan.Variable{Name: vars[8].Name})
		synctest.Wait()
		if got := len(l.args(simswitch.KindAPI)); got != 4 {
			t.Errorf("%d commands for 99 plain values, an odd one and an empty one", got)
		}
		for i, v := range vars {
			want := v.Value.String()
			if i == 8 {
				want = ""
			}
			if got := l.phone.Variable(v.Name.String()); got != want {
				t.Errorf("%s is %q, want %q", v.Name, got, want)
			}
		}
	})
}

// TestBreak drops what was queued: nothing of it runs, nothing is waited for, and nothing of it counts as done.
func TestBreak(t *testing.T) {
	t.Parallel()
	a := dialplan.Variable{Name: must[dialplan.Name](t)(dialplan.ParseName("cav_a")), Value: dialplan.Foreign("b")}
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.Break() // with nothing there
		l.Queue(quiet(time.Minute), quiet(time.Second), dialplan.Set{Variable: a}, dialplan.Answer{},
			dialplan.Playback{File: dialplan.Silence(time.Second), Stop: "5"})
		for range 100 {
			l.Queue(quiet(time.Second)) // beyond the window
		}
		wait(t, l, time.Second)
		l.Break()
		if l.Answered() {
			t.Error("an answer that was dropped counts")
		}
		if err := l.Drain(t.Context()); err != nil || l.since() != time.Second {
			t.Errorf("after %v there still is something to wait for: %v", l.since(), err)
		}
		// The first playback ends now, as FILE PLAYED: too late to be the next one's result.
		missing := dialplan.Playback{File: must[dialplan.File](t)(dialplan.LocalFile("/no/such.wav"))}
		done, err := l.Do(t.Context(), missing)
		if err != nil || !done.Played().Missing {
			t.Errorf("playback after the break: %+v, %v", done, err)
		}
		// The setting before it was dropped with the rest, so that it is sent again.
		_, err = l.Do(t.Context(), dialplan.Playback{File: dialplan.Silence(time.Second), Stop: "5"})
		if got := l.phone.Variable("playback_terminators"); err != nil || got != "5" {
			t.Errorf("terminators are %q, %v", got, err)
		}
		if _, err := l.Do(t.Context(), dialplan.Answer{}); err != nil || l.phone.Ended().Answered.IsZero() {
			t.Errorf("not answered: %v", err)
		}
		want := []string{
			"set playback_terminators=none", "playback silence_stream://60000", "set playback_terminators=none",
			"playback /no/such.wav", "set playback_terminators=5", "playback silence_stream://1000", "answer",
		}
		if diff := cmp.Diff(want, l.ran()); diff != "" {
			t.Errorf("applications (-want +got):\n%s", diff)
		}
		if got := l.phone.Variable("cav_a"); got != "" {
			t.Errorf("a variable that was dropped is %q", got)
		}
	})
}

// TestBreakDoesNotLeaveOldSettings has a bridge with a caller's name, a break, and a bridge without: that one must not
// show the name of the first.
func TestBreakDoesNotLeaveOldSettings(t *testing.T) {
	t.Parallel()
	carrier := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number"))
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		named := dialplan.Bridge{Endpoints: []dialplan.Endpoint{carrier.Number("8486")},
			CallerName: dialplan.Foreign("Support"), CallerNumber: dialplan.Foreign("800")}
		if _, err := l.Do(t.Context(), named); err != nil {
			t.Fatal(err)
		}
		l.Queue(quiet(time.Minute), named)
		wait(t, l, time.Second)
		l.Break()
		if _, err := l.Do(t.Context(),
			dialplan.Bridge{Endpoints: []dialplan.Endpoint{carrier.Number("8486")}}); err != nil {
			t.Fatal(err)
		}
		var from []string
		for _, leg := range l.phone.Legs() {
			from = append(from, leg.FromName+" "+leg.From)
		}
		if diff := cmp.Diff([]string{"Support 800", "15551230000 15551230000"}, from); diff != "" {
			t.Errorf("callers shown (-want +got):\n%s", diff)
		}
	})
}

func TestHangupWhileSomethingRuns(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.Queue(dialplan.Answer{})
		l.at(time.Second, func() { l.phone.Hangup("") })
		done, err := l.Do(t.Context(), quiet(time.Minute))
		if !errors.Is(err, dialplan.ErrGone) || !done.Played().Failed || done.Dropped {
			t.Errorf("the play that ran: %+v, %v", done, err)
		}
		if !l.Gone() || l.End().How != dialplan.HungUp {
			t.Errorf("end is %+v", l.End())
		}
		for _, a := range []dialplan.Application{quiet(time.Second), dialplan.Set{}, dialplan.Hangup{}} {
			if done, err := l.Do(t.Context(), a); !errors.Is(err, dialplan.ErrGone) || !done.Dropped {
				t.Errorf("%T afterwards: %+v, %v", a, done, err)
			}
		}
		l.Queue(quiet(time.Second))
		if err := l.Drain(t.Context()); !errors.Is(err, dialplan.ErrGone) {
			t.Errorf("drain: %v", err)
		}
		if err := l.Wait(t.Context(), time.Hour); !errors.Is(err, dialplan.ErrGone) {
			t.Errorf("wait: %v", err)
		}
		if _, err := l.Collect(t.Context(), dialplan.Collect{Prompts: []dialplan.Prompt{{Play: quiet(time.Second)}},
			First: time.Hour}); !errors.Is(err, dialplan.ErrGone) {
			t.Errorf("collect: %v", err)
		}
		l.Break()
		if got := l.since(); got != time.Second {
			t.Errorf("all that took until %v", got)
		}
		end := l.Finish(t.Context())
		if end.How != dialplan.HungUp || end.Cause != dialplan.NormalClearing || end.Event.Variable("billsec") == "" {
			t.Errorf("end is %+v", end)
		}
	})
}

// TestHangupAtAnyTime hangs up at each tick of a busy call: nothing hangs, what never ran counts as dropped, and the
// end has its billing.
func TestHangupAtAnyTime(t *testing.T) {
	t.Parallel()
	carrier := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number"))
	for at := time.Duration(0); at < 4*time.Second; at += 50 * time.Millisecond {
		onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
			l.at(at, func() { l.phone.Hangup("") })
			wav := must[dialplan.File](t)(dialplan.LocalFile(t.TempDir() + "/a.wav"))
			apps := []dialplan.Application{
				dialplan.Answer{}, dialplan.Speak{Voice: dialplan.Voice{Engine: "flite", Name: "slt"},
					Text: dialplan.Spoken("Hello")},
				dialplan.Record{File: wav, Limit: time.Second}, dialplan.Sleep{For: 100 * time.Millisecond},
				dialplan.Bridge{Endpoints: []dialplan.Endpoint{carrier.Number("9003")}},
			}
			l.Queue(quiet(200*time.Millisecond), quiet(200*time.Millisecond))
			gone := false
			for _, a := range apps {
				done, err := l.Do(t.Context(), a)
				if gone && !done.Dropped || err != nil && !errors.Is(err, dialplan.ErrGone) {
					t.Errorf("hangup at %v: %T: %+v, %v", at, a, done, err)
				}
				gone = gone || err != nil
			}
			if _, err := l.Collect(t.Context(), dialplan.Collect{First: time.Hour}); !errors.Is(err, dialplan.ErrGone) {
				t.Errorf("hangup at %v: collect: %v", at, err)
			}
			if end := l.Finish(t.Context()); end.How != dialplan.HungUp || end.Event == nil ||
				string(end.Cause) != l.phone.Ended().Cause {
				t.Errorf("hangup at %v: end is %+v, the phone's %+v", at, end, l.phone.Ended())
			}
		})
	}
}

// TestTransferredAway is a call that somebody takes: it is to be left alone.
func TestTransferredAway(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(l *lab, ctx context.Context) error{
		"playing": func(l *lab, ctx context.Context) error {
			l.Queue(quiet(time.Minute), quiet(time.Minute))
			return l.Drain(ctx)
		},
		"collecting": func(l *lab, ctx context.Context) error {
			_, err := l.Collect(ctx, dialplan.Collect{Prompts: []dialplan.Prompt{{Play: quiet(10 * time.Second)}},
				First: time.Hour})
			return err
		},
		"waiting": func(l *lab, ctx context.Context) error { return l.Wait(ctx, time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
				l.Queue(dialplan.Answer{})
				l.at(time.Second, l.phone.Transfer)
				if err := meanwhile(l, t.Context()); !errors.Is(err, dialplan.ErrGone) || l.since() != time.Second {
					t.Errorf("after %v: %v", l.since(), err)
				}
				sent := len(l.traced(simswitch.KindFrameIn))
				if _, err := l.Do(t.Context(), dialplan.Hangup{}); !errors.Is(err, dialplan.ErrGone) {
					t.Errorf("hangup afterwards: %v", err)
				}
				l.Break()
				if end := l.Finish(t.Context()); end != (dialplan.End{How: dialplan.Left}) || l.End() != end {
					t.Errorf("end is %+v", end)
				}
				synctest.Wait()
				for _, x := range l.traced(simswitch.KindFrameIn)[sent:] {
					t.Errorf("sent to a call that is not ours: %q", x.Raw)
				}
				if ended := l.phone.Ended(); ended.Cause != "" {
					t.Errorf("the call that left was hung up: %+v", ended)
				}
				l.phone.Hangup("")
				<-l.phone.Done()
				synctest.Wait()
				if l.ForgetDigits(); l.End() != (dialplan.End{How: dialplan.Left}) {
					t.Errorf("its later hangup made the end %+v", l.End())
				}
			})
		})
	}
}

func TestSocketDies(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.Queue(dialplan.Answer{})
		l.at(time.Second, func() { l.conn.Close() })
		done, err := l.Do(t.Context(), quiet(time.Minute))
		if !errors.Is(err, dialplan.ErrGone) || !done.Dropped || l.since() != time.Second {
			t.Errorf("after %v: %+v, %v", l.since(), done, err)
		}
		if end := l.Finish(t.Context()); end.How != dialplan.Lost || end.Err == nil || end.Cause != "" ||
			end.Event != nil {
			t.Errorf("end is %+v", end)
		}
		if has, err := l.HasModule(t.Context(), "mod_flite"); has || !errors.Is(err, dialplan.ErrGone) {
			t.Errorf("a dead socket has a module: %t, %v", has, err)
		}
		l.Queue(quiet(time.Second))
		l.Break()
		l.SetVariable(dialplan.Variable{})
		l.Watch("x")
		l.Unwatch()
		if err := l.WaitForEnd(t.Context()); err != nil || l.since() != time.Second {
			t.Errorf("waiting for the end until %v: %v", l.since(), err)
		}
	})
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	for _, c := range []struct {
		name                 string
		done, hangup, cancel time.Duration // 0: never
		want                 error
		after                time.Duration
	}{
		{"done", time.Second, 2 * time.Second, 0, nil, time.Second},
		{"hangup", 2 * time.Second, time.Second, 0, dialplan.ErrGone, time.Second},
		{"cancelled", 2 * time.Second, 0, time.Second, enough, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				done := make(chan struct{})
				for d, do := range map[time.Duration]func(){
					c.done: func() { close(done) }, c.hangup: func() { l.phone.Hangup("") },
					c.cancel: func() { cancel(enough) },
				} {
					if d > 0 {
						l.at(d, do)
					}
				}
				l.at(500*time.Millisecond, func() { l.phone.Press("7") })
				l.Queue(dialplan.Answer{}, quiet(time.Minute))
				if err := l.WaitFor(ctx, done); !errors.Is(err, c.want) || l.since() != c.after {
					t.Errorf("after %v: %v, want %v", l.since(), err, c.want)
				}
				if got := l.TakeDigits(); got != "7" {
					t.Errorf("keys pressed meanwhile: %q", got)
				}
			})
		})
	}
}

func TestHasModule(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		for range 3 {
			for name, want := range map[string]bool{"mod_flite": true, "mod_fifo": false, "": false, "mod x": false,
				"${x}": false, "a\nb": false} {
				if got, err := l.HasModule(t.Context(), name); got != want || err != nil {
					t.Errorf("module %q: %v, %v", name, got, err)
				}
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		if _, err := l.HasModule(ctx, "mod_sofia"); err == nil || err.Error() != "enough" {
			t.Errorf("with a context that ended: %v", err)
		}
		if l.SwitchID() == "" {
			t.Error("the switch has no id")
		}
		synctest.Wait()
		asked := slices.DeleteFunc(l.args(simswitch.KindAPI), func(s string) bool { return s == "module_exists mod_sofia" })
		slices.Sort(asked)
		if diff := cmp.Diff([]string{"module_exists mod_fifo", "module_exists mod_flite"}, asked); diff != "" {
			t.Errorf("questions (-want +got):\n%s", diff)
		}
	})
}

// TestWatch rings two legs at once: one answers, one loses; their events come while they are watched only.
func TestWatch(t *testing.T) {
	t.Parallel()
	const winner, loser = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
	carrier := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number"))
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		a, b := carrier.Number("9001"), carrier.Number("8480")
		a.UUID, b.UUID, a.Delay = winner, loser, time.Second
		l.Watch(winner, "", loser)
		l.at(3*time.Second, func() { l.phone.Press("5") })
		done, err := l.Do(t.Context(), dialplan.Bridge{Endpoints: []dialplan.Endpoint{a, b}})
		if err != nil || !done.Bridged().Answered || done.Bridged().Leg != winner {
			t.Errorf("bridge: %+v, %v", done.Bridged(), err)
		}
		if !l.Answered() {
			t.Error("the bridge answered the caller, which does not count")
		}
		legs := l.Unwatch()
		if w := legs[winner]; len(legs) != 2 || w.Answered.IsZero() || w.Ended.Sub(w.Answered) != 3*time.Second ||
			w.Cause != dialplan.NormalClearing || w.Event == nil {
			t.Errorf("the leg that won: %+v of %d", w, len(legs))
		}
		if x := legs[loser]; !x.Answered.IsZero() || x.Cause != "LOSE_RACE" || x.Ended != legs[winner].Answered ||
			x.Event.UUID() != loser {
			t.Errorf("the leg that lost: %+v", x)
		}
		if diff := cmp.Diff(map[string]dialplan.Cause{loser: "LOSE_RACE"}, done.Bridged().Causes); diff != "" {
			t.Errorf("causes (-want +got):\n%s", diff)
		}
		if got := l.TakeDigits(); got != "5" {
			t.Errorf("the caller's keys: %q", got)
		}
		if len(l.Unwatch()) != 0 {
			t.Error("legs are watched for ever")
		}

		synctest.Wait()
		heard := len(l.traced(simswitch.KindFrameOut))
		a = carrier.Number("9001")
		a.UUID = loser
		if _, err := l.Do(t.Context(), dialplan.Bridge{Endpoints: []dialplan.Endpoint{a}}); err != nil {
			t.Fatal(err)
		}
		for _, x := range l.traced(simswitch.KindFrameOut)[heard:] {
			if strings.Contains(string(x.Raw), "\nUnique-ID: "+loser) {
				t.Errorf("an event of a leg that nobody watches:\n%.300s", x.Raw)
			}
		}
		for _, r := range l.line.Records() {
			if strings.Contains(r.Fields["leg"], winner) && r.Text == "answered" {
				return
			}
		}
		t.Error("the timeline does not tell that the leg answered")
	})
}

func TestKill(t *testing.T) {
	t.Parallel()
	const id = "00000000-0000-4000-8000-000000000001"
	carrier := must[dialplan.Template](t)(dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number"))
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		leg := carrier.Number("9002")
		leg.UUID = id
		l.Queue(dialplan.Bridge{Endpoints: []dialplan.Endpoint{leg}})
		wait(t, l, time.Second)
		l.Kill("x\napi hupall", dialplan.UserBusy)
		l.Kill(id, "x y")
		if err := l.Drain(t.Context()); err != nil || l.phone.Legs()[0].Cause != "NORMAL_CLEARING" {
			t.Errorf("leg: %+v, %v", l.phone.Legs()[0], err)
		}
		l.Kill("", dialplan.CallRejected)
		if err := l.WaitForEnd(t.Context()); err != nil || l.End().Cause != dialplan.CallRejected {
			t.Errorf("end is %+v, %v", l.End(), err)
		}
	})
}

// TestVoidIsNotSent is about applications over which the switch would hang up, or crash.
func TestVoidIsNotSent(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		l.Queue(dialplan.Answer{}, dialplan.StopRecordSession{}, dialplan.Multiset{}, dialplan.Playback{})
		done, err := l.Do(t.Context(), dialplan.Speak{Text: dialplan.Spoken("{}")})
		if err != nil || !done.Dropped {
			t.Errorf("speak: %+v, %v", done, err)
		}
		if done, err := l.Do(t.Context(), dialplan.Mark{}); err != nil || done.Dropped {
			t.Errorf("what comes then: %+v, %v", done, err)
		}
		if diff := cmp.Diff([]string{"answer", "eval fspivot"}, l.ran()); diff != "" {
			t.Errorf("applications (-want +got):\n%s", diff)
		}
	})
}

// TestPasswordsAreNotTold looks for a leg's password in everything that people read.
func TestPasswordsAreNotTold(t *testing.T) {
	t.Parallel()
	onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
		leg := external(t).URI(dialplan.SIPURI{User: "9001", Host: "example.org"})
		leg.Username, leg.Password = "ann", dialplan.Foreign("s3cret")
		if _, err := l.Do(t.Context(), dialplan.Bridge{Endpoints: []dialplan.Endpoint{leg}}); err != nil {
			t.Fatal(err)
		}
		if got := l.phone.Legs()[0].Vars["sip_auth_password"]; got != "s3cret" {
			t.Errorf("the leg's password is %q", got)
		}
		for _, r := range l.line.Records() {
			if strings.Contains(fmt.Sprint(r), "s3cret") {
				t.Errorf("the timeline tells the password: %+v", r)
			}
		}
	})
}

// TestPartingWaits is a hangup behind what takes long: it is sent when that has ended, so that it can't hit a call which
// was taken away meanwhile. Behind what is short it goes along at once.
func TestPartingWaits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before []dialplan.Application
		sent   bool // at once
		ends   time.Duration
	}{
		{[]dialplan.Application{quiet(20 * time.Millisecond), quiet(20 * time.Millisecond)}, true, 80 * time.Millisecond},
		{[]dialplan.Application{quiet(10 * time.Second)}, false, 10 * time.Second},
		{[]dialplan.Application{dialplan.Speak{Voice: dialplan.Voice{Engine: "flite", Name: "slt"},
			Text: dialplan.Spoken("Hello")}}, false, time.Second},
	} {
		onCall(t, simswitch.Config{}, func(t *testing.T, l *lab) {
			l.Queue(dialplan.Answer{})
			l.Queue(c.before...)
			l.Queue(dialplan.Hangup{})
			synctest.Wait()
			sent := slices.ContainsFunc(l.traced(simswitch.KindFrameIn), func(x simswitch.Trace) bool {
				return strings.Contains(strings.ToLower(string(x.Raw)), "execute-app-name: hangup")
			})
			if sent != c.sent {
				t.Errorf("%v: the hangup was sent at once: %t, want %t", c.before, sent, c.sent)
			}
			if err := l.Drain(t.Context()); !errors.Is(err, dialplan.ErrGone) {
				t.Errorf("%v: %v", c.before, err)
			}
			if l.since() > c.ends+100*time.Millisecond {
				t.Errorf("%v: hung up after %v, want %v and a tick", c.before, l.since(), c.ends)
			}
		})
	}
}
