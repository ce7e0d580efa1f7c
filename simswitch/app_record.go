package simswitch

import (
	"slices"
	"strings"
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
	if creatable(path) != nil || !c.ready() {
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
	c.wroteRecording(path, c.audio(start, length), length)
	c.setInt("record_record_file_size", 44+int(length.Milliseconds())*16)
	c.fire("RECORD_STOP", []header{{"Record-File-Path", path}})
	if end == gone {
		c.hangup(outOfOrder, hungUpBySwitch) // without effect after a hangup; ends one who was taken away
	}
}

// wroteRecording writes the file and sets the variables that tell of it.
func (c *channel) wroteRecording(path string, audio []int16, length time.Duration) {
	writeWAV(path, audio, isTrue(c.get("RECORD_APPEND"))) // a full disk is not simulated
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
	c      *channel
	path   string
	taken  []span    // what it has of the call; the last may still be open: without an end
	endsAt time.Time // its limit; zero: none
	bridge bool      // RECORD_BRIDGE_REQ: it takes only what is said while the channel is bridged
}

// record_session <file> [+<limit s>]. The limit counts whole seconds of the clock, so that it may come up to one second
// early. Source: mod_dptools.c record_session_function, switch_ivr_async.c record_callback.
func runRecordSession(c *channel, arg string) {
	a := separate(arg, ' ', 3)
	path := part(a, 0)
	if creatable(path) != nil {
		return
	}
	now := time.Now()
	r := &recording{c: c, path: path, bridge: isTrue(c.get("RECORD_BRIDGE_REQ"))}
	if text, ok := strings.CutPrefix(part(a, 1), "+"); ok && number(text) > 0 {
		r.endsAt = time.Unix(now.Unix()+int64(number(text)), 0)
	}
	if !r.bridge || c.get("bridge_to") != "" {
		r.open(now)
	}
	c.recordings = append(c.recordings, r)
	c.fire("RECORD_START", []header{{"Record-File-Path", path}})
}

func (r *recording) open(now time.Time) { r.taken = append(r.taken, span{from: now}) }

func (r *recording) shut(now time.Time) {
	if i := len(r.taken) - 1; i >= 0 && r.taken[i].to.IsZero() {
		r.taken[i].to = now
	}
}

// recordBridge starts and pauses recordings that want only the bridge.
func (c *channel) recordBridge(begins bool) {
	now := time.Now()
	for _, r := range c.recordings {
		switch {
		case !r.bridge:
		case begins:
			r.open(now)
		default:
			r.shut(now)
		}
	}
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
	r.shut(time.Now())
	var length time.Duration
	var audio []int16
	for _, x := range r.taken {
		d := x.to.Sub(x.from) / tick * tick
		length += d
		audio = append(audio, c.audio(x.from, d)...)
	}
	c.wroteRecording(r.path, audio, length)
	cause := "success-maxtime"
	switch {
	case length == 0:
		cause = "empty-file"
	case c.dead():
		cause = "success-silence" // in the switch's words, whatever was said
	}
	c.set("record_completion_cause", cause)
	c.fire("RECORD_STOP", []header{{"Record-File-Path", r.path}, {"Record-Completion-Cause", cause}})
}
