package bench

import (
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"text/tabwriter"
	"time"
)

// Result is what was measured. Two of them, as JSON, can be compared.
type Result struct {
	Version   string        `json:"version"`
	CPUs      int           `json:"cpus"` // GOMAXPROCS
	Calls     int64         `json:"calls"`
	Took      time.Duration `json:"took_ns"`
	PerSecond float64       `json:"calls_per_second"`
	PeakLive  int64         `json:"peak_live_calls"`

	ToRequest Spread `json:"invite_to_request"` // the switch's connect and the callflow come before it
	Web       Spread `json:"request_to_answer"` // the web server's own time, and HTTP's
	ToCommand Spread `json:"answer_to_command"` // until the switch has read the first command
	Between   Spread `json:"verb_to_verb"`      // from an application's end to the next one's start
	Whole     Spread `json:"invite_to_end"`

	// What a call costs, switch and web server included.
	CPU              time.Duration `json:"cpu_ns_per_call"` // 0: not known
	AllocatedBytes   int64         `json:"allocated_bytes_per_call"`
	AllocatedObjects int64         `json:"allocated_objects_per_call"`
	PeakGoroutines   int           `json:"peak_goroutines"`
	Collections      int64         `json:"gc_cycles"`
	Pauses           Spread        `json:"gc_pauses"` // two or more a cycle

	Idle       *Idle          `json:"idle,omitempty"`
	Unexpected map[string]int `json:"unexpected"` // calls that ended otherwise than they should, by reason
}

// Print writes the result for people.
func (r Result) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "calls\t%d in %s, %.0f/s, at most %d at a time, on %d CPUs\n",
		r.Calls, short(r.Took), r.PerSecond, r.PeakLive, r.CPUs)
	fmt.Fprintf(t, "\tp50\tp95\tp99\tmax\tcount\n")
	for _, x := range []struct {
		name string
		s    Spread
	}{
		{"INVITE to request", r.ToRequest}, {"request to answer (web's own)", r.Web}, {"answer to command", r.ToCommand},
		{"verb to verb", r.Between}, {"INVITE to end", r.Whole}, {"GC pauses", r.Pauses},
	} {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", x.name, short(x.s.P50), short(x.s.P95), short(x.s.P99), short(x.s.Max), x.s.Count)
	}
	fmt.Fprintf(t, "GC cycles\t%d\n", r.Collections)
	fmt.Fprintf(t, "goroutines\t%d at most\n", r.PeakGoroutines)
	fmt.Fprintf(t, "computed per call\t%s, switch and web server included\n", short(r.CPU))
	fmt.Fprintf(t, "allocated per call\t%.1f KB in %d objects, switch and web server included\n", kilo(r.AllocatedBytes), r.AllocatedObjects)
	if r.Idle != nil {
		fmt.Fprintf(t, "memory per idle call\t%.1f KB, stacks %.1f KB of it, and %.1f KB of the simulated switch, with %d calls\n",
			kilo(r.Idle.PerCall), kilo(r.Idle.Stacks), kilo(r.Idle.PerSwitch), r.Idle.Calls)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Unexpected)) {
		fmt.Fprintf(t, "otherwise\t%d: %s\n", r.Unexpected[reason], reason)
	}
	if len(r.Unexpected) == 0 {
		fmt.Fprintf(t, "ended\tall as expected\n")
	}
	return t.Flush()
}

func kilo(bytes int64) float64 { return float64(bytes) / 1024 }

// short rounds a duration to three digits.
func short(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// counters are the Go runtime's and the system's, which only grow.
type counters struct {
	cpu                    time.Duration
	bytes, objects, cycles uint64
	pauses                 []uint64
	edges                  []float64 // of the pauses' buckets, in seconds: one more than there are buckets
}

func readRuntime() counters {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/allocs:objects"}, {Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	pauses := s[3].Value.Float64Histogram()
	return counters{cpuTime(), s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), slices.Clone(pauses.Counts), pauses.Buckets}
}

func (c counters) since(before counters) counters {
	for i, n := range before.pauses {
		c.pauses[i] -= n
	}
	c.cpu -= before.cpu
	c.bytes, c.objects, c.cycles = c.bytes-before.bytes, c.objects-before.objects, c.cycles-before.cycles
	return c
}

// fill needs the number of calls.
func (c counters) fill(r *Result) {
	r.CPUs, r.Collections = runtime.GOMAXPROCS(0), int64(c.cycles)
	calls := max(r.Calls, 1)
	r.CPU = c.cpu / time.Duration(calls)
	r.AllocatedBytes, r.AllocatedObjects = int64(c.bytes)/calls, int64(c.objects)/calls
	ceiling := func(bucket int) time.Duration {
		edge := c.edges[bucket+1]
		if math.IsInf(edge, 1) {
			edge = c.edges[bucket]
		}
		return time.Duration(edge * float64(time.Second))
	}
	most := time.Duration(0)
	for i, n := range c.pauses {
		if n > 0 {
			most = ceiling(i)
		}
	}
	r.Pauses = spread(c.pauses, ceiling, most)
}
