package esl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// seeds are streams of the switch: the start of each capture, and what was made up to be read wrongly.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	all := [][]byte{
		nil,
		[]byte("\n\r\n\n"),
		[]byte(eventFrame("Event-Name: DTMF", "DTMF-Digit: %35") + "Content-Type: command/reply\nReply-Text: -ERR\n\n"),
		[]byte("Content-Type: api/response\r\nContent-Length: 4\r\n\r\n-ERRContent-Type: command/reply\n\n"),
		[]byte("Content-Length: -1\n\n"),
		[]byte("Content-Length: 8388608\nContent-Type: text/event-plain\n\nshort"),
		[]byte("Content-Length: 99999999999999999999\n\n"),
		[]byte("Content-Length: 1\nContent-Length: 2\n\nab"),
		[]byte("Content-Length:\n\n"),
		[]byte("content-length: 0x10\nContent-Type: text/event-plain\n\n0123456789abcdef"),
		[]byte(":\n: \nContent-Type\nContent-Type:text/event-plain\nContent-Length:  3 \n\n\n\n\n"),
		[]byte("Content-Type: text/disconnect-notice\nContent-Length: 0\n\n" + eventFrame("Event-Name: DTMF")),
		[]byte("Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"),
		[]byte(strings.Repeat("Content-Type: command/reply\nReply-Text: -ERR\n\n", 8)),
		[]byte("\r\xa7\xa7\r\r\n\n\r\r"),
		bytes.Repeat([]byte("a"), 5000),
		bytes.Repeat([]byte("a: b\n"), 2000),
	}
	for _, c := range allCaptures(f) {
		stream := strings.Join(c.chunks, "")
		for _, size := range []int{7000, 14000} { // ends in the middle of something
			all = append(all, []byte(stream[:min(size, len(stream))]))
		}
	}
	return all
}

// Whatever comes, each frame is in the stream as it was read, an error ends it, and nothing is taken on trust.
func FuzzReadFrame(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		var frames []copied
		var err error
		used := allocated(func() { frames, err = readAll(bytes.NewReader(stream)) })
		if err == nil {
			t.Fatal("neither frame nor error")
		}
		rest := stream
		for _, f := range frames {
			rest = withoutBlankLines(rest)
			if !bytes.HasPrefix(rest, []byte(f.Head)) || f.Head == "" {
				t.Fatalf("header block %q is not what comes next: %.80q", f.Head, rest)
			}
			blank := bytes.IndexByte(rest[len(f.Head):], '\n') + 1
			rest = rest[len(f.Head)+blank:]
			if !bytes.HasPrefix(rest, []byte(f.Body)) {
				t.Fatalf("body %q is not what comes next: %.80q", f.Body, rest)
			}
			rest = rest[len(f.Body):]
			if n := strings.Count(strings.ToLower(f.Head), "content-length:"); n == 0 && f.Body != "" {
				t.Fatalf("a body of %d bytes that nobody announced: %q", len(f.Body), f.Head)
			}
		}
		if errors.Is(err, io.EOF) && len(withoutBlankLines(rest)) > 0 {
			t.Fatalf("the stream ends well, but %.80q is left", rest)
		}
		if most := uint64(1<<20 + 64*len(stream)); used > most {
			t.Fatalf("%d bytes allocated for %d that came", used, len(stream))
		}
		slowly, again := readAll(iotest.OneByteReader(bytes.NewReader(stream)))
		if diff := cmp.Diff(frames, slowly); diff != "" || err.Error() != again.Error() {
			t.Fatalf("byte by byte: %v, before %v (-before +now):\n%s", again, err, diff)
		}
		for _, f := range frames {
			exploreEvent(t, f.Body)
		}
	})
}

// withoutBlankLines drops the blank lines at the start.
func withoutBlankLines(stream []byte) []byte {
	for line := range bytes.Lines(stream) {
		if len(bytes.Trim(line, "\r\n")) > 0 {
			break
		}
		stream = stream[len(line):]
	}
	return stream
}

// exploreEvent reads an event in every way that there is and compares.
func exploreEvent(t *testing.T, text string) {
	e := newEvent([]byte(text))
	seen := map[string]bool{}
	e.Each(func(name, value string) {
		if !seen[name] && (!e.Has(name) || e.Get(name) != value) {
			t.Fatalf("event %q: Each gives %q = %q, Get %q", text, name, value, e.Get(name))
		}
		seen[name] = true
	})
	if e.size() > len(text) || len(e.Body()) > 0 && !strings.HasSuffix(text, "\n\n"+string(e.Body())) {
		t.Fatalf("event %q: body %q", text, e.Body())
	}
	if e.Number("Event-Sequence") != 0 && e.Get("Event-Sequence") == "" {
		t.Fatalf("event %q: a number of nothing", text)
	}
}

// Whatever comes behind the handshake, a session gives the events that are in it, with a Refused one for each refused
// execute at its place, then its end, and never hangs.
func FuzzSession(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		here, there := net.Pipe()
		p := newPeer(t, there)
		var playing sync.WaitGroup
		defer playing.Wait()
		defer there.Close()
		playing.Go(func() {
			p.expect("connect\n\n")
			p.send(connectReply("async", "full"))
			p.expect(setup)
			for range 4 {
				p.command()
			}
			playing.Go(p.discard)
			_, _ = p.conn.Write(stream) // in part, when the session ends before
			p.conn.Close()
		})
		s, err := Connect(t.Context(), here, kinds...)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		commands := []Command{mustExecute(t, "answer", "", "a-1"), mustAPI(t, "status", ""),
			mustExecute(t, "speak", "x", "a-2"), mustExecute(t, "hangup", "", "a-3")}
		if err := s.Send(commands...); err != nil {
			t.Fatal(err)
		}

		frames, end := readAll(bytes.NewReader(stream))
		waiting := []string{"linger", "must", "must", "a-1", "status", "a-2", "a-3"}
		var want []string
	reading:
		for _, f := range frames {
			text := f.Body
			switch f.Kind {
			case contentEvent:
				e := newEvent([]byte(f.Body))
				want = append(want, fmt.Sprintf("%q of %q, %q", e.Name(), e.Get("Application-UUID"), e.Body()))
				continue
			case contentDisconnect, contentRude:
				if e := fmt.Sprintf("%q of %q, %q", Disconnected, "", ""); !slices.Contains(want, e) {
					want = append(want, e)
				}
				continue
			case contentReply:
				raw, _ := headers(f.Head).raw("Reply-Text")
				text = string(raw)
			case contentAPI:
			default:
				continue
			}
			if len(waiting) == 0 {
				continue
			}
			command := waiting[0]
			waiting = waiting[1:]
			switch refused := strings.HasPrefix(text, "-ERR"); {
			case refused && command == "must":
				end = nil
				break reading
			case refused && strings.HasPrefix(command, "a-"):
				want = append(want, fmt.Sprintf("%q of %q, %q", Refused, command, ""))
			}
		}

		var got []string
		for {
			e, err := next(t, s)
			if err != nil {
				switch {
				case end == nil && !strings.Contains(err.Error(), "refused"):
					t.Errorf("ended with %v, want the refused setup", err)
				case end != nil && !strings.Contains(err.Error(), end.Error()):
					t.Errorf("ended with %v, want %v", err, end)
				}
				break
			}
			got = append(got, fmt.Sprintf("%q of %q, %q", e.Name(), e.Get("Application-UUID"), e.Body()))
		}
		if !slices.Equal(want, got) {
			t.Errorf("events (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
}
