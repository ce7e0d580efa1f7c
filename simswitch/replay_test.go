package simswitch

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// deed is what somebody other than the app did during a capture, at the time of the capture.
type deed struct {
	at time.Duration
	do func(r *replayed)
}

// script is what a capture needs besides the app's side.
type script struct {
	with  []string // other captures of the same call: later sockets and B legs, in the order of their connections
	setup func(c *Config, call *Call)
	deeds []deed
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func hangsUp(at int) []deed {
	return []deed{{ms(at), func(r *replayed) { r.phone.Hangup("") }}}
}

func console(at int, command string) []deed {
	return []deed{{ms(at), func(r *replayed) { r.lab.s.API(command) }}}
}

// unrecorded are the plays that were queued in takeover_queue_first; the recorder only saw them start.
var unrecorded = []deed{{ms(44), func(r *replayed) {
	for n := 1; n <= 4; n++ {
		r.apps[0].execute(newUUID(), "playback", "tone_stream://%(1000,0,440)")
		r.apps[0].execute(newUUID(), "set", "fspivot_pos="+strconv.Itoa(n))
	}
}}}

func withFifo(c *Config, _ *Call) { c.Modules = append(slices.Clone(DefaultModules), "mod_fifo") }

// answersAndStays is the echo extension that some captures dial; it hangs up after stays.
func answersAndStays(stays time.Duration) func(*Config, *Call) {
	return func(c *Config, _ *Call) {
		c.Sockets = 2
		c.Endpoints = func(string) Endpoint { return Endpoint{Stays: stays} }
	}
}

// scripts has every capture, or names the one that it is replayed with.
var scripts = map[string]script{
	"answer_play":        {},
	"bridge_bleg":        {},
	"bridge_busy":        {},
	"bridge_fail":        {},
	"bridge_multi":       {},
	"bridge_noans":       {},
	"bridge_notanswered": {},
	"bridge_ok":          {},
	"bridge_timeout":     {},
	"caller_hangs":       {deeds: hangsUp(799)},
	"conf":               {deeds: console(1604, "conference room1 kick all")},
	"conf_two":           {deeds: console(2888, "conference room2 kick all")},
	"dtmf_burst":         {},
	"early":              {},
	"errors":             {},
	"expansion":          {},
	"fifo":               {setup: withFifo, deeds: hangsUp(2598)},
	"fifo_pair":          {setup: withFifo, deeds: hangsUp(2876)},
	"gather_delim":       {},
	"gather_say":         {},
	"hold_transfer":      {deeds: []deed{{ms(671), func(r *replayed) { r.phone.Transfer() }}}},
	"missing_file_pagd":  {},
	"pagd":               {},
	"record":             {setup: func(_ *Config, call *Call) { call.NoRTP = true }},
	"record_audio":       {},
	"record_session":     {},
	"sched_hup":          {},
	"speak":              {},
	"speak_barge":        {},
	"takeover_bridge_first": {with: []string{"takeover_bridge_second"}, setup: answersAndStays(0),
		deeds: console(3000, "uuid_kill b0b00000-0000-4000-8000-000000000002")},
	"takeover_queue_first": {with: []string{"takeover_queue_second"}, setup: answersAndStays(0), deeds: unrecorded},
	"unknown_app":          {},
	"uuidbreak":            {},
	"whisper_exit_caller": {
		with: []string{"whisper_exit_callee"}, setup: answersAndStays(0), deeds: console(4980, "hupall"),
	},
	"whisper_reject_caller": {with: []string{"whisper_reject_callee"}, setup: answersAndStays(0)},
}

// race is a difference that a real switch shows from run to run, and that a capture may have from what is simulated.
type race struct {
	reason string
	in     []string // captures; nil: all
}

// races are the only differences of order that are let through.
var races = map[string]race{
	"cut": {reason: "a capture that ends before its socket does says nothing of what would have come"},
	"early events": {reason: "CHANNEL_STATE, CHANNEL_CREATE, CHANNEL_EXECUTE of socket and CHANNEL_PARK come before " +
		"anybody can subscribe and arrive only if the listener thread is slow: never here"},
	"notice": {
		reason: "the listener thread polls the channel's state every 20 ms, so the linger notice may come before " +
			"the last events of an end that another thread caused",
		in: []string{"record_session", "sched_hup", "whisper_exit_caller"},
	},
	"threads": {reason: "B legs have threads of their own: events are compared channel by channel"},
}

func raced(name, capture string) bool {
	r, ok := races[name]
	return ok && (r.in == nil || slices.Contains(r.in, capture))
}

// compared are the variables that the service reads, or that results live in.
var compared = []string{
	"DIALSTATUS", "bridge_hangup_cause", "conference_name", "current_application_response", "digits", "digits1",
	"digits2", "digits_dialed", "endpoint_disposition", "foo", "fspivot_pos", "fspivot_state", "hangup_cause",
	"hangup_cause_q850", "last_app", "last_arg", "last_bridge_hangup_cause",
	"last_bridge_proto_specific_hangup_cause", "originate_disposition", "originate_failed_cause", "pin", "pin2",
	"playback_terminator_used", "playback_terminators", "proto_specific_hangup_cause", "read_result",
	"read_terminator_used", "record_completion_cause", "silence_hits_exhausted", "sip_hangup_disposition",
	"sip_invite_failure_status", "x", "y", "z",
}

// read are the headers besides variables that the service reads.
var read = []string{
	"Action", "Answer-State", "Application", "Application-Data", "Application-Response", "Application-UUID",
	"Call-Direction", "Caller-Destination-Number", "DTMF-Digit", "Event-Subclass", "FIFO-Action", "Hangup-Cause",
	"Channel-State", "Channel-Call-State", "Playback-File-Path", "Record-File-Path",
}

// replayed is a capture while it is replayed.
type replayed struct {
	lab   *lab
	phone *Phone
	apps  []*app
	real  []capture
	tmp   string
	ids   map[string]string // UUIDs of the capture and what they are here
}

func TestReplay(t *testing.T) {
	files, err := os.ReadDir(captures)
	if err != nil {
		t.Fatal(err)
	}
	covered := make(map[string]bool)
	for name, s := range scripts {
		covered[name] = true
		for _, other := range s.with {
			covered[other] = true
		}
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".jsonl"); ok && !covered[name] {
			t.Errorf("capture %s is not replayed", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(name, func(t *testing.T) {
			tmp := t.TempDir()
			synctest.Test(t, func(t *testing.T) { replay(t, name, scripts[name], tmp) })
		})
	}
}

func replay(t *testing.T, name string, s script, tmp string) {
	r := &replayed{tmp: tmp, ids: make(map[string]string), real: []capture{readCapture(t, name)}}
	for _, other := range s.with {
		r.real = append(r.real, readCapture(t, other))
	}
	data := r.real[0].channelData(t).headers
	call := Call{
		UUID: data["Unique-ID"], From: data["variable_sip_from_user"], FromName: data["variable_sip_from_display"],
		Request: data["variable_sip_req_user"],
	}
	config := Config{SpeechRate: 70 * time.Millisecond}
	if s.setup != nil {
		s.setup(&config, &call)
	}
	r.lab = newLab(config)
	defer r.lab.s.Close()
	var err error
	if r.phone, err = r.lab.s.Call(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	finished := make(chan struct{}, len(r.real))
	for i, c := range r.real {
		a := newApp(<-r.lab.conns)
		r.apps = append(r.apps, a)
		deeds := s.deeds
		if i > 0 {
			deeds = nil
		}
		go func() {
			defer func() { finished <- struct{}{} }()
			r.play(t, c, a, deeds)
		}()
		if i == 0 && len(r.real) > 1 && strings.HasPrefix(name, "takeover") {
			<-finished
			finished <- struct{}{}
		}
	}
	for range r.real {
		<-finished
	}
	after(10 * time.Second)
	for i, c := range r.real {
		r.learn(c, r.apps[i])
	}
	for i, c := range r.real {
		r.compare(t, c, r.apps[i])
	}
}

var contentLength = regexp.MustCompile(`(?s)content-length: (\d+)\n\n(.*)$`)

// rewrite gives the app's bytes another temporary directory.
func (r *replayed) rewrite(text string) string {
	if !strings.Contains(text, "\n/tmp/") {
		return text
	}
	m := contentLength.FindStringSubmatch(text)
	n, _ := strconv.Atoi(m[1])
	body := strings.Replace(m[2][:n], "/tmp/", r.tmp+"/", 1)
	head := text[:len(text)-len(m[0])]
	return fmt.Sprintf("%scontent-length: %d\n\n%s%s", head, len(body), body, m[2][n:])
}

// play sends what the app sent and does what others did, each as long after the last anchor as in the capture.
func (r *replayed) play(t *testing.T, c capture, a *app, deeds []deed) {
	type act struct {
		anchor string
		nth    int
		delay  time.Duration
		do     func()
	}
	var acts []act
	anchor, at := "", time.Duration(0)
	counts := make(map[string]int)
	add := func(t time.Duration, do func()) {
		acts = append(acts, act{anchor, counts[anchor], max(t-at, 0), do})
	}
	gone := false
	for _, i := range c.items {
		for len(deeds) > 0 && deeds[0].at <= i.at {
			d := deeds[0]
			deeds = deeds[1:]
			add(d.at, func() { d.do(r) })
		}
		switch {
		case i.sent != "":
			add(i.at, func() { a.send(r.rewrite(i.sent)) })
		case i.eof != "":
			gone = true
		case i.frame.name() == "DTMF":
			add(i.at-15*time.Millisecond, func() { r.phone.Press(i.frame.headers["DTMF-Digit"]) })
		case i.frame.anchor() != "":
			anchor, at = i.frame.anchor(), i.at
			counts[anchor]++
		}
	}
	if !gone && strings.HasSuffix(c.name, "_first") {
		add(c.items[len(c.items)-1].at+ms(300), func() { a.conn.Close() }) // the process was killed
	}
	for _, d := range deeds {
		add(d.at, func() { d.do(r) })
	}
	for _, x := range acts {
		var seen time.Time
		for waited := 0; ; waited++ {
			n := 0
			for _, f := range a.frames() {
				if key := strings.ReplaceAll(f.anchor(), r.tmp+"/", "/tmp/"); key == x.anchor {
					if n++; n == x.nth {
						seen = f.at
					}
				}
			}
			if x.anchor == "" || !seen.IsZero() {
				break
			}
			if waited > 20000 {
				t.Errorf("%s: no %q (number %d) came", c.name, x.anchor, x.nth)
				return
			}
			<-time.After(time.Millisecond) // virtual
		}
		if x.anchor != "" {
			<-time.After(time.Until(seen.Add(x.delay))) // virtual
		} else {
			<-time.After(x.delay) // virtual
		}
		x.do()
	}
}

// learn pairs the UUIDs that the switch chose: those of B legs, by the order in which they appear.
func (r *replayed) learn(c capture, a *app) {
	var real, here []string
	note := func(list *[]string, f frame) {
		if id := f.headers["Unique-ID"]; id != "" && !slices.Contains(*list, id) {
			*list = append(*list, id)
		}
	}
	for _, i := range c.items {
		if i.frame != nil {
			note(&real, *i.frame)
		}
	}
	for _, f := range a.frames() {
		note(&here, f)
	}
	for i, id := range here {
		if i < len(real) {
			r.ids[id] = real[i]
		}
	}
}

// describe is what of an event is compared.
func (r *replayed) describe(f frame, ours bool, sent map[string]bool) string {
	parts := []string{f.name()}
	for _, name := range read {
		value, ok := f.headers[name]
		if !ok {
			continue
		}
		if ours {
			value = strings.ReplaceAll(value, r.tmp+"/", "/tmp/")
		}
		if name == "Application-UUID" && !sent[value] {
			value = "(any)"
		}
		parts = append(parts, name+"="+value)
	}
	for _, name := range compared {
		if value, ok := f.headers["variable_"+name]; ok {
			if ours {
				value = strings.ReplaceAll(value, r.tmp+"/", "/tmp/")
			}
			parts = append(parts, name+"="+value)
		}
	}
	return strings.Join(parts, " ")
}

// early tells of an event that happened before anybody could subscribe.
func early(f frame) bool {
	switch f.name() {
	case "CHANNEL_CREATE", "CHANNEL_PARK":
		return true
	case "CHANNEL_STATE":
		return f.headers["Answer-State"] != "hangup"
	case "CHANNEL_EXECUTE":
		return f.headers["Application"] == "socket"
	}
	return false
}

func (r *replayed) compare(t *testing.T, c capture, a *app) {
	sent := make(map[string]bool)
	uuids := regexp.MustCompile(`Event-UUID: (\S+)`)
	var real []frame
	cut := raced("cut", c.name)
	for _, i := range c.items {
		if i.frame != nil {
			real = append(real, *i.frame)
		}
		cut = cut && i.eof == ""
		for _, m := range uuids.FindAllStringSubmatch(i.sent, -1) {
			sent[m[1]] = true
		}
	}
	here := a.frames()

	want, got := r.events(real, false, sent), r.events(here, true, sent)
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if cut {
			got[id] = got[id][:min(len(got[id]), len(want[id]))]
		}
		if diff := cmp.Diff(want[id], got[id]); diff != "" {
			t.Errorf("%s: events of %s (-switch +simulated):\n%s", c.name, id, diff)
		}
	}
	for id := range got {
		if want[id] == nil {
			t.Errorf("%s: events of a channel that the switch told nothing of: %v", c.name, got[id])
		}
	}

	wantReplies, gotReplies := r.replies(real), r.replies(here)
	if cut {
		gotReplies = gotReplies[:min(len(gotReplies), len(wantReplies))]
	}
	if diff := cmp.Diff(wantReplies, gotReplies); diff != "" {
		t.Errorf("%s: replies (-switch +simulated):\n%s", c.name, diff)
	}
	if first := noticeBeforeEnd(here); !cut && first != noticeBeforeEnd(real) && !raced("notice", c.name) {
		t.Errorf("%s: the notice comes before the last events: %v, not so on the switch", c.name, first)
	}
	compareRecordings(t, c.name, real, here)
	compareConnect(t, c.name, real[0], here[0])
}

// events are the descriptions of the events by channel, in order.
func (r *replayed) events(frames []frame, ours bool, sent map[string]bool) map[string][]string {
	list := make(map[string][]string)
	for _, f := range frames {
		if f.kind != "text/event-plain" || early(f) && raced("early events", "") {
			continue
		}
		id := f.headers["Unique-ID"]
		if ours && r.ids[id] != "" {
			id = r.ids[id]
		}
		if !raced("threads", "") {
			id = ""
		}
		list[id] = append(list[id], r.describe(f, ours, sent))
	}
	return list
}

var jobUUID = regexp.MustCompile(`Job-UUID: \S+`)

// replies are the frames that are no events, without what differs from run to run.
func (r *replayed) replies(frames []frame) []string {
	var list []string
	for _, f := range frames {
		if f.kind == "text/event-plain" {
			continue
		}
		text := f.kind + " " + f.headers["Reply-Text"]
		for _, name := range []string{"Content-Disposition", "Controlled-Session-UUID", "Linger-Time", "Channel-Name"} {
			text += " " + f.headers[name]
		}
		switch {
		case strings.HasPrefix(f.body, "UP "):
			text += " (status)"
		case strings.HasPrefix(f.body, "Event-Name: CHANNEL_DATA"):
			text += " (channel data)"
		default:
			text += " " + f.body
		}
		for here, real := range r.ids {
			text = strings.ReplaceAll(text, here, real)
		}
		list = append(list, jobUUID.ReplaceAllString(text, "Job-UUID: (any)"))
	}
	// Where the notice comes among replies to commands sent after the hangup is a race, too: compared on its own.
	slices.SortStableFunc(list, func(a, b string) int {
		return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0])
	})
	return list
}

