package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// copied is a frame that outlives the next one.
type copied struct{ Kind, Head, Body string }

// readAll reads frames until an error.
func readAll(r io.Reader) ([]copied, error) {
	in := newFrameReader(r)
	var all []copied
	for {
		f, err := in.read()
		if err != nil {
			return all, err
		}
		all = append(all, copied{f.kind, string(f.head), string(f.body)})
	}
}

func TestReadFrame(t *testing.T) {
	t.Parallel()
	long := "variable_long: " + strings.Repeat("x", 300<<10) + "\n"
	large := strings.Repeat("y", 1<<20+1)
	for name, test := range map[string]struct {
		stream string
		want   []copied
		err    error
	}{
		"nothing":          {"", nil, io.EOF},
		"only blank lines": {"\n\n\r\n\n", nil, io.EOF},
		"half a blank line": {
			"\r", nil, io.EOF},
		"reply": {
			"Content-Type: command/reply\nReply-Text: +OK\n\n",
			[]copied{{contentReply, "Content-Type: command/reply\nReply-Text: +OK\n", ""}}, io.EOF},
		"event and reply": {
			"Content-Length: 4\nContent-Type: text/event-plain\n\na: bContent-Type: command/reply\n\n",
			[]copied{{contentEvent, "Content-Length: 4\nContent-Type: text/event-plain\n", "a: b"},
				{contentReply, "Content-Type: command/reply\n", ""}}, io.EOF},
		"body of a newline": {
			"Content-Length: 2\n\n\n\nContent-Type: api/response\n\n",
			[]copied{{"", "Content-Length: 2\n", "\n\n"}, {contentAPI, "Content-Type: api/response\n", ""}}, io.EOF},
		"length 0": {
			"Content-Type: text/disconnect-notice\nContent-Length: 0\n\nContent-Type: command/reply\n\n",
			[]copied{{contentDisconnect, "Content-Type: text/disconnect-notice\nContent-Length: 0\n", ""},
				{contentReply, "Content-Type: command/reply\n", ""}}, io.EOF},
		"blank lines between": {
			"\n\nA: 1\n\n\n\r\n\nB: 2\n\n",
			[]copied{{"", "A: 1\n", ""}, {"", "B: 2\n", ""}}, io.EOF},
		"CRLF": {
			"Content-Type: api/response\r\nContent-Length: 3\r\n\r\nabcA: 1\r\n\r\n",
			[]copied{{contentAPI, "Content-Type: api/response\r\nContent-Length: 3\r\n", "abc"},
				{"", "A: 1\r\n", ""}}, io.EOF},
		"any case": {
			"content-type: api/response\nCONTENT-LENGTH: 3\n\nabcA: 1\n\n",
			[]copied{{contentAPI, "content-type: api/response\nCONTENT-LENGTH: 3\n", "abc"}, {"", "A: 1\n", ""}}, io.EOF},
		"unknown kind": {
			"Content-Type: log/data\nContent-Length: 1\n\nxA: 1\n\n",
			[]copied{{"log/data", "Content-Type: log/data\nContent-Length: 1\n", "x"}, {"", "A: 1\n", ""}}, io.EOF},
		"lines that are no headers": {
			"what\n: nameless\n \nContent-Length: 1\n\nx",
			[]copied{{"", "what\n: nameless\n \nContent-Length: 1\n", "x"}}, io.EOF},
		"longer name": {
			"X-Content-Length: 9\nContent-Length-X: 9\n\nA: 1\n\n",
			[]copied{{"", "X-Content-Length: 9\nContent-Length-X: 9\n", ""}, {"", "A: 1\n", ""}}, io.EOF},
		"first kind counts": {
			"Content-Type: api/response\nContent-Type: command/reply\n\n",
			[]copied{{contentAPI, "Content-Type: api/response\nContent-Type: command/reply\n", ""}}, io.EOF},
		"same length twice": {
			"Content-Length: 1\nContent-Length: 01\n\nx",
			[]copied{{"", "Content-Length: 1\nContent-Length: 01\n", "x"}}, io.EOF},
		"line longer than the buffer": {
			long + "Content-Length: 1\n\nxA: 1\n\n",
			[]copied{{"", long + "Content-Length: 1\n", "x"}, {"", "A: 1\n", ""}}, io.EOF},
		"large body": {
			"Content-Length: 1048577\n\n" + large + "A: 1\n\n",
			[]copied{{"", "Content-Length: 1048577\n", large}, {"", "A: 1\n", ""}}, io.EOF},

		"ends in a line":         {"Content-Type: x", nil, io.ErrUnexpectedEOF},
		"ends behind a line":     {"Content-Type: x\n", nil, io.ErrUnexpectedEOF},
		"ends in the blank line": {"A: 1\r\n\r", nil, io.ErrUnexpectedEOF},
		"ends before the body":   {"Content-Length: 5\n\n", nil, io.ErrUnexpectedEOF},
		"ends in the body":       {"Content-Length: 5\n\nabcd", nil, io.ErrUnexpectedEOF},
		"ends in a large body":   {"Content-Length: 5000000\n\n" + large, nil, io.ErrUnexpectedEOF},
		"good, then bad":         {"A: 1\n\nContent-Length: x\n\n", []copied{{"", "A: 1\n", ""}}, errBadLength},
		"negative length":        {"Content-Length: -1\n\n", nil, errBadLength},
		"length with a sign":     {"Content-Length: +1\n\nx", nil, errBadLength},
		"empty length":           {"Content-Length: \n\n", nil, errBadLength},
		"length in words":        {"Content-Length: 1 2\n\nx", nil, errBadLength},
		"length over 64 bit":     {"Content-Length: 99999999999999999999\n\n", nil, errBadLength},
		"two lengths":            {"Content-Length: 1\nContent-Length: 2\n\nxx", nil, errBadLength},
		"two lengths, first 0":   {"Content-Length: 0\nContent-Length: 2\n\nxx", nil, errBadLength},
		"body over the limit":    {fmt.Sprintf("Content-Length: %d\n\n", maxBodyBytes+1), nil, errBodyTooLong},
		"length near 64 bit":     {"Content-Length: 9223372036854775807\n\n", nil, errBodyTooLong},
		"endless headers":        {strings.Repeat("A: 1\n", maxHeaderBytes/5+1), nil, errHeaderTooLong},
		"endless line":           {strings.Repeat("a", maxHeaderBytes+1), nil, errHeaderTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, r := range map[string]io.Reader{
				"at once":      strings.NewReader(test.stream),
				"in halves":    iotest.HalfReader(strings.NewReader(test.stream)),
				"with the end": iotest.DataErrReader(strings.NewReader(test.stream)),
			} {
				got, err := readAll(r)
				if !errors.Is(err, test.err) {
					t.Errorf("%s: error %v, want %v", how, err, test.err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: frames (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

// The limits are what is allowed, to the byte.
func TestReadFrameAtLimits(t *testing.T) {
	t.Parallel()
	line := "A: 1\n"
	head := strings.Repeat("a", maxHeaderBytes-len(line)-len("\n\n")) + "\n" + line // and the blank line
	body := strings.Repeat("b", maxBodyBytes)
	got, err := readAll(strings.NewReader(head + "\n" + fmt.Sprintf("Content-Length: %d\n\n", maxBodyBytes) + body))
	if !errors.Is(err, io.EOF) || len(got) != 2 || got[0].Head != head || got[1].Body != body {
		t.Errorf("%d frames, error %v; want one with the largest header block and one with the largest body", len(got), err)
	}
}

// The error of the connection comes through as it is.
func TestReadFrameConnectionError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, stream := range []string{"", "\n", "A: 1", "A: 1\n", "Content-Length: 5\n\nab"} {
		got, err := readAll(io.MultiReader(strings.NewReader(stream), iotest.ErrReader(broken)))
		if len(got) != 0 || !errors.Is(err, broken) {
			t.Errorf("%q: %d frames, error %v; want %v", stream, len(got), err, broken)
		}
	}
}

// What frames are written, whatever their bodies and however the network cuts them, are read back.
func TestFramesReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.StringMatching(`[A-Za-z][A-Za-z0-9_-]{0,12}`).Filter(func(s string) bool {
			return !strings.EqualFold(s, "Content-Length") && !strings.EqualFold(s, "Content-Type")
		})
		values := rapid.StringMatching(`[ -~]{0,40}`)
		kind := rapid.SampledFrom([]string{contentReply, contentAPI, contentEvent, contentDisconnect, "text/other"})
		end := rapid.SampledFrom([]string{"\n", "\r\n"})
		var stream bytes.Buffer
		var want []copied
		for range rapid.IntRange(0, 8).Draw(t, "frames") {
			eol := end.Draw(t, "end of line")
			f := copied{Kind: kind.Draw(t, "kind"), Body: string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "body"))}
			lines := []string{"Content-Type: " + f.Kind}
			for range rapid.IntRange(0, 5).Draw(t, "headers") {
				lines = append(lines, names.Draw(t, "name")+": "+values.Draw(t, "value"))
			}
			if f.Body != "" {
				lines = append(lines, fmt.Sprint("Content-Length: ", len(f.Body)))
			}
			lines = rapid.Permutation(lines).Draw(t, "order")
			f.Head = strings.Join(lines, eol) + eol
			stream.WriteString(f.Head + eol + f.Body)
			want = append(want, f)
		}
		cut := rapid.SampledFrom([]func(io.Reader) io.Reader{
			iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader, func(r io.Reader) io.Reader { return r },
		}).Draw(t, "cut")
		got, err := readAll(cut(&stream))
		if !errors.Is(err, io.EOF) {
			t.Errorf("error %v, want %v", err, io.EOF)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("frames (-want +got):\n%s", diff)
		}
	})
}

// A block that was handed out changes with the next frame, a body does not.
func TestFrameOwnsItsBody(t *testing.T) {
	t.Parallel()
	in := newFrameReader(strings.NewReader("Content-Length: 3\n\nabcContent-Length: 3\n\ndef" +
		"Content-Length: 100000\n\n" + strings.Repeat("g", 100000)))
	var bodies [][]byte
	for {
		f, err := in.read()
		if err != nil {
			break
		}
		bodies = append(bodies, f.body)
	}
	want := [][]byte{[]byte("abc"), []byte("def"), bytes.Repeat([]byte("g"), 100000)}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	if n, c := len(bodies[2]), cap(bodies[2]); c > n+n/8 {
		t.Errorf("a body of %d bytes holds %d", n, c)
	}
}

// repeated gives the same bytes again and again.
type repeated struct {
	text []byte
	at   int
}

func (r *repeated) Read(b []byte) (int, error) {
	n := copy(b, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// An event costs its body and the Event; nothing else is allocated. Not parallel: allocations are counted.
func TestReadFrameAllocations(t *testing.T) {
	in := newFrameReader(&repeated{text: []byte(eventFrame("Event-Name: DTMF", "Unique-ID: 1", "DTMF-Digit: 5"))})
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := in.read(); err != nil {
			t.Fatal(err)
		}
	}); n != 1 {
		t.Errorf("%v allocations for an event's frame, want 1", n)
	}
	var digits int64
	if n := testing.AllocsPerRun(1000, func() {
		f, err := in.read()
		if err != nil {
			t.Fatal(err)
		}
		digits += newEvent(f.body).Number("DTMF-Digit")
	}); n > 3 || digits != 5*1001 {
		t.Errorf("%v allocations for an event of which one header is read, want 3 at most; digits %d", n, digits)
	}
}

// allocated is how many bytes f makes the program allocate.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A length that is only announced, or a line that only goes on, does not take memory. Not parallel: bytes are counted.
func TestReadFrameTrustsNothing(t *testing.T) {
	announced := fmt.Sprintf("Content-Length: %d\n\n", maxBodyBytes)
	for stream, most := range map[string]uint64{
		announced:                                             readBuffer + trustedBytes + 8<<10,
		announced + strings.Repeat("b", 100<<10):              readBuffer + 4*trustedBytes + 8<<10,
		strings.Repeat("\n", 1<<20):                           readBuffer + 8<<10,
		strings.Repeat("Content-Length: 0\n\n", 10000):        readBuffer + 8<<10,
		strings.Repeat("a", maxHeaderBytes+1):                 8 * maxHeaderBytes,
		fmt.Sprintf("Content-Length: %d\n\n", maxBodyBytes+1): readBuffer + 8<<10,
		fmt.Sprintf("A: %s\n\n", strings.Repeat("a", 100<<10)) + strings.Repeat("B: 1\n\n", 1000): 2 << 20,
	} {
		in := strings.NewReader(stream)
		if n := allocated(func() {
			r := newFrameReader(in)
			for {
				if _, err := r.read(); err != nil {
					return
				}
			}
		}); n > most {
			t.Errorf("%.30q: %d bytes allocated, want %d at most", stream, n, most)
		}
	}
}

// A huge header block is not kept for the life of the connection.
func TestFrameReaderForgetsHugeHeaders(t *testing.T) {
	t.Parallel()
	in := newFrameReader(strings.NewReader("A: " + strings.Repeat("a", 100<<10) + "\n\nB: 1\n\n"))
	for range 2 {
		if _, err := in.read(); err != nil {
			t.Fatal(err)
		}
	}
	if c := cap(in.head); c > keptBytes {
		t.Errorf("%d bytes kept, want %d at most", c, keptBytes)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                      "",
		"plain":                 "plain",
		"a%20b":                 "a b",
		"%22Alice%22%20%3C1%3E": `"Alice" <1>`,
		"%0D%0a":                "\r\n",
		"%C3%A4":                "ä",
		"%ff%00":                "\xff\x00",
		"a+b":                   "a+b",
		"%":                     "%",
		"%2":                    "%2",
		"100%":                  "100%",
		"%zz%20%":               "%zz %",
		"%+1%-1%_1% 1":          "%+1%-1%_1% 1",
		"%%41":                  "%A",
		"%2525":                 "%25",
		"50%25%2":               "50%%2",
	} {
		if got := decode([]byte(in)); got != want {
			t.Errorf("decode(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := headers("abab: inside\nab: 1\nab: 2\nabc: 3\n xab: 4\nempty:\nspace:  \r\n" +
		"colon: a:b\nbad %20\n: nameless\nlast: 5")
	for name, want := range map[string]struct {
		value string
		ok    bool
	}{
		"ab":    {"1", true}, // not the end of abab, not abc, the first of two
		"abab":  {"inside", true},
		"abc":   {"3", true},
		"a":     {"", false},
		"b":     {"", false},
		"xab":   {"", false}, // a blank before it
		" xab":  {"4", true},
		"empty": {"", true},
		"space": {"", true},
		"colon": {"a:b", true},
		"last":  {"5", true},
		"AB":    {"", false},
		"bad":   {"", false},
		"":      {"", false},
		"lastt": {"", false},
	} {
		value, ok := h.raw(name)
		if string(value) != want.value || ok != want.ok {
			t.Errorf("raw(%q) = %q, %v; want %q, %v", name, value, ok, want.value, want.ok)
		}
	}
	if value, ok := headers(nil).raw("a"); value != nil || ok {
		t.Errorf("no headers: %q, %v", value, ok)
	}
}

// What Get finds is the first of what Each lists, for any bytes.
func TestHeadersAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := headers(rapid.StringOf(rapid.SampledFrom([]rune("aabb::\n\n\r %4"))).Draw(t, "block"))
		first := map[string]string{}
		h.each(func(name, value string) {
			if _, ok := first[name]; !ok {
				first[name] = value
			}
		})
		for _, name := range slices.Sorted(maps.Keys(first)) {
			if _, ok := h.raw(name); !ok || h.get(name) != first[name] {
				t.Errorf("get(%q) = %q, each gave %q", name, h.get(name), first[name])
			}
		}
	})
}

// The reader takes no more from the connection than it has to: what follows a frame is still there.
func TestFrameReaderLeavesTheRest(t *testing.T) {
	t.Parallel()
	in := &frameReader{in: bufio.NewReaderSize(strings.NewReader("Content-Length: 1\n\nxrest"), 16)}
	if _, err := in.read(); err != nil {
		t.Fatal(err)
	}
	if left, _ := io.ReadAll(in.in); string(left) != "rest" {
		t.Errorf("left %q", left)
	}
}
