package simswitch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func wantCompletions(t *testing.T, a *app, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, a.completions()); diff != "" {
		t.Errorf("completions (-want +got):\n%s", diff)
	}
}

// resultOf is a variable in the completion of a command.
func resultOf(t *testing.T, a *app, id, name string) string {
	t.Helper()
	f, ok := a.completion(id)
	if !ok {
		t.Fatalf("command %s has not completed", id)
	}
	return f.headers["variable_"+name]
}

func TestBreakWithNothingRunning(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "answer", "")
		after(100 * time.Millisecond)
		a.send("api uuid_break " + phone.UUID() + " all\n\n")
		a.execute("2", "playback", "silence_stream://1000")
		after(500 * time.Millisecond)
		wantCompletions(t, a, "answer 1 _none_")
		after(time.Second)
		wantCompletions(t, a, "answer 1 _none_", "playback 2 FILE PLAYED")
	})
}

func TestBreakFlushesTheQueue(t *testing.T) {
	for _, c := range []struct {
		command string
		want    []string
	}{
		{"all", []string{"answer 1 _none_", "playback 2 FILE PLAYED", "set 5 _none_"}},
		{"", []string{"answer 1 _none_", "playback 2 FILE PLAYED", "playback 3 FILE PLAYED", "set 4 _none_", "set 5 _none_"}},
	} {
		t.Run(c.command, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				phone, a := l.call(t, Call{})
				a.execute("1", "answer", "")
				a.execute("2", "playback", "silence_stream://60000")
				a.execute("3", "playback", "silence_stream://100")
				a.execute("4", "set", "a=b")
				after(time.Second)
				a.send("api uuid_break " + phone.UUID() + " " + c.command + "\n\n")
				after(200 * time.Millisecond)
				a.execute("5", "set", "c=d")
				after(200 * time.Millisecond)
				wantCompletions(t, a, c.want...)
			})
		})
	}
}

func TestTypeAhead(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "answer", "")
		a.execute("2", "sleep", "1000") // takes no keys
		after(100 * time.Millisecond)
		phone.Press("12345#")
		after(time.Second)
		a.execute("3", "flush_dtmf", "")
		after(100 * time.Millisecond)
		if digits := l.texts(KindDigit); len(digits) == 0 {
			t.Error("a parked channel took no keys")
		}
		a.execute("4", "sleep", "1000")
		after(100 * time.Millisecond)
		phone.Press("6789#")
		a.execute("5", "play_and_get_digits", "1 8 1 3000 # silence_stream://5000 silence_stream://1 pin \\d+ 1000")
		after(1200 * time.Millisecond)
		if got := resultOf(t, a, "5", "pin"); got != "6789" {
			t.Errorf("pin is %q, want the keys pressed ahead", got)
		}
		if got := resultOf(t, a, "5", "read_terminator_used"); got != "#" {
			t.Errorf("terminator is %q", got)
		}
	})
}