func noticeBeforeEnd(frames []frame) bool {
	seen := false
	for _, f := range frames {
		seen = seen || f.headers["Content-Disposition"] == "linger"
		if f.name() == "CHANNEL_HANGUP_COMPLETE" {
			return seen
		}
	}
	return false
}

// compareRecordings holds the lengths of recordings to within 200 ms, for audio is buffered.
func compareRecordings(t *testing.T, name string, real, here []frame) {
	lengths := func(frames []frame) []int {
		var list []int
		for _, f := range frames {
			if text, ok := f.headers["variable_record_ms"]; ok && f.name() == "CHANNEL_EXECUTE_COMPLETE" {
				n, _ := strconv.Atoi(text)
				list = append(list, n)
			}
		}
		return list
	}
	want, got := lengths(real), lengths(here)
	if len(want) != len(got) {
		t.Errorf("%s: record_ms in %d completions, want %d", name, len(got), len(want))
		return
	}
	for i := range want {
		if diff := want[i] - got[i]; diff < -200 || diff > 200 {
			t.Errorf("%s: record_ms is %d, want about %d", name, got[i], want[i])
		}
	}
}

// absent are headers of a real connect reply that the simulated one has no use for.
var absent = regexp.MustCompile(`^variable_(sip_.*_port|sip_hold_.*|sdp_.*|rtp_use_ssrc|rtp_local_sdp_str|switch_m_sdp|` +
	`rtp_audio_.*|sip_recover_.*|sip_reply_.*|sip_contact_.*|sip_(to|from)_tag|sip_cseq|sip_full_.*|sip_from_.*|` +
	`sip_to_.*|sip_network_.*|sip_user_agent|sip_allow|sip_call_id|sip_outgoing_contact_uri|sip_req_uri|` +
	`sofia_profile_url|switch_r_sdp|ep_codec_string|rtp_use_codec_string|instant_ringback)$`)

// compareConnect compares the reply to connect: the fields that are read, and that no header is missing.
func compareConnect(t *testing.T, name string, real, here frame) {
	var missing []string
	for h := range real.headers {
		if _, ok := here.headers[h]; !ok && !absent.MatchString(h) {
			missing = append(missing, h)
		}
	}
	if slices.Sort(missing); missing != nil {
		t.Errorf("%s: connect reply lacks %v", name, missing)
	}
	for _, h := range []string{
		"Answer-State", "Call-Direction", "Caller-Caller-ID-Number", "Caller-Destination-Number", "Channel-Call-State",
		"Channel-Name", "Channel-State", "Control", "Other-Leg-Unique-ID", "Other-Type", "Reply-Text", "Socket-Mode",
		"variable_DIALSTATUS", "variable_bridge_hangup_cause", "variable_fspivot_pos", "variable_fspivot_state",
		"variable_sip_from_user", "variable_sip_req_user",
	} {
		if real.headers[h] != here.headers[h] {
			t.Errorf("%s: %s of the connect reply is %q, want %q", name, h, here.headers[h], real.headers[h])
		}
	}
}
