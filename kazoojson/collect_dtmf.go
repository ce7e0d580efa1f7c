package kazoojson

import (
	"context"
	"time"

	"fspivot/dialplan"
)

// collectDTMF answers and takes digits without a prompt; they are kept by name, and later pivot requests carry them as
// Digits[name].
//
//	{"module": "collect_dtmf", "data": {"max_digits": 4, "timeout": 8000, "collection_name": "pin"}}
//
// Type-ahead counts first; a terminator in it cuts it and does not end the collection. On a timeout what was typed is
// kept, maybe ""; on hangup nothing is. Digits that an earlier collect_dtmf put into the default collection are an
// answer and not type-ahead, unlike in Kazoo. Continues with "_". Source: callflow-modules-a-d.md, collect_dtmf;
// callflow-engine.md 10.
type collectDTMF struct {
	Max            int             // max_digits, 1–128; default 1
	First, Between time.Duration   // timeout, interdigit_timeout: ms in JSON, from 1; default 5 s and 2 s
	Terminators    dialplan.Digits // terminator, else terminators, of 0-9 * #; default #
	Name           string          // collection_name; "": the default collection
}

// mostDigits is what Channel.Collect takes.
const mostDigits = 128

func parseCollectDTMF(d *Data) module {
	return &collectDTMF{
		Max:         int(min(d.positive("max_digits", 1), mostDigits)),
		First:       d.milliseconds("timeout", 5*time.Second),
		Between:     d.milliseconds("interdigit_timeout", 2*time.Second),
		Terminators: d.collectTerminators(),
		Name:        d.text("collection_name", ""),
	}
}

// positive reads a whole number from 1; Kazoo crashes on any other.
func (d *Data) positive(key string, otherwise int64) int64 {
	n, there := d.whole(key)
	switch {
	case !there:
		return otherwise
	case n < 1:
		d.refuse(key, "%d is not 1 or more", n)
		return otherwise
	}
	return n
}

func (d *Data) milliseconds(key string, otherwise time.Duration) time.Duration {
	const most = 24 * time.Hour
	return time.Duration(min(d.positive(key, otherwise.Milliseconds()), most.Milliseconds())) * time.Millisecond
}

func (d *Data) collectTerminators() dialplan.Digits {
	for _, key := range []string{"terminator", "terminators"} {
		keys, wrong, there := d.keys(key)
		switch {
		case len(wrong) > 0:
			d.refuse(key, "%q are no keys (0-9 * #)", wrong)
		case there && keys == "":
			d.refuse(key, "is empty")
		case key == "terminator" && len(keys) > 1:
			d.refuse(key, "%q is not one key", keys)
		}
		if there {
			return keys
		}
	}
	return "#"
}

func (m *collectDTMF) run(ctx context.Context, c *runner) (step, error) {
	c.Channel.Queue(dialplan.Answer{})
	digits := c.takeAhead(m.Max, m.Terminators)
	if missing := m.Max - len(digits); missing > 0 {
		got, err := c.Channel.Collect(ctx, dialplan.Collect{
			Max: missing, First: m.First, Between: m.Between, Terminators: m.Terminators, TypeAhead: true,
		})
		if err != nil {
			return stop(), err
		}
		digits += string(got.Digits)
	}
	c.store(m.Name, digits)
	return next(), nil
}
