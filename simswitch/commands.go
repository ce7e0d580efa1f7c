package simswitch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// myEvents are what myevents subscribes to. Source: mod_event_socket.c parse_command.
var myEvents = []string{
	"CHANNEL_ANSWER", "CHANNEL_APPLICATION", "CHANNEL_BRIDGE", "CHANNEL_CREATE", "CHANNEL_DATA", "CHANNEL_DESTROY",
	"CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_ORIGINATE",
	"CHANNEL_OUTGOING", "CHANNEL_PARK", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_STATE",
	"CHANNEL_UNBRIDGE", "CHANNEL_UNPARK", "CHANNEL_UUID", "DETECTED_SPEECH", "DTMF", "NOTALK", "TALK",
}

// obey runs one command. Wait is closed when the channel has run it, after which +OK is due (nil: all is said);
// more is false after exit.
func (l *listener) obey(cmd command) (wait chan struct{}, more bool) {
	word, rest, _ := strings.Cut(cmd.line, " ")
	rest = strings.TrimSpace(rest)
	word = strings.ToLower(word)
	switch word {
	case "exit", "...":
		l.send(reply("+OK bye"))
		return nil, false
	case "connect":
		l.connect()
		return nil, true
	case "sendmsg":
		return l.sendmsg(cmd, rest), true
	case "filter":
		l.send(reply(l.filter(rest)))
		return nil, true
	case "myevents":
		l.send(reply(l.myevents()))
		return nil, true
	case "resume":
		l.c.set("socket_resume", "true")
		l.send(reply("+OK"))
		return nil, true
	case "getvar":
		l.send(reply(l.c.get(rest)))
		return nil, true
	case "divert_events":
		l.send(reply("+OK events diverted"))
		return nil, true
	}
	if !l.full {
		l.send(reply("-ERR command not found"))
		return nil, true
	}
	switch word {
	case "api":
		answer := l.s.api(rest)
		l.s.trace(Trace{Kind: KindAPI, Call: l.c.uuid, Arg: rest, Result: answer})
		l.send(apiResponse(answer))
	case "bgapi":
		l.bgapi(rest, cmd.headers["job-uuid"])
	case "linger":
		l.lingers, l.linger = true, -1
		answer := "+OK will linger"
		if rest != "" {
			l.linger = number(rest)
			answer = fmt.Sprintf("+OK will linger %d seconds", l.linger)
		}
		l.send(reply(answer))
	case "nolinger":
		l.lingers = false
		l.send(reply("+OK will not linger"))
	case "event":
		l.send(reply(l.event(rest)))
	case "nixevent":
		l.send(reply(l.nixevent(rest)))
	case "noevents":
		if !l.eventsOn {
			l.send(reply("-ERR not listening for events"))
			break
		}
		l.eventsOn, l.all = false, false
		clear(l.events)
		clear(l.subclasses)
		l.subscribe()
		l.send(reply("+OK no longer listening for events"))
	default:
		l.send(reply("-ERR command not found"))
	}
	return nil, true
}

func (l *listener) connect() {
	mode, control := "static", "single-channel"
	if l.async {
		mode = "async"
	}
	if l.full {
		control = "full"
	}
	e := l.c.data(
		header{"Content-Type", "command/reply"}, header{"Reply-Text", "+OK\n"},
		header{"Socket-Mode", mode}, header{"Control", control},
	)
	l.send(e.render())
	l.connected = true
	l.c.poke()
}

// sendmsg queues a message on its own channel or, by UUID, on another.
func (l *listener) sendmsg(cmd command, id string) chan struct{} {
	if id == "" {
		id = cmd.headers["session-id"]
	}
	c := l.c
	if id != "" && id != c.uuid {
		if c = l.s.channels[id]; c == nil {
			l.send(reply(fmt.Sprintf("-ERR invalid session id [%s]", id)))
			return nil
		}
	}
	m := message{headers: cmd.headers, body: cmd.body, at: time.Now()}
	if c.dead() {
		l.send(reply("+OK")) // nothing ever comes of it
		return nil
	}
	if c == l.c && !l.async && !isTrue(cmd.headers["async"]) {
		m.done = make(chan struct{})
	} else {
		l.send(reply("+OK"))
	}
	c.messages = append(c.messages, m)
	c.poke()
	return m.done
}