func TestPlayAndGetDigits(t *testing.T) {
	for _, c := range []struct {
		name, arg, keys, pin, result, invalid string
	}{
		{"timeout keeps enough", "2 4 1 1000 # silence_stream://100 silence_stream://1 pin \\d+ 500", "12", "12", "timeout", ""},
		{"too few", "3 4 1 1000 # silence_stream://100 silence_stream://1 pin \\d+ 500", "12", "12", "failure", ""},
		{"regexp", "1 2 1 1000 # silence_stream://100 silence_stream://1 pin ^[34]+$ 500", "12", "", "success", "12"},
		{"second try", "1 2 2 1000 # silence_stream://100 silence_stream://1 pin ^[34]+$ 500", "12W34", "34", "success", "12"},
		{"only a terminator", "0 4 1 1000 # silence_stream://100 silence_stream://1 pin \\d* 500", "#", "", "success", ""},
		{"kept terminator", "1 4 1 1000 +# silence_stream://100 silence_stream://1 pin .* 500", "1#", "1#", "success", ""},
		{"nothing", "1 1 1 1000 # silence_stream://100 silence_stream://1 pin \\d 500", "", "", "failure", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				phone, a := l.call(t, Call{})
				a.execute("1", "answer", "")
				after(50 * time.Millisecond)
				a.execute("2", "play_and_get_digits", c.arg)
				after(50 * time.Millisecond)
				phone.Press(c.keys)
				after(8 * time.Second)
				f, ok := a.completion("2")
				if !ok {
					t.Fatal("did not complete")
				}
				got := []string{f.headers["variable_pin"], f.headers["variable_read_result"], f.headers["variable_pin_invalid"]}
				if diff := cmp.Diff([]string{c.pin, c.result, c.invalid}, got); diff != "" {
					t.Errorf("pin, result, invalid (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestHangupAtAnyTime hangs up at each tick of a busy call: every command completes or never ran, the end is the same.
func TestHangupAtAnyTime(t *testing.T) {
	for at := time.Duration(0); at < 3*time.Second; at += 70 * time.Millisecond {
		inBubble(t, Config{}, func(t *testing.T, l *lab) {
			phone, a := l.call(t, Call{})
			a.execute("1", "answer", "")
			a.execute("2", "speak", "flite|slt|Hello")
			a.execute("3", "record", t.TempDir()+"/x.wav 1 200 1")
			a.execute("4", "play_and_get_digits", "1 1 1 1000 # silence_stream://100 silence_stream://1 x \\d")
			a.execute("5", "bridge", "sofia/external/9003@x")
			after(at)
			phone.Hangup("")
			<-phone.Done()
			synctest.Wait()
			running := 0
			for _, f := range a.frames() {
				switch f.name() {
				case "CHANNEL_EXECUTE":
					running++
				case "CHANNEL_EXECUTE_COMPLETE":
					running--
				}
			}
			frames := a.frames()
			last := frames[len(frames)-2:]
			if last[0].name() != "CHANNEL_HANGUP_COMPLETE" || last[1].headers["Content-Disposition"] != "linger" {
				t.Errorf("hangup after %v: last frames are %s and %s", at, last[0].name(), last[1].name())
			}
			if running != -1 { // socket's own start came before anybody listened
				t.Errorf("hangup after %v: %d more applications started than ended", at, running+1)
			}
			if n := l.s.Channels(); n != 0 {
				t.Errorf("hangup after %v: %d channels left", at, n)
			}
		})
	}
}

func TestDeadSocketRunsItsQueueThenTheNextSocket(t *testing.T) {
	inBubble(t, Config{Sockets: 2}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "answer", "")
		a.execute("2", "playback", "silence_stream://2000")
		a.execute("3", "set", "fspivot_pos=3")
		a.execute("4", "playback", "silence_stream://2000")
		after(500 * time.Millisecond)
		a.conn.Close()
		after(3 * time.Second)
		select {
		case <-l.conns:
			t.Fatal("next socket before the queue was played")
		default:
		}
		after(time.Second)
		b := newApp(<-l.conns)
		b.send("connect\n\n")
		synctest.Wait()
		data := b.frames()[0].headers
		if data["Answer-State"] != "answered" || data["variable_fspivot_pos"] != "3" {
			t.Errorf("second socket: %s, position %q", data["Answer-State"], data["variable_fspivot_pos"])
		}
		b.conn.Close()
		<-phone.Done()
		if got := phone.Ended().Cause; got != "NORMAL_CLEARING" {
			t.Errorf("after the last socket the call ended with %s", got)
		}
	})
}

func TestResumeCutsOff(t *testing.T) {
	inBubble(t, Config{Sockets: 2}, func(t *testing.T, l *lab) {
		_, a := l.call(t, Call{})
		a.send("resume\n\n")
		a.execute("1", "bridge", "sofia/external/9002@x")
		after(time.Second)
		a.conn.Close()
		after(100 * time.Millisecond)
		if n := l.s.Channels(); n != 1 {
			t.Errorf("%d channels live, want the caller's alone", n)
		}
		newApp(<-l.conns)
	})
}

func TestRefusedSocketFallsThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		s := New(Config{Sockets: 2, Dial: func(context.Context) (net.Conn, error) { return nil, refused }})
		defer s.Close()
		phone, err := s.Call(t.Context(), Call{})
		if err != nil {
			t.Fatal(err)
		}
		<-phone.Done()
		if got := phone.Ended(); got.Cause != "NORMAL_CLEARING" || got.SIP != 480 {
			t.Errorf("ended with %+v", got)
		}
	})
}

