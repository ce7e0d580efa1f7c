package simswitch

import (
	"time"

	"github.com/google/uuid"
)

func newUUID() string { return uuid.NewString() }

// application is what a channel can run.
type application struct {
	run    func(c *channel, arg string)
	media  bool   // needs media: an unanswered caller is pre-answered first
	zombie bool   // runs even after the hangup: SAF_ZOMBIE_EXEC
	module string // "": mod_dptools or one that is always there
}

// applications are all that exist, by name. Any other name hangs the channel up.
var applications map[string]application

func init() {
	nothing := func(*channel, string) {}
	applications = map[string]application{
		"answer":              {run: func(c *channel, _ string) { c.answer() }},
		"block_dtmf":          {run: nothing},
		"break":               {run: func(c *channel, _ string) { c.stop(false) }},
		"bridge":              {run: runBridge},
		"bridge_export":       {run: runExport, zombie: true},
		"conference":          {run: runConference, media: true, module: "mod_conference"},
		"deflect":             {run: runDeflect},
		"echo":                {run: runEcho, media: true},
		"endless_playback":    {run: runEndlessPlayback, media: true},
		"eval":                {run: nothing, zombie: true},
		"event":               {run: runEvent, zombie: true},
		"export":              {run: runExport, zombie: true},
		"fifo":                {run: runFifo, media: true, module: "mod_fifo"},
		"flush_dtmf":          {run: func(c *channel, _ string) { c.forgetKeys() }},
		"hangup":              {run: runHangup},
		"info":                {run: nothing, zombie: true},
		"intercept":           {run: runIntercept},
		"log":                 {run: nothing, zombie: true},
		"loop_playback":       {run: runLoopPlayback, media: true},
		"multiset":            {run: runMultiset, zombie: true},
		"multiunset":          {run: runMultiunset, zombie: true},
		"park":                {run: runPark},
		"play_and_get_digits": {run: runPlayAndGetDigits, media: true},
		"playback":            {run: runPlayback, media: true},
		"pre_answer":          {run: func(c *channel, _ string) { c.preAnswer() }},
		"read":                {run: runRead, media: true},
		"record":              {run: runRecord, media: true},
		"record_session":      {run: runRecordSession, media: true},
		"redirect":            {run: runRedirect},
		"respond":             {run: runRespond},
		"ring_ready":          {run: func(c *channel, _ string) { c.ring() }},
		"say":                 {run: runSay, media: true, module: "mod_say_en"},
		"sched_hangup":        {run: runSchedHangup},
		"send_dtmf":           {run: runSendDTMF},
		"set":                 {run: runSet, zombie: true},
		"set_mute":            {run: runSetMute, media: true},
		"sleep":               {run: runSleep},
		"socket":              {run: func(c *channel, arg string) { c.serve(arg) }},
		"speak":               {run: runSpeak, media: true},
		"start_dtmf":          {run: nothing, media: true},
		"stop_dtmf":           {run: nothing, media: true},
		"stop_record_session": {run: runStopRecordSession, media: true},
		"transfer":            {run: func(c *channel, arg string) { c.take(arg) }},
		"unblock_dtmf":        {run: nothing},
		"unset":               {run: runUnset, zombie: true},
	}
}

// execute runs one application with its two events. False: it did not run, because the channel is gone or because
// there is no such application, which ends the call. Source: switch_core_session.c
// switch_core_session_execute_application_get_flags, switch_core_session_exec.
func (c *channel) execute(name, arg, id string) bool {
	app, ok := applications[name]
	if app.module != "" && !c.s.hasModule(app.module) {
		ok = false
	}
	switch {
	case c.dead() && !app.zombie:
		return false
	case !ok:
		c.hangup(outOfOrder, hungUpBySwitch)
		return false
	case app.media && !c.outbound && !c.dead():
		c.preAnswer()
	}
	if id == "" {
		id = newUUID()
	}
	if !isTrue(c.get("app_disable_expand_variables")) {
		arg = c.expand(arg)
	}
	c.set("current_application", name)
	c.set("current_application_data", arg)
	c.set("current_application_response", "")
	c.lastApp, c.lastArg = name, arg
	about := []header{{"Application", name}, {"Application-Data", arg}}
	c.fire("CHANNEL_EXECUTE", append(about, header{"Application-UUID", id}))
	c.s.trace(Trace{Kind: KindExecute, Call: c.uuid, App: name, Arg: arg, AppUUID: id})
	c.breakAt = time.Time{} // a break with nothing running hurts nobody

	app.run(c, arg)

	response := c.get("current_application_response")
	if response == "" {
		response = "_none_"
	}
	about = append(about[:2:2], header{"Application-Response", response}, header{"Application-UUID", id})
	c.fire("CHANNEL_EXECUTE_COMPLETE", about)
	c.s.trace(Trace{Kind: KindComplete, Call: c.uuid, App: name, Arg: arg, AppUUID: id, Result: response})
	return true
}

// respondWith sets what the completion event reports.
func (c *channel) respondWith(text string) { c.set("current_application_response", text) }
