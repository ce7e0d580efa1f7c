package simswitch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRecordSession is what recordings beside the call have of it: record_ms and how they ended.
func TestRecordSession(t *testing.T) {
	for _, c := range []struct {
		name, set, limit string
		bridge, stop     bool
		want             []string
	}{
		{"stopped", "x=y", "", false, true, []string{"1500", "success-maxtime"}},
		{"hangup", "x=y", "", false, false, []string{"1780", "success-silence"}},
		{"limit", "x=y", " +1", false, false, []string{"980", "success-maxtime"}},
		{"no limit without a plus", "x=y", " 1", false, true, []string{"1500", "success-maxtime"}},
		{"around a bridge", "x=y", "", true, true, []string{"4540", "success-maxtime"}},
		{"bridge only", "RECORD_BRIDGE_REQ=true", "", true, true, []string{"3000", "success-maxtime"}},
		{"never bridged", "RECORD_BRIDGE_REQ=true", "", false, true, []string{"0", "empty-file"}},
		{"never bridged, hangup", "RECORD_BRIDGE_REQ=true", "", false, false, []string{"0", "empty-file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *lab) {
				file := t.TempDir() + "/x.wav"
				phone, a := l.call(t, Call{})
				a.send("event plain CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE\n\n")
				a.execute("1", "answer", "")
				a.execute("2", "set", c.set)
				a.execute("3", "record_session", file+c.limit)
				a.execute("4", "playback", "silence_stream://1000")
				if c.bridge {
					a.execute("5", "bridge", "sofia/external/9001@x")
				}
				a.execute("6", "playback", "silence_stream://500")
				if c.stop {
					a.execute("7", "stop_record_session", file)
				}
				after(1800 * time.Millisecond)
				if c.bridge {
					after(4 * time.Second)
				}
				phone.Hangup("")
				<-phone.Done()
				after(100 * time.Millisecond)
				var last frame
				for _, f := range a.frames() {
					if f.name() == "CHANNEL_HANGUP_COMPLETE" {
						last = f
					}
				}
				got := []string{last.headers["variable_record_ms"], last.headers["variable_record_completion_cause"]}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("record_ms and cause (-want +got):\n%s", diff)
				}
				length, ok := wavDuration(file)
				if want, _ := time.ParseDuration(c.want[0] + "ms"); !ok || length != want {
					t.Errorf("the file is %v long (%v), want %v", length, ok, want)
				}
			})
		})
	}
}
