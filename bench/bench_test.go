package bench

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), Options{Calls: 30, Concurrency: 5, Idle: 40})
	if err != nil {
		t.Fatal(err)
	}
	if r.Calls != 30 || r.PeakLive < 1 || r.PeakLive > 5 || len(r.Unexpected) != 0 {
		t.Errorf("%d calls, %d at a time, otherwise %v", r.Calls, r.PeakLive, r.Unexpected)
	}
	// A call has one request; its applications follow one another without a request between.
	have := map[string]uint64{"to request": r.ToRequest.Count, "web": r.Web.Count, "to command": r.ToCommand.Count, "whole": r.Whole.Count}
	if diff := cmp.Diff(map[string]uint64{"to request": 30, "web": 30, "to command": 30, "whole": 30}, have); diff != "" {
		t.Errorf("durations counted (-want +got):\n%s", diff)
	}
	if r.Between.Count < 2*30 { // answer, speak, hangup
		t.Errorf("%d gaps between applications", r.Between.Count)
	}
	for name, s := range map[string]Spread{"to request": r.ToRequest, "web": r.Web, "to command": r.ToCommand, "between": r.Between, "whole": r.Whole} {
		if s.P50 <= 0 || s.P50 > s.P95 || s.P95 > s.P99 || s.P99 > s.Max {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// Five characters of 1 ms are spoken in each call, and no call is shorter than its parts.
	if least := 5 * time.Millisecond; r.Whole.P50 < least || r.Whole.Max < r.ToRequest.P50+r.Web.P50+r.ToCommand.P50 {
		t.Errorf("INVITE to end: %+v", r.Whole)
	}
	if r.CPU <= 0 && cpuTime() > 0 {
		t.Errorf("%s computed per call", r.CPU)
	}
	if r.AllocatedBytes < 1000 || r.AllocatedObjects < 100 || r.PeakGoroutines < 5 {
		t.Errorf("per call %d bytes in %d objects, %d goroutines", r.AllocatedBytes, r.AllocatedObjects, r.PeakGoroutines)
	}
	if r.Idle == nil || r.Idle.Calls != 40 || r.Idle.PerSwitch <= 0 {
		t.Errorf("idle calls: %+v", r.Idle)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	const rate = 50
	r, err := Run(t.Context(), Options{Rate: rate, For: 400 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	// One at once, then one every 20 ms; on a machine that is busy fewer.
	if r.Calls < 2 || r.Calls > 21 || len(r.Unexpected) != 0 {
		t.Errorf("%d calls in 400 ms at %d/s, otherwise %v", r.Calls, rate, r.Unexpected)
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	given := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte(`<Response><Reject reason="busy"/></Response>`))
	}))
	t.Cleanup(given.Close)
	for name, c := range map[string]struct {
		o    Options
		want map[string]int
	}{
		"callflow":      {Options{Document: `{"module": "tts", "data": {"text": "Hello"}, "children": {"_": {"module": "hangup", "data": {}}}}`}, map[string]int{}},
		"another cause": {Options{Document: `<Response><Reject reason="busy"/></Response>`}, map[string]int{"hangup cause USER_BUSY": 3}},
		"as expected":   {Options{Document: `<Response><Reject reason="busy"/></Response>`, Cause: "USER_BUSY"}, map[string]int{}},
		"given server":  {Options{URL: given.URL + "/", Cause: "USER_BUSY"}, map[string]int{}},
		"never ends":    {Options{Document: idleDocument, Patience: 50 * time.Millisecond}, map[string]int{"over 50ms: it was hung up": 3}},
		"broken server": {Options{URL: given.URL + "/broken"}, map[string]int{"error: the web server could not be asked, the callflow goes on: ": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.o.Calls, c.o.Concurrency = 3, 3
			r, err := Run(t.Context(), c.o)
			if err != nil {
				t.Fatal(err)
			}
			have := map[string]int{}
			for reason, n := range r.Unexpected {
				if before, _, ok := strings.Cut(reason, "goes on: "); ok {
					reason = before + "goes on: " // the server's port follows
				}
				have[reason] += n
			}
			if diff := cmp.Diff(c.want, have); diff != "" {
				t.Errorf("ended otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	stopped, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	if _, err := Run(stopped, Options{Calls: 1}); !errors.Is(err, reason) {
		t.Errorf("a context that ended: %v", err)
	}
	for want, o := range map[string]Options{
		"below 0":      {Rate: -1},
		"no URL":       {URL: "nowhere"},
		"logrus Level": {Log: "loud"},
		"does not play": {
			Calls: 1, Idle: 500, Patience: time.Millisecond,
		},
	} {
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var terminal strings.Builder
	if _, err := Run(t.Context(), Options{Rate: 20, For: 800 * time.Millisecond, Progress: &terminal}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(terminal.String(), " live, ") || !strings.HasSuffix(terminal.String(), "\r\x1b[K") {
		t.Errorf("terminal got %q", terminal.String())
	}
}