// TestHangupWhileConnecting: a call that is given up while its socket is being connected leaves no connection behind.
func TestHangupWhileConnecting(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		dial := l.s.config.Dial
		l.s.config.Dial = func(ctx context.Context) (net.Conn, error) {
			<-time.After(time.Second)
			return dial(ctx)
		}
		phone, err := l.s.Call(t.Context(), Call{})
		if err != nil {
			t.Fatal(err)
		}
		after(500 * time.Millisecond)
		phone.Hangup("")
		a := newApp(<-l.conns)
		<-phone.Done()
		go a.send("connect\n\nlinger 2\n\n") // too late
		select {
		case <-a.eof:
		case <-time.After(time.Hour):
			t.Error("the connection stays")
		}
	})
}

func TestWithoutLinger(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.send("nolinger\n\n")
		a.execute("1", "answer", "")
		after(100 * time.Millisecond)
		phone.Hangup("")
		<-a.eof
		for _, f := range a.frames() {
			if f.name() == "CHANNEL_HANGUP_COMPLETE" {
				t.Error("the last event came without linger")
			}
		}
	})
}

func TestLingerEnds(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		after(100 * time.Millisecond)
		phone.Hangup("")
		<-phone.Done()
		start := time.Now()
		a.execute("late", "answer", "")
		<-a.eof
		if took := time.Since(start); took < 2*time.Second || took > 3*time.Second {
			t.Errorf("lingered for %v, want 2s to 3s", took)
		}
		if _, ok := a.completion("late"); ok {
			t.Error("a command ran after the end")
		}
		if got := phone.Ended(); got.Cause != "ORIGINATOR_CANCEL" || got.SIP != 487 {
			t.Errorf("ended with %+v", got)
		}
	})
}

func TestControlWords(t *testing.T) {
	inBubble(t, Config{Socket: "127.0.0.1:8084 async"}, func(t *testing.T, l *lab) {
		_, a := l.call(t, Call{})
		a.send("api status\n\n")
		after(50 * time.Millisecond)
		frames := a.frames()
		if got := frames[0].headers["Control"]; got != "single-channel" {
			t.Errorf("Control is %q", got)
		}
		if got := frames[1].headers["Reply-Text"]; got != "-ERR command not found" {
			t.Errorf("linger without full: %q", got)
		}
		if got := frames[2].headers["Reply-Text"]; got != "+OK Events Enabled" {
			t.Errorf("myevents without full: %q", got)
		}
	})
	inBubble(t, Config{Socket: "127.0.0.1:8084 full"}, func(t *testing.T, l *lab) {
		_, a := l.call(t, Call{})
		start := time.Now()
		go a.execute("1", "playback", "silence_stream://500")
		after(400 * time.Millisecond)
		if got := a.frames()[0].headers["Socket-Mode"]; got != "static" {
			t.Errorf("Socket-Mode is %q", got)
		}
		after(200 * time.Millisecond)
		frames := a.frames()
		if last := frames[len(frames)-1]; last.kind != "command/reply" || last.at.Sub(start) < 500*time.Millisecond {
			t.Errorf("the reply of a static socket is %s after %v, want it after the application", last.name(), last.at.Sub(start))
		}
	})
}

