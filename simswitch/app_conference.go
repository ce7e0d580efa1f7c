package simswitch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// conference is a room of mod_conference.
type conference struct {
	name, uuid, profile string
	members             []*member
}

// member is a channel in a room.
type member struct {
	c      *channel
	id     int
	room   *conference
	flags  []string
	kicked bool
	muted  bool
}

// conference <name>[@<profile>][+<pin>][+flags{a|b}] ends with a hangup, a kick or, for others, the leaving of a
// member with the flag endconf. Source: mod_conference; testdata/captures/conf_two.jsonl.
func runConference(c *channel, arg string) {
	c.answer()
	rest, flags, _ := strings.Cut(arg, "+flags{")
	flags, _, _ = strings.Cut(flags, "}")
	rest, _, _ = strings.Cut(rest, "+")
	name, profile, ok := strings.Cut(rest, "@")
	if !ok {
		profile = "default"
	}
	if name == "" {
		return
	}
	s := c.s
	room := s.conferences[name]
	if room == nil {
		room = &conference{name: name, uuid: newUUID(), profile: profile}
		s.conferences[name] = room
	}
	s.members++
	m := &member{c: c, id: s.members, room: room, flags: strings.FieldsFunc(flags, func(r rune) bool { return r == '|' || r == ',' })}
	room.members = append(room.members, m)
	c.set("conference_name", name)
	c.set("app_session_uuid", room.uuid)
	c.set("conference_member_id", strconv.Itoa(m.id))
	c.set("conference_moderator", strconv.FormatBool(m.has("moderator")))
	c.set("conference_ghost", "false")
	c.set("conference_uuid", room.uuid)
	m.fire("add-member")
	first := len(room.members) == 1
	if first && c.ready() {
		m.fire("floor-change", header{"Old-ID", "none"}, header{"New-ID", strconv.Itoa(m.id)})
	}
	c.pump(frames{key: func(byte) bool { return false }, done: func() bool { return m.kicked }, deaf: true})

	room.members = slices.DeleteFunc(room.members, func(x *member) bool { return x == m })
	m.fire("del-member")
	if m.has("endconf") {
		for _, x := range room.members {
			x.kick()
		}
	}
	if len(room.members) == 0 {
		delete(s.conferences, name)
	}
}

func (m *member) has(flag string) bool { return slices.Contains(m.flags, flag) }

func (m *member) kick() {
	m.kicked = true
	m.c.poke()
}

func (m *member) fire(action string, extra ...header) {
	kind := "member"
	if m.has("moderator") {
		kind = "moderator"
	}
	h := []header{
		{"Conference-Name", m.room.name}, {"Conference-Domain", "127.0.0.1"},
		{"Conference-Size", strconv.Itoa(len(m.room.members))}, {"Conference-Ghosts", "0"},
		{"Conference-Profile-Name", m.room.profile}, {"Conference-Unique-ID", m.room.uuid},
		{"Floor", strconv.FormatBool(action == "floor-change")}, {"Video", "false"}, {"Hear", "true"},
		{"See", "true"}, {"Speak", strconv.FormatBool(!m.muted)}, {"Talking", "false"}, {"Mute-Detect", "false"},
		{"Hold", "false"}, {"Member-ID", strconv.Itoa(m.id)}, {"Member-Type", kind}, {"Member-Ghost", "false"},
		{"Energy-Level", "100"}, {"Current-Energy", "0"}, {"Action", action},
	}
	m.c.fireCustom("conference::maintenance", false, append(h, extra...))
}

// apiConference is conference <name> list|kick|hup|mute|unmute|dtmf|play… <member>|all|last|non_moderator.
func (s *Switch) apiConference(args string) string {
	a := strings.Fields(args)
	if part(a, 0) == "list" || len(a) == 0 {
		return "+OK " + strconv.Itoa(len(s.conferences)) + " conference(s)\n"
	}
	room := s.conferences[a[0]]
	if room == nil {
		return "-ERR Conference " + a[0] + " not found\n"
	}
	verb, who := part(a, 1), part(a, 2)
	var answer strings.Builder
	for i, m := range slices.Clone(room.members) {
		switch {
		case who == "all", who == strconv.Itoa(m.id), who == "last" && i == len(room.members)-1,
			who == "non_moderator" && !m.has("moderator"):
		default:
			continue
		}
		did := verb
		switch verb {
		case "kick":
			m.fire("kick-member")
			m.kick()
			did = "kicked"
		case "hup":
			m.fire("hup-member")
			m.kick()
		case "mute", "unmute":
			m.muted = verb == "mute"
			m.fire(verb + "-member")
		}
		fmt.Fprintf(&answer, "+OK %s %d\n", did, m.id)
	}
	if verb == "list" || verb == "count" {
		return strconv.Itoa(len(room.members)) + "\n"
	}
	if answer.Len() == 0 {
		return "-ERR no such member\n"
	}
	return answer.String()
}
