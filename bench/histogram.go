package bench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// fine is how many bits of a duration tell its bucket, below the first: a bucket is at most 1/64 of its durations wide.
const fine = 6

// A histogram counts durations in memory that does not grow with them. Its methods may be called from any goroutine;
// spread tells the truth once nobody adds any more.
type histogram struct {
	counts [(64 - fine) << fine]atomic.Uint64
	most   atomic.Int64
}

// add counts a duration; one below 0, which two clock readings cannot give, counts as 0.
func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))].Add(1)
	for have := h.most.Load(); int64(d) > have && !h.most.CompareAndSwap(have, int64(d)); have = h.most.Load() {
	}
}

// bucket keeps the highest bit and the fine ones below it: durations below 2^(fine+1) ns have a bucket each.
func bucket(d uint64) int {
	shift := max(0, bits.Len64(d)-fine-1)
	return shift<<fine + int(d>>shift)
}

// ceiling is the longest duration of a bucket.
func ceiling(bucket int) time.Duration {
	shift := max(0, bucket>>fine-1)
	return time.Duration(uint64(bucket-shift<<fine+1)<<shift - 1)
}

// A Spread tells how durations were spread. Percentiles are at most 1/64 too high, and never above Max.
type Spread struct {
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P95   time.Duration `json:"p95_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
}

func (h *histogram) spread() Spread {
	var counts [len(h.counts)]uint64
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
	}
	return spread(counts[:], ceiling, time.Duration(h.most.Load()))
}

// spread finds the percentiles of counted buckets: the p-th is the shortest duration that p % do not exceed.
func spread(counts []uint64, ceiling func(bucket int) time.Duration, most time.Duration) Spread {
	s := Spread{Max: most}
	for _, n := range counts {
		s.Count += n
	}
	for _, p := range []struct {
		field   *time.Duration
		percent uint64
	}{{&s.P50, 50}, {&s.P95, 95}, {&s.P99, 99}} {
		rank, seen := (s.Count*p.percent+99)/100, uint64(0)
		for i, n := range counts {
			if seen += n; n > 0 && seen >= rank {
				*p.field = min(ceiling(i), most)
				break
			}
		}
	}
	return s
}
