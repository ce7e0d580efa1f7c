package simswitch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// item is one thing of a capture, in order: a frame of the switch, bytes of the app, or the end of a side.
type item struct {
	at    time.Duration
	frame *frame // of the switch
	sent  string // by the app
	eof   string // "app" or "switch"
}

// capture is a recorded conversation of testdata/captures.
type capture struct {
	name  string
	items []item
}

const captures = "../testdata/captures"

func readCapture(t *testing.T, name string) capture {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(captures, name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	c := capture{name: name}
	var pending []byte
	for line := range bytes.Lines(text) {
		var record struct {
			T    float64
			From string
			Raw  string
			EOF  bool
		}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		at := time.Duration(record.T * float64(time.Second))
		switch {
		case record.EOF:
			c.items = append(c.items, item{at: at, eof: record.From})
		case record.From == "app":
			c.items = append(c.items, item{at: at, sent: record.Raw})
		default:
			pending = append(pending, record.Raw...)
			for {
				r := bufio.NewReaderSize(bytes.NewReader(pending), len(pending)+1)
				f, err := readFrame(r)
				if err != nil {
					break
				}
				pending = pending[len(pending)-r.Buffered():]
				c.items = append(c.items, item{at: at, frame: &f})
			}
		}
	}
	if len(bytes.TrimSpace(pending)) > 0 {
		t.Logf("%s: ends in the middle of a frame", name)
	}
	return c
}

// channelData is the reply to connect.
func (c capture) channelData(t *testing.T) frame {
	t.Helper()
	for _, i := range c.items {
		if i.frame != nil && i.frame.headers["Event-Name"] == "CHANNEL_DATA" {
			return *i.frame
		}
	}
	t.Fatalf("%s: no reply to connect", c.name)
	return frame{}
}

// anchor names a frame that later ones can be timed by; "" if it is none.
func (f frame) anchor() string {
	switch f.name() {
	case "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE":
		if f.headers["Application"] != "socket" {
			return strings.Join([]string{f.name(), f.headers["Application"], f.headers["Application-Data"]}, " ")
		}
	case "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE":
		return f.name()
	case "command/reply":
		if f.headers["Event-Name"] == "CHANNEL_DATA" {
			return "connect"
		}
	}
	return ""
}
