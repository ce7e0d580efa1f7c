package simswitch

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// apiCommands are the API commands that are known, by name; each gets what stands after its name.
var apiCommands map[string]func(s *Switch, args string) string

func init() {
	apiCommands = map[string]func(s *Switch, args string) string{
		"conference":        (*Switch).apiConference,
		"create_uuid":       func(*Switch, string) string { return newUUID() },
		"echo":              func(_ *Switch, args string) string { return args },
		"expand":            func(_ *Switch, args string) string { return args },
		"global_getvar":     func(*Switch, string) string { return "" },
		"hostname":          func(s *Switch, _ string) string { return s.config.Hostname },
		"hupall":            (*Switch).apiHupall,
		"module_exists":     func(s *Switch, args string) string { return strconv.FormatBool(s.hasModule(args)) },
		"sched_hangup":      (*Switch).apiSchedHangup,
		"status":            (*Switch).apiStatus,
		"strftime":          func(*Switch, string) string { return time.Now().Format("2006-01-02 15:04:05") },
		"system":            func(*Switch, string) string { return "" }, // nothing runs; the trace shows it
		"url_encode":        func(_ *Switch, args string) string { return encode(args) },
		"uuid_answer":       channelAPI(func(c *channel, _ string) string { c.answer(); return "+OK\n" }),
		"uuid_audio":        channelAPI(func(*channel, string) string { return "+OK Success\n" }),
		"uuid_break":        channelAPI(apiBreak),
		"uuid_bridge":       (*Switch).apiBridge,
		"uuid_broadcast":    channelAPI(apiBroadcast),
		"uuid_dump":         channelAPI(func(c *channel, _ string) string { return string(c.data().render()) }),
		"uuid_exists":       (*Switch).apiExists,
		"uuid_flush_dtmf":   channelAPI(func(c *channel, _ string) string { c.forgetKeys(); return "+OK\n" }),
		"uuid_getvar":       channelAPI(apiGetvar),
		"uuid_kill":         channelAPI(apiKill),
		"uuid_send_dtmf":    channelAPI(apiSendDTMF),
		"uuid_setvar":       channelAPI(apiSetvar),
		"uuid_setvar_multi": channelAPI(apiSetvarMulti),
		"uuid_transfer":     channelAPI(func(c *channel, args string) string { c.take(args); return "+OK\n" }),
		"version":           func(*Switch, string) string { return "FreeSWITCH Version 1.10.12-release~64bit (simulated)\n" },
	}
}

// api runs one API command and returns its output.
func (s *Switch) api(text string) string {
	name, args, _ := strings.Cut(strings.TrimSpace(text), " ")
	run, ok := apiCommands[name]
	if !ok {
		return "-ERR " + name + " Command not found!\n"
	}
	return run(s, strings.TrimSpace(args))
}

// channelAPI is a command whose first argument is a channel's UUID.
func channelAPI(run func(c *channel, args string) string) func(*Switch, string) string {
	return func(s *Switch, args string) string {
		id, rest, _ := strings.Cut(args, " ")
		c := s.channels[id]
		if c == nil || c.dead() {
			return "-ERR No such channel!\n"
		}
		return run(c, strings.TrimSpace(rest))
	}
}

func (s *Switch) apiStatus(string) string {
	up := time.Since(s.started).Truncate(time.Millisecond)
	return fmt.Sprintf("UP %s\nFreeSWITCH (Version 1.10.12-release simulated) is ready\n"+
		"%d session(s) since startup\n%d session(s)\n", up, s.sessions, len(s.channels))
}

func (s *Switch) apiExists(id string) string {
	c := s.channels[id]
	return strconv.FormatBool(c != nil && !c.dead())
}

// apiHupall hangs everything up, B legs first.
func (s *Switch) apiHupall(args string) string {
	cause := "MANAGER_REQUEST"
	if args != "" {
		cause = parseCause(args)
	}
	for _, outbound := range []bool{true, false} {
		for _, c := range s.sorted() {
			if c.outbound == outbound {
				c.hangup(cause, hungUpBySwitch)
			}
		}
	}
	return "+OK hangup all channels with cause " + cause + "\n"
}

func (s *Switch) sorted() []*channel {
	all := make([]*channel, 0, len(s.channels))
	for _, c := range s.channels {
		all = append(all, c)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].uuid < all[j].uuid })
	return all
}

func apiBreak(c *channel, args string) string {
	c.stop(args == "all")
	return "+OK\n"
}

func apiGetvar(c *channel, name string) string {
	if value, ok := c.lookup(name); ok {
		return value
	}
	return "_undef_"
}

func apiKill(c *channel, args string) string {
	cause := normalClearing
	if args != "" {
		cause = parseCause(args)
	}
	c.hangup(cause, hungUpBySwitch)
	return "+OK\n"
}

func apiSendDTMF(c *channel, keys string) string {
	c.trace(KindSendDTMF, keys)
	return fmt.Sprintf("+OK %s sent DTMF %s.\n", c.uuid, keys)
}

func apiSetvar(c *channel, args string) string {
	name, value, _ := strings.Cut(args, " ")
	if name == "" {
		return "-USAGE: <uuid> <var> [value]\n"
	}
	c.set(name, value)
	return "+OK\n"
}

func apiSetvarMulti(c *channel, args string) string {
	for _, pair := range separate(args, ';', 256) {
		name, value, _ := strings.Cut(pair, "=")
		if name != "" {
			c.set(name, value)
		}
	}
	return "+OK\n"
}

// apiBroadcast queues an application (app::arg) or a file on the channel, as uuid_broadcast does for the A leg.
func apiBroadcast(c *channel, args string) string {
	what, _, _ := strings.Cut(args, " ")
	app, arg, ok := strings.Cut(what, "::")
	if !ok {
		app, arg = "playback", what
	}
	c.messages = append(c.messages, message{at: time.Now(), headers: map[string]string{
		"call-command": "execute", "execute-app-name": app, "execute-app-arg": arg,
	}})
	c.poke()
	return "+OK Message sent\n"
}

func (s *Switch) apiSchedHangup(args string) string {
	words := strings.Fields(args)
	if len(words) < 2 {
		return "-USAGE: [+]<time> <uuid> [<cause>]\n"
	}
	c := s.channels[words[1]]
	if c == nil || c.dead() {
		return "-ERR No such channel!\n"
	}
	c.scheduleHangup(words[0], part(words, 2))
	return "+OK\n"
}

// apiBridge joins two channels that live; both leave their sockets.
func (s *Switch) apiBridge(args string) string {
	words := strings.Fields(args)
	a, b := s.channels[part(words, 0)], s.channels[part(words, 1)]
	if a == nil || b == nil || a == b || !a.ready() || !b.ready() || a.leg != nil || b.leg != nil {
		return "-ERR Invalid uuid\n"
	}
	a.leave(b.uuid)
	b.leave(a.uuid)
	a.meet, b.seized = b, a
	return "+OK " + b.uuid + "\n"
}