// TestCRLF sends what command builders with \r\n produce, with the argument in a header and in a body.
func TestCRLF(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.send("sendmsg \r\nevent-lock: true\r\nCall-Command: execute\r\nExecute-App-Name: set\r\nLoops: 1\r\n" +
			"Event-Uuid: one\r\nExecute-App-Arg: a=b\r\n\r\n")
		body := "c=two\nlines"
		a.send(fmt.Sprintf("sendmsg %s\r\nevent-lock: true\r\nContent-Length: %d\r\nCall-Command: execute\r\n"+
			"Execute-App-Name: set\r\nEvent-Uuid: two\r\nContent-Type: text/plain\r\n\r\n%s\r\n\r\n", phone.UUID(), len(body), body))
		a.send("sendmsg \r\nCall-Command: hangup\r\nHangup-Cause: USER_BUSY\r\n\r\n")
		<-phone.Done()
		synctest.Wait()
		wantCompletions(t, a, "set one _none_", "set two _none_", "socket - _none_")
		if got := phone.Variable("a") + "|" + phone.Variable("c"); got != "b|two\nlines" {
			t.Errorf("variables are %q", got)
		}
		if got := phone.Ended(); got.Cause != "USER_BUSY" || got.SIP != 486 {
			t.Errorf("ended with %+v", got)
		}
	})
}

func TestExpand(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"x ${caller_id_number}":      "x 15551230000",
		`\${caller_id_number}`:       "${caller_id_number}",
		"${nothing}.":                ".",
		"${foo}":                     "bar",
		"${foo:1}":                   "ar",
		"${foo:0:2}":                 "ba",
		"${foo:-1}":                  "r",
		"${deep}":                    "bar",
		"$5 and a\\b":                "$5 and a\\b",
		"it's 100\\%":                "it's 100\\%",
		"${system(touch /tmp/x)}":    "",
		"${echo(a ${foo})}":          "a bar",
		"${nosuch(x)}y":              "y",
		"${destination_number}${foo": "2000bar",
	} {
		inBubble(t, Config{}, func(t *testing.T, l *lab) {
			_, a := l.call(t, Call{Vars: map[string]string{"foo": "bar", "deep": "${foo}"}})
			a.execute("1", "log", "INFO "+in)
			after(100 * time.Millisecond)
			f, _ := a.completion("1")
			if got := strings.TrimPrefix(f.headers["Application-Data"], "INFO "); got != want {
				t.Errorf("%q expands to %q, want %q", in, got, want)
			}
			ran := l.texts(KindExpandedAPI)
			if strings.Contains(in, "(") != (len(ran) > 0) {
				t.Errorf("%q ran %q", in, ran)
			}
		})
	}
}

func TestSetExpandsTwice(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "set", `v=\${caller_id_number}`)
		a.send("api uuid_setvar " + phone.UUID() + " evil ${system(rm)}\n\n")
		after(100 * time.Millisecond)
		if got := phone.Variable("v"); got != "15551230000" {
			t.Errorf("v is %q", got)
		}
		if ran := l.texts(KindExpandedAPI); len(ran) != 0 {
			t.Errorf("uuid_setvar ran %q", ran)
		}
		a.execute("2", "speak", "flite|slt|${evil}.")
		after(time.Second)
		if diff := cmp.Diff([]string{"system rm"}, l.texts(KindExpandedAPI)); diff != "" {
			t.Errorf("expanded API calls (-want +got):\n%s", diff)
		}
	})
}

func TestSayInAList(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "multiset", "^^;tts_engine=flite;tts_voice=slt;playback_delimiter=!")
		a.execute("2", "playback", "say:it's one, two!silence_stream://500!/no/such.wav!tone_stream://%(100,100,440);loops=2")
		after(5 * time.Second)
		wantCompletions(t, a, "multiset 1 _none_", "playback 2 FILE PLAYED")
		if diff := cmp.Diff([]string{"it's one, two"}, l.texts(KindSpeak)); diff != "" {
			t.Errorf("spoken (-want +got):\n%s", diff)
		}
		if got := l.texts(KindPlay); len(got) != 2 {
			t.Errorf("played %q", got)
		}
		a.execute("3", "speak", "|slt|no engine")
		a.execute("4", "speak", "flite||no voice but a variable")
		<-phone.Done()
		if got := phone.Ended(); got.Cause != "DESTINATION_OUT_OF_ORDER" || got.SIP != 502 {
			t.Errorf("speak without an engine ended the call with %+v", got)
		}
	})
}

