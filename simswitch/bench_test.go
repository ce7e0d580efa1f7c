package simswitch

import (
	"context"
	"io"
	"net"
	"testing"
)

// BenchmarkCall is what one answered call with a play costs the switch, events under myevents included. Calls run
// beside each other, because each takes 60 ms of real time.
func BenchmarkCall(b *testing.B) {
	s := New(Config{Dial: func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			a := app{conn: there}
			go io.Copy(io.Discard, there)
			a.send("connect\n\nmyevents\n\n")
			a.execute("1", "answer", "")
			a.execute("2", "playback", "silence_stream://20")
			a.execute("3", "hangup", "")
		}()
		return here, nil
	}})
	defer s.Close()
	b.ReportAllocs()
	b.SetParallelism(500)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			phone, err := s.Call(b.Context(), Call{})
			if err != nil {
				b.Error(err)
				return
			}
			<-phone.Done()
		}
	})
}