func (l *listener) filter(rest string) string {
	name, value, found := strings.Cut(rest, " ")
	if !found {
		return "-ERR invalid syntax"
	}
	defer l.subscribe()
	if strings.EqualFold(name, "delete") {
		name, value, _ = strings.Cut(value, " ")
		l.filters = slices.DeleteFunc(l.filters, func(f header) bool {
			return strings.EqualFold(name, "all") ||
				strings.EqualFold(f.name, name) && (value == "" || f.value == value)
		})
		return fmt.Sprintf("+OK filter deleted. [%s][%s]", name, value)
	}
	if strings.EqualFold(name, "add") {
		name, value, _ = strings.Cut(value, " ")
	}
	l.filters = append(l.filters, header{name, value})
	return fmt.Sprintf("+OK filter added. [%s]=[%s]", name, value)
}

func (l *listener) myevents() string {
	if l.mine {
		return "-ERR aready enabled."
	}
	for _, name := range myEvents {
		l.events[name] = true
	}
	l.mine, l.eventsOn = true, true
	l.subscribe()
	return "+OK Events Enabled"
}

func (l *listener) event(rest string) string {
	words := strings.Fields(rest)
	custom, count := false, 0
	for i, word := range words {
		if i == 0 && (strings.EqualFold(word, "plain") || strings.EqualFold(word, "xml") || strings.EqualFold(word, "json")) {
			continue // events are always plain here
		}
		if custom {
			l.subclasses[word] = true
			continue
		}
		count++
		switch name := strings.ToUpper(word); name {
		case "ALL":
			l.all = true
		case "CUSTOM":
			custom = true
			l.events[name] = true
		default:
			l.events[name] = true
		}
	}
	if count == 0 {
		return "-ERR no keywords supplied"
	}
	l.eventsOn = true
	l.subscribe()
	return "+OK event listener enabled plain"
}

func (l *listener) nixevent(rest string) string {
	words := strings.Fields(rest)
	custom := false
	for _, word := range words {
		switch name := strings.ToUpper(word); {
		case custom:
			delete(l.subclasses, word)
		case name == "ALL":
			l.all = false
			clear(l.events)
		case name == "CUSTOM":
			custom = true
		default:
			delete(l.events, name)
		}
	}
	if len(words) == 0 {
		return "-ERR no keywords supplied"
	}
	return "+OK events nixed"
}

// bgapi answers with a job's name and then with BACKGROUND_JOB.
func (l *listener) bgapi(rest, job string) {
	if job == "" {
		job = uuid.NewString()
	}
	l.send([]byte("Content-Type: command/reply\nReply-Text: +OK Job-UUID: " + job + "\nJob-UUID: " + job + "\n\n"))
	answer := l.s.api(rest)
	l.s.trace(Trace{Kind: KindAPI, Call: l.c.uuid, Arg: rest, Result: answer})
	if !l.subscribed("BACKGROUND_JOB", "") {
		return
	}
	name, arg, _ := strings.Cut(rest, " ")
	e := &event{name: "BACKGROUND_JOB", headers: append(l.s.basics(nil, "BACKGROUND_JOB"),
		header{"Job-UUID", job}, header{"Job-Command", name}, header{"Job-Command-Arg", arg},
		header{"Job-Owner-UUID", l.c.uuid}, header{"Unique-ID", l.c.uuid})}
	text := appendHeaders(nil, e.headers)
	e.text = fmt.Appendf(text, "Content-Length: %d\n\n%s", len(answer), answer)
	l.offer(e)
}