func TestRecord(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		file := t.TempDir() + "/x.wav"
		phone, a := l.call(t, Call{})
		a.execute("1", "answer", "")
		a.execute("2", "record", file+" 60 200 2")
		after(100 * time.Millisecond)
		phone.Say(3 * time.Second)
		after(8 * time.Second)
		if got := resultOf(t, a, "2", "silence_hits_exhausted"); got != "true" {
			t.Errorf("silence_hits_exhausted is %q", got)
		}
		length, ok := wavDuration(file)
		if !ok || length < 5*time.Second || length > 5200*time.Millisecond {
			t.Errorf("recording is %v long (%v), want 3s of speech, 2s of silence", length, ok)
		}
		a.execute("3", "playback", file)
		a.execute("4", "record", "/no/such/directory/x.wav 5")
		<-phone.Done()
		synctest.Wait()
		if got := phone.Ended().Cause; got != "DESTINATION_OUT_OF_ORDER" {
			t.Errorf("ended with %s", got)
		}
		if got := resultOf(t, a, "3", "playback_ms"); got != fmt.Sprint(length.Milliseconds()) {
			t.Errorf("playback_ms is %s, want %d", got, length.Milliseconds())
		}
	})
}

func TestScheduledHangup(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		a.execute("1", "answer", "")
		a.execute("2", "sched_hangup", "+3 ALLOTTED_TIMEOUT")
		a.execute("3", "conference", "room@default+flags{endconf}")
		start := time.Now()
		<-phone.Done()
		if took := time.Since(start); took < 2*time.Second || took > 3100*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		synctest.Wait()
		wantCompletions(t, a, "answer 1 _none_", "sched_hangup 2 _none_", "conference 3 _none_", "socket - _none_")
	})
}

// TestWhoHangsUpAPlayback: it fails by the caller's hangup, not by one that came from elsewhere.
func TestWhoHangsUpAPlayback(t *testing.T) {
	for _, c := range []struct {
		name   string
		hangup func(l *lab, p *Phone)
		want   string
	}{
		{"the caller", func(_ *lab, p *Phone) { p.Hangup("") }, "PLAYBACK ERROR"},
		{"uuid_kill", func(l *lab, p *Phone) { l.s.API("uuid_kill " + p.UUID()) }, "FILE PLAYED"},
		{"sched_hangup", func(l *lab, p *Phone) { l.s.API("sched_hangup +1 " + p.UUID()) }, "FILE PLAYED"},
	} {
		inBubble(t, Config{}, func(t *testing.T, l *lab) {
			phone, a := l.call(t, Call{})
			a.execute("1", "playback", "silence_stream://60000")
			after(time.Second)
			c.hangup(l, phone)
			<-phone.Done()
			synctest.Wait()
			if f, _ := a.completion("1"); f.headers["Application-Response"] != c.want {
				t.Errorf("%s: playback ended with %q, want %q", c.name, f.headers["Application-Response"], c.want)
			}
		})
	}
}

func TestCloseEndsEverything(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		var phones []*Phone
		for i, arg := range []string{"sofia/external/9002@x", "sofia/external/8480@x", "sofia/external/9003@x"} {
			phone, a := l.call(t, Call{UUID: fmt.Sprint("call-", i)})
			a.execute("1", "bridge", arg)
			phones = append(phones, phone)
		}
		after(time.Second)
		l.s.Close()
		for _, p := range phones {
			<-p.Done()
		}
		if _, err := l.s.Call(t.Context(), Call{}); !errors.Is(err, ErrClosed) {
			t.Errorf("call after the end: %v", err)
		}
	})
}

// TestTCP is one call on a real clock and a real socket.
func TestTCP(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s := New(Config{Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	}})
	defer s.Close()
	phone, err := s.Call(t.Context(), Call{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a := newApp(conn)
	a.send("connect\n\nlinger 2\n\nmyevents\n\n")
	a.execute("1", "answer", "")
	a.execute("2", "playback", "silence_stream://40")
	a.execute("3", "hangup", "")
	<-phone.Done()
	a.send("exit\n\n")
	<-a.eof
	wantCompletions(t, a, "answer 1 _none_", "playback 2 FILE PLAYED", "hangup 3 _none_", "socket - _none_")
}
