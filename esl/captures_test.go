package esl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// capture is a conversation with a real switch.
type capture struct {
	name   string
	chunks []string // the switch's side as it was received
	app    string   // the app's side
	late   string   // what the app said when the switch had closed
	frames []copied // the switch's side, parsed here and not by the package
	ended  bool     // by the switch
}

// allCaptures reads testdata/captures.
func allCaptures(t testing.TB) []capture {
	t.Helper()
	files, err := filepath.Glob("../testdata/captures/*.jsonl")
	if err != nil || len(files) < 39 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	var all []capture
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := capture{name: strings.TrimSuffix(filepath.Base(file), ".jsonl")}
		for line := range bytes.Lines(text) {
			var record struct {
				From, Raw string
				EOF       bool
			}
			if err := json.Unmarshal(line, &record); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			switch {
			case record.EOF:
				c.ended = c.ended || record.From == "switch"
			case record.From == "app" && c.ended:
				c.late += record.Raw
			case record.From == "app":
				c.app += record.Raw
			default:
				c.chunks = append(c.chunks, record.Raw)
			}
		}
		c.frames = parseCapture(t, c.name, strings.Join(c.chunks, ""))
		all = append(all, c)
	}
	return all
}

// parseCapture cuts the switch's side into frames, in the plainest way.
func parseCapture(t testing.TB, name, stream string) []copied {
	t.Helper()
	var all []copied
	for stream != "" {
		head, rest, ok := strings.Cut(stream, "\n\n")
		if !ok {
			t.Fatalf("%s: ends in a header block", name)
		}
		f := copied{Head: head + "\n"}
		length := 0
		for line := range strings.SplitSeq(head, "\n") {
			if value, ok := strings.CutPrefix(line, "Content-Type: "); ok {
				f.Kind = value
			}
			if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				var err error
				if length, err = strconv.Atoi(value); err != nil || length > len(rest) {
					t.Fatalf("%s: body of %q, %d left", name, value, len(rest))
				}
			}
		}
		f.Body, stream = rest[:length], rest[length:]
		all = append(all, f)
	}
	return all
}

// headerList is an event's headers in order, names and decoded values in turn.
func headerList(t testing.TB, body string) []string {
	t.Helper()
	var list []string
	for line := range strings.SplitSeq(strings.TrimRight(body, "\n"), "\n") {
		name, escaped, _ := strings.Cut(line, ": ")
		value, err := url.PathUnescape(escaped)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		list = append(list, name, value)
	}
	return list
}

func TestCapturesThroughTheFrameReader(t *testing.T) {
	t.Parallel()
	total := 0
	for _, c := range allCaptures(t) {
		got, err := readAll(strings.NewReader(strings.Join(c.chunks, "")))
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.frames, got); diff != "" {
			t.Errorf("%s: frames (-want +got):\n%s", c.name, diff)
		}
		total += len(got)
	}
	if total < 900 {
		t.Errorf("%d frames in all captures", total)
	}
}

// Every event of every capture comes out of a Session, in order and with every header.
func TestCapturesThroughASession(t *testing.T) {
	t.Parallel()
	for _, c := range allCaptures(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			here, there := net.Pipe()
			p := newPeer(t, there)
			var playing sync.WaitGroup
			defer playing.Wait()
			defer there.Close()
			playing.Go(p.discard)
			playing.Go(func() {
				defer there.Close()
				for _, chunk := range c.chunks {
					p.send(chunk)
				}
			})
			// No kinds of events: the third reply of a capture is not the one to a subscription.
			s, err := Connect(t.Context(), here)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if want := headerValue(c.frames[0].Head, "Unique-ID"); s.UUID() != want || s.Data().Name() != "CHANNEL_DATA" {
				t.Errorf("session of channel %q, data %q; want %q", s.UUID(), s.Data().Name(), want)
			}
			var want, got [][]string
			var wantNames, names []string
			for _, f := range c.frames {
				switch f.Kind {
				case contentEvent:
					want = append(want, headerList(t, f.Body))
					wantNames = append(wantNames, headerValue(f.Body, "Event-Name"))
				case contentDisconnect:
					if slices.Contains(wantNames, Disconnected) {
						continue
					}
					want = append(want, []string{"Event-Name", Disconnected, "Unique-ID", s.UUID()})
					wantNames = append(wantNames, Disconnected)
				}
			}
			for {
				e, err := next(t, s)
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Errorf("session ended with %v", err)
					}
					break
				}
				var list []string
				e.Each(func(name, value string) { list = append(list, name, value) })
				got = append(got, list)
				names = append(names, e.Name())
				if e.Name() != Disconnected && (e.Get("Event-Sequence") == "" || e.Body() != nil) {
					t.Errorf("event %q: sequence %q, body %q", e.Name(), e.Get("Event-Sequence"), e.Body())
				}
			}
			if diff := cmp.Diff(wantNames, names); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func headerValue(head, name string) string {
	for line := range strings.SplitSeq(head, "\n") {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// unrecorded are captures that lack some of what the app said: its process was killed before it was written down.
var unrecorded = map[string]bool{"takeover_queue_first": true}

// The app's side of the captures is commands: the switch answered each of them once and in order, which is what matching
// replies rests on, and the executes among them mean what Execute's message means.
func TestCapturesCommands(t *testing.T) {
	t.Parallel()
	executes := 0
	for _, c := range allCaptures(t) {
		commands := commandsOf(t, c.name, c.app)
		var replies []copied
		for _, f := range c.frames {
			if f.Kind == contentReply || f.Kind == contentAPI {
				replies = append(replies, f)
			}
		}
		if same := len(replies) == len(commands); same == unrecorded[c.name] {
			t.Errorf("%s: %d commands, %d replies", c.name, len(commands), len(replies))
		}
		for i, r := range replies[:min(len(replies), len(commands))] {
			if api := strings.HasPrefix(commands[i].Line, "api "); api != (r.Kind == contentAPI) {
				t.Errorf("%s: command %q was answered by %s", c.name, commands[i].Line, r.Kind)
			}
		}
		for _, want := range append(commands, commandsOf(t, c.name, c.late)...) {
			if want.Headers["call-command"] != "execute" || want.Headers["event-uuid"] == "" {
				continue
			}
			executes++
			ours, err := Execute(want.Headers["execute-app-name"], want.Body, want.Headers["event-uuid"])
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			got := commandsOf(t, c.name, ours.wire+"\n\n")
			want.Headers["loops"] = "1"                 // the default, spelt out
			want.Headers["content-type"] = "text/plain" // harmless without a body
			if diff := cmp.Diff([]sent{want}, got); diff != "" {
				t.Errorf("%s: command (-captured +ours):\n%s", c.name, diff)
			}
		}
	}
	if executes < 100 {
		t.Errorf("%d executes in all captures", executes)
	}
}

func commandsOf(t *testing.T, name, text string) []sent {
	t.Helper()
	var all []sent
	in := bufio.NewReader(strings.NewReader(text))
	for {
		c, err := readSent(in)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, c)
	}
}
