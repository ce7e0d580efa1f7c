package bench

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		added []time.Duration
		want  Spread
	}{
		"none":     {nil, Spread{}},
		"one":      {[]time.Duration{time.Second}, Spread{1, time.Second, time.Second, time.Second, time.Second}},
		"negative": {[]time.Duration{-5}, Spread{1, 0, 0, 0, 0}},
		"small":    {[]time.Duration{1, 2, 3, 4}, Spread{4, 2, 4, 4, 4}},
		"one far":  {append(slices.Repeat([]time.Duration{100}, 99), time.Hour), Spread{100, 100, 100, 100, time.Hour}},
		"longest":  {[]time.Duration{math.MaxInt64}, Spread{1, math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}},
	} {
		var h histogram
		for _, d := range c.added {
			h.add(d)
		}
		if diff := cmp.Diff(c.want, h.spread()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A percentile is the exact one or at most 1/64 longer, whatever was added.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		added := rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64), 1, 300).Draw(t, "durations")
		var h histogram
		for _, d := range added {
			h.add(time.Duration(d))
		}
		slices.Sort(added)
		s := h.spread()
		for percent, have := range map[int]time.Duration{50: s.P50, 95: s.P95, 99: s.P99, 100: s.Max} {
			exact := added[(len(added)*percent+99)/100-1]
			if int64(have) < exact || int64(have)-exact > exact/64 {
				t.Fatalf("p%d is %d, exactly %d", percent, have, exact)
			}
		}
	})
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "0s", 999: "999ns", 12345: "12.3µs", 1234567: "1.23ms", 61234567890: "1m1.2s"} {
		if have := short(d); have != want {
			t.Errorf("%d ns: %s, want %s", d, have, want)
		}
	}
}
