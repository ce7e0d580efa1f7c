package scenarios

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fivePlays is the flow of the design's table: answer, five plays of 20 ms, hangup.
const fivePlays = `<Response><Play>silence_stream://20</Play><Play>silence_stream://20</Play><Play>silence_stream://20</Play><Play>silence_stream://20</Play><Play>silence_stream://20</Play><Hangup/></Response>`

// httapiURL is where mod_httapi asks for the same flow in its own language.
var httapiURL = sync.OnceValue(func() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		if r.FormValue("exiting") != "" {
			_, _ = w.Write([]byte("OK"))
			return
		}
		var b strings.Builder
		b.WriteString(`<document type="xml/freeswitch-httapi"><work><execute application="answer"/>`)
		for range 5 {
			b.WriteString(`<playback file="silence_stream://20"/>`)
		}
		b.WriteString(`<hangup/></work></document>`)
		_, _ = w.Write([]byte(b.String()))
	}))
	httapiServer = server
	return server.URL
})

var httapiServer *httptest.Server

// BenchmarkFivePlays measures INVITE to BYE on an installed FreeSWITCH, with SIP calls of sipp: through this service,
// through the switch's own dialplan and through mod_httapi, in one run. It needs FSPIVOT_FREESWITCH and sipp.
//
//	FSPIVOT_FREESWITCH=/usr/bin/freeswitch go test -run '^$' -bench FivePlays -benchtime 1x ./scenarios
func BenchmarkFivePlays(b *testing.B) {
	if os.Getenv(freeswitchVariable) == "" {
		b.Skip("needs " + freeswitchVariable)
	}
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		b.Skip("needs sipp")
	}
	w := startFreeSWITCH(b)
	s := newStage(b, func(s *stage) world { w.onStage(s); return w })
	s.web.answer("/five", fivePlays)
	s.serve()
	for _, rate := range []int{5, 100} {
		for _, way := range []struct{ name, number string }{{"fspivot", "pivot"}, {"dialplan", "inline"}, {"httapi", "httapi"}} {
			b.Run(fmt.Sprintf("%s/%d_per_second", way.name, rate), func(b *testing.B) {
				for b.Loop() {
					took := dial(b, sipp, w.callsPort, way.number, s, rate)
					b.ReportMetric(took[len(took)/2], "p50_ms")
					b.ReportMetric(took[len(took)*95/100], "p95_ms")
					b.ReportMetric(took[len(took)-1], "max_ms")
					b.ReportMetric(0, "ns/op")
				}
			})
		}
	}
}

// dial makes calls at a rate for ten seconds and gives their times in ms, sorted.
func dial(b *testing.B, sipp string, port int, number string, s *stage, rate int) []float64 {
	b.Helper()
	dir := b.TempDir()
	scenario, err := filepath.Abs(filepath.Join("testdata", "five_plays.xml"))
	if err != nil {
		b.Fatal(err)
	}
	calls := 10 * rate
	command := exec.Command(sipp, fmt.Sprintf("127.0.0.1:%d", port), "-sf", scenario, "-s", number, "-i", "127.0.0.1", "-mi", "127.0.0.1",
		"-mp", "26000", "-key", "socket", strconv.Itoa(s.port), "-key", "voice", s.web.URL()+"/five", "-r", strconv.Itoa(rate),
		"-m", strconv.Itoa(calls), "-trace_rtt", "-rtt_freq", "1", "-nostdin", "-timeout", "60s")
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("sipp: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	files, err := filepath.Glob(filepath.Join(dir, "*rtt.csv"))
	if err != nil || len(files) == 0 {
		b.Fatalf("sipp wrote no times: %v", err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	reader := csv.NewReader(strings.NewReader(string(body)))
	reader.Comma, reader.FieldsPerRecord = ';', -1
	rows, err := reader.ReadAll()
	if err != nil {
		b.Fatal(err)
	}
	var took []float64
	for _, row := range rows[1:] {
		if ms, err := strconv.ParseFloat(row[1], 64); err == nil {
			took = append(took, ms)
		}
	}
	if len(took) != calls {
		b.Fatalf("%d of %d calls were timed", len(took), calls)
	}
	slices.Sort(took)
	return took
}
