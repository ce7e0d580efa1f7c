package simswitch

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// fifo <name> in | fifo <name> out [nowait|wait] is mod_fifo's queue, where that is loaded. Source:
// testdata/captures/fifo_pair.jsonl.
func runFifo(c *channel, arg string) {
	a := strings.Fields(arg)
	name := part(a, 0)
	if name == "" {
		return
	}
	if part(a, 1) == "out" {
		c.serveQueue(name, part(a, 2))
		return
	}
	s := c.s
	c.set("fifo_position", strconv.Itoa(len(s.queues[name])+1))
	c.set("fifo_priority", "0")
	s.queues[name] = append(s.queues[name], c)
	c.fireFifo(name, "push", header{"FIFO-Slot", "0"})
	c.set("fifo_status", "WAITING")
	c.set("fifo_timestamp", time.Now().Format("2006-01-02 15:04:05"))
	for _, x := range s.channels {
		if x.consumes == name {
			x.poke()
		}
	}
	c.pump(frames{key: func(byte) bool { return false }, done: func() bool { return c.seized != nil }})
	if a := c.seized; a != nil {
		c.set("fifo_status", "TALKING")
		c.pump(frames{done: func() bool { return c.seized != a }, deaf: true})
		c.set("fifo_status", "DONE")
		return
	}
	s.queues[name] = slices.DeleteFunc(s.queues[name], func(x *channel) bool { return x == c })
	c.set("fifo_status", "ABORTED")
	c.fireFifo(name, "abort")
}

// serveQueue talks to the caller who has waited longest; with "wait" it waits for one.
func (c *channel) serveQueue(name, wait string) {
	c.consumes = name
	defer func() { c.consumes = "" }()
	if wait != "nowait" {
		c.pump(frames{done: func() bool { return len(c.s.queues[name]) > 0 }})
	}
	if len(c.s.queues[name]) == 0 || !c.ready() {
		return
	}
	b := c.s.queues[name][0]
	c.s.queues[name] = c.s.queues[name][1:]
	b.seized = c
	b.poke()
	b.fireFifo(name, "bridge-caller-start")
	c.answer()
	c.join(b)
}

func (c *channel) fireFifo(name, action string, extra ...header) {
	c.fireCustom("fifo::info", true, append([]header{{"FIFO-Name", name}, {"FIFO-Action", action}}, extra...))
}
