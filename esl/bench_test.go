package esl

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/percipia/eslgo"
)

// traffic is the events of a captured call, 16 under myevents, as the switch sent them.
func traffic(b *testing.B) (stream []byte, events int) {
	b.Helper()
	for _, c := range allCaptures(b) {
		if c.name != "answer_play" {
			continue
		}
		for _, f := range c.frames {
			if f.Kind == contentEvent {
				stream = append(stream, f.Head+"\n"+f.Body...)
				events++
			}
		}
	}
	if events != 16 {
		b.Fatalf("%d events in the capture", events)
	}
	return stream, events
}

// perEvent runs a benchmark whose one turn brings a number of events, and reports what one of them costs.
func perEvent(b *testing.B, size, events int, turn func()) {
	var before, after runtime.MemStats
	b.SetBytes(int64(size))
	runtime.ReadMemStats(&before)
	for b.Loop() {
		turn()
	}
	runtime.ReadMemStats(&after)
	all := float64(b.N * events)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/all, "ns/event")
	b.ReportMetric(all/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/all, "allocs/event")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/all, "B/event")
	b.ReportMetric(0, "ns/op")
}

// wanted are the headers that a call reads of an event.
var wanted = []string{"Event-Name", "Unique-ID", "Application-UUID", "Application", "Application-Response"}

// BenchmarkRead is what the events of a call cost, with five headers of each read.
//
//   - frames: the frame reader and the events alone, from memory
//   - session: over loopback TCP, through the reader goroutine to the owner
//   - eslgo: over loopback TCP, through the library's connection to a listener; its reader cannot be had alone
func BenchmarkRead(b *testing.B) {
	stream, events := traffic(b)
	b.Run("frames", func(b *testing.B) {
		in := newFrameReader(&repeated{text: stream})
		perEvent(b, len(stream), events, func() {
			for range events {
				f, err := in.read()
				if err != nil {
					b.Fatal(err)
				}
				e := newEvent(f.body)
				for _, name := range wanted {
					_ = e.Get(name)
				}
			}
		})
	})
	b.Run("session", func(b *testing.B) {
		s, p := overTCP(b)
		perEvent(b, len(stream), events, func() {
			if _, err := p.conn.Write(stream); err != nil {
				b.Fatal(err)
			}
			for range events {
				e, err := next(b, s)
				if err != nil {
					b.Fatal(err)
				}
				for _, name := range wanted {
					_ = e.Get(name)
				}
			}
		})
	})
	b.Run("eslgo", func(b *testing.B) {
		p, arrived := libraryConnection(b)
		perEvent(b, len(stream), events, func() {
			if _, err := p.conn.Write(stream); err != nil {
				b.Fatal(err)
			}
			for range events {
				<-arrived
			}
		})
	})
}

// libraryConnection connects the library to a switch that the benchmark plays. Each event is told of after five of its
// headers were read, by the goroutine that the library starts for it.
func libraryConnection(b *testing.B) (p *peer, arrived <-chan struct{}) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	var dialling sync.WaitGroup
	var conn *eslgo.Conn
	dialling.Go(func() {
		options := eslgo.DefaultInboundOptions
		options.Logger = nil
		if c, err := options.Dial(listener.Addr().String()); err != nil {
			b.Error(err)
		} else {
			conn = c
		}
	})
	accepted, err := listener.Accept()
	if err != nil {
		b.Fatal(err)
	}
	p = newPeer(b, accepted)
	p.send("Content-Type: auth/request\n\n")
	if line, err := p.in.ReadString('\n'); !strings.HasPrefix(line, "auth ") {
		b.Fatal(line, err)
	}
	p.reply("+OK accepted")
	dialling.Wait()
	if conn == nil {
		b.Fatal("no connection")
	}
	b.Cleanup(func() { conn.Close(); accepted.Close() })
	done := make(chan struct{}, 64)
	conn.RegisterEventListener(eslgo.EventListenAll, func(e *eslgo.Event) {
		for _, name := range wanted {
			_ = e.GetHeader(name)
		}
		done <- struct{}{}
	})
	return p, done
}

// BenchmarkGet is what one header costs: an early one, a late one, and one that is not there.
func BenchmarkGet(b *testing.B) {
	stream, _ := traffic(b)
	in := newFrameReader(bytes.NewReader(stream))
	var e *Event
	for {
		f, err := in.read()
		if err == io.EOF {
			b.Fatal("no such event")
		}
		if e = newEvent(f.body); e.Name() == "CHANNEL_EXECUTE_COMPLETE" {
			break
		}
	}
	for _, name := range []string{"Event-Name", "Application-Response", "variable_no_such_thing_at_all_in_this_event"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = e.Get(name)
			}
		})
	}
}

// BenchmarkSend is what four commands in one piece cost.
func BenchmarkSend(b *testing.B) {
	s, p := overTCP(b)
	go p.discard()
	commands := []Command{mustExecute(b, "answer", "", "a-1"), mustExecute(b, "playback", "silence_stream://20", "a-2"),
		mustExecute(b, "hangup", "", "a-3"), mustAPI(b, "uuid_break", ownUUID+" all")}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(commands...); err != nil {
			b.Fatal(err)
		}
		s.mu.Lock()
		s.waiting = nil // as if all were answered
		s.mu.Unlock()
	}
}
