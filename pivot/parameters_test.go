package pivot

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/call"
)

var update = flag.Bool("update", false, "rewrite testdata")

func device() *call.State {
	return &call.State{
		ID: "5e2f0c6a-7b1d-4a53-9d8e-2f4f6a0c1b77", AccountID: "demo", Realm: "demo.example.com", Direction: "inbound",
		From: call.Address{User: "100", Host: "demo.example.com"}, To: call.Address{User: "2030", Host: "demo.example.com"},
		Request: call.Address{User: "2030", Host: "demo.example.com"}, Dialled: "2030", CallerName: "Ann", CallerNumber: "100", Language: "en-us",
		DeviceID: "d1", OwnerIDs: []string{"u1"},
	}
}

func changed(change func(*call.State)) *call.State {
	s := device()
	change(s)
	return s
}

// situations are what a request tells of: the golden files have each in both formats, as a query and as JSON.
var situations = map[string]facts{
	"first": {state: device(), status: statusRinging},
	"stranger": {state: changed(func(s *call.State) {
		s.DeviceID, s.OwnerIDs, s.CallerName, s.CallerNumber, s.From = "", nil, "", " ", call.Address{}
		s.SIPCallID, s.SIPSource, s.ForwardedFrom = "abc@host", "198.51.100.7", "+15005550001"
	}), status: statusRinging},
	"hot_desk":       {state: changed(func(s *call.State) { s.OwnerIDs = []string{"u1", "u2"} }), status: statusInProgress},
	"no_name":        {state: changed(func(s *call.State) { s.CallerName = "" }), status: statusInProgress},
	"star":           {state: changed(func(s *call.State) { s.Dialled, s.Request.User = "*98", "*98" }), status: statusInProgress},
	"quoted_name":    {state: changed(func(s *call.State) { s.CallerName = "O'Brien & Söhne" }), status: statusInProgress},
	"collections":    {state: changed(func(s *call.State) { s.StoreDigits("custom_name", "0123"); s.StoreDigits("", "5*#") }), status: statusInProgress},
	"empty_digits":   {state: changed(func(s *call.State) { s.StoreDigits("pin", "") }), status: statusInProgress},
	"gathered":       {state: changed(func(s *call.State) { s.StoreDigits("pin", "9") }), status: statusInProgress, results: map[string]string{"Digits": "*0#"}},
	"recorded":       {state: device(), status: statusInProgress, results: map[string]string{"RecordingUrl": "http://h/r", "RecordingSid": "r", "RecordingDuration": "4", "Digits": "#"}},
	"dialled":        {state: device(), status: statusInProgress, results: map[string]string{"DialCallStatus": "busy", "DialCallSid": "leg", "DialCallDuration": "7", "DialBridged": "false"}},
	"user_variables": {state: device(), status: statusInProgress, vars: map[string]string{"k": "v", "empty": "", "CallSid": "mine", "Call-ID": "mine", "Digits": "9", "a[b]&=": "x y"}},
	"custom": {state: changed(func(s *call.State) {
		s.SetAppVar("order", "42")
		s.SetAppVar("tree", map[string]any{"a": map[string]any{"b": true}, "list": []any{"x", "y"}})
		s.SIPHeaders = map[string]string{"X-Foo": "bar", "X-Bad": "\xff"}
	}), status: statusInProgress},
	"completed": {state: device(), status: statusCompleted, results: map[string]string{"Digits": "hangup", "RecordingDuration": "2"}},
}

func TestParametersGolden(t *testing.T) {
	for name, f := range situations {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, format := range []string{formatKazoo, formatTwiML} {
				p := parameters(format, f)
				body, err := p.EncodeJSON()
				if err != nil {
					t.Fatal(err)
				}
				b.WriteString("== " + format + ", form\n" + strings.ReplaceAll(p.EncodeForm(), "&", "\n&") + "\n== " + format + ", json\n" + string(body) + "\n")
			}
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Errorf("parameters (-want +got):\n%s", d)
			}
		})
	}
}

// Whatever a document sets, the call's own parameters and its results keep their values.
func TestPrecedence(t *testing.T) {
	for _, format := range []string{formatKazoo, formatTwiML} {
		real := parameters(format, facts{state: device(), status: statusInProgress, results: map[string]string{"DialCallStatus": "busy"}})
		shadow := map[string]string{}
		for name := range real {
			shadow[name] = "mine"
		}
		got := parameters(format, facts{state: device(), status: statusInProgress, results: map[string]string{"DialCallStatus": "busy"}, vars: shadow})
		if d := cmp.Diff(real, got); d != "" {
			t.Errorf("%s: user variables changed something (-without +with):\n%s", format, d)
		}
	}
}
