package simswitch

import (
	"slices"
	"time"
)

// record <file> [<limit s> [<threshold> [<silence s>]]] writes what the caller says. The limit counts whole seconds
// of the clock and is passed by up to one. Silence is what lasts 3 s unless said otherwise, and counts only with a
// threshold. A file that cannot be opened ends the call. Source: mod_dptools.c record_function, switch_ivr_play_say.c
// switch_ivr_record_file; testdata/captures/record_audio.jsonl.
func runRecord(c *channel, arg string) {
	a := separate(arg, ' ', 4)
	if len(a) == 0 {
		return
	}
	path, limit, threshold, patience := a[0], number(part(a, 1)), number(part(a, 2)), number(part(a, 3))
	if patience == 0 {
		patience = 3
	}
	c.set("playback_terminator_used", "")
	if creatable(path) != nil {
		c.hangup(outOfOrder, hungUpBySwitch)
		return
	}
	c.set("silence_hits_exhausted", "false")
	c.fire("RECORD_START", []header{{"Record-File-Path", path}})
	start := time.Now()
	var last time.Time
	if limit > 0 {
		last = time.Unix(start.Unix()+int64(limit)+1, 0)
	}
	end := done
	for end == done {
		f := frames{until: last, key: c.terminator}
		quiet := c.quietFor(start, time.Duration(patience)*time.Second)
		silent := threshold > 0 && (last.IsZero() || quiet.Before(last))
		if silent {
			f.until = quiet
		}
		spans := len(c.says)
		f.done = func() bool { return len(c.says) != spans }
		if end = c.pump(f); end == expired && silent {
			c.set("silence_hits_exhausted", "true")
		}
	}
	var length time.Duration
	if !c.noRTP {
		length = time.Since(start) / tick * tick
	}
	c.wroteRecording(path, start, length)
	c.setInt("record_record_file_size", 44+int(length.Milliseconds())*16)
	c.fire("RECORD_STOP", []header{{"Record-File-Path", path}})
	if end == gone {
		c.hangup(outOfOrder, hungUpBySwitch) // without effect after a hangup; ends one who was transferred
	}
}

// wroteRecording writes the file and sets the variables that tell of it.
func (c *channel) wroteRecording(path string, start time.Time, length time.Duration) {
	writeWAV(path, c.audio(start, length), isTrue(c.get("RECORD_APPEND"))) // a full disk is not simulated
	ms := int(length.Milliseconds())
	c.setInt("record_file_size", 44+ms*16)
	c.setInt("record_samples", ms*8)
	c.setInt("record_seconds", ms/1000)
	c.setInt("record_ms", ms)
	c.s.trace(Trace{Kind: KindRecord, Call: c.uuid, Arg: path, For: length})
}

// quietFor is when the caller will have been silent that long, from what is known of the caller now.
func (c *channel) quietFor(start time.Time, patience time.Duration) time.Time {
	for _, x := range c.says {
		if x.to.After(start) && x.from.Before(start.Add(patience)) {
			start = x.to
		}
	}
	return start.Add(patience)
}

// audio is what the caller sends in a stretch of time: a rough tone while speaking, else silence.
func (c *channel) audio(start time.Time, length time.Duration) []int16 {
	samples := make([]int16, length.Milliseconds()*8)
	for _, x := range c.says {
		from := max(int(x.from.Sub(start).Milliseconds()*8), 0)
		to := min(int(x.to.Sub(start).Milliseconds()*8), len(samples))
		for i := from; i < to; i++ {
			samples[i] = int16(4000 - i/10%2*8000)
		}
	}
	return samples
}

// recording is a record_session that runs beside the channel's applications.
type recording struct {
	c     *channel
	path  string
	start time.Time
}

// record_session <file>
func runRecordSession(c *channel, arg string) {
	a := separate(arg, ' ', 2)
	path := part(a, 0)
	if creatable(path) != nil {
		return
	}
	c.recordings = append(c.recordings, &recording{c, path, time.Now()})
	c.fire("RECORD_START", []header{{"Record-File-Path", path}})
}

// stop_record_session <file>|all
func runStopRecordSession(c *channel, arg string) {
	for _, r := range slices.Clone(c.recordings) {
		if r.path == arg || arg == "all" {
			r.stop()
		}
	}
}

func (r *recording) stop() {
	c := r.c
	c.recordings = slices.DeleteFunc(c.recordings, func(x *recording) bool { return x == r })
	length := time.Since(r.start) / tick * tick
	c.wroteRecording(r.path, r.start, length)
	cause := "success-maxtime"
	if c.dead() {
		cause = "success-hangup"
	}
	c.set("record_completion_cause", cause)
	c.fire("RECORD_STOP", []header{{"Record-File-Path", r.path}, {"Record-Completion-Cause", cause}})
}
