package dialplan_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fspivot/dialplan"
)

func TestTone(t *testing.T) {
	t.Parallel()
	for spec, ringback := range map[string]string{
		"%(500,0,440)":                                    "%(500,0,440)",
		"%(2000,4000,440,480);loops=3":                    "%(2000,4000,440,480)",
		"%(400,200,400,450);%(400,2000,400,450);LOOPS=-1": "%(400,200,400,450);%(400,2000,400,450)",
		"%(274,0,913.8)%(274,0,1370.6)%(380,0,1776.7)":    "%(274,0,913.8)%(274,0,1370.6)%(380,0,1776.7)",
		"v=-7;>=2;+=.1;%(1400,0,350,440);L=2;12#*":        "v=-7;>=2;+=.1;%(1400,0,350,440);L=2;12#*",
		"d=100;w=50;1234567890ABCD":                       "d=100;w=50;1234567890ABCD",
		"l=5;%(100,0,440)":                                "l=5;%(100,0,440)",
		"%(300000,299000,440)":                            "%(300000,299000,440)",
	} {
		f, err := dialplan.Tone(spec)
		if err != nil || f.String() != "tone_stream://"+spec {
			t.Errorf("Tone(%q) is %q, %v", spec, f, err)
			continue
		}
		for _, v := range dialplan.Needs(dialplan.Bridge{Ringback: f}) {
			if v.Name.String() == "ringback" && v.Value.String() != ringback {
				t.Errorf("tone %q rings back as %q, want %q", spec, v.Value, ringback)
			}
		}
	}
	if f, err := dialplan.Tone("% (500, 0, 440) ; loops = 2"); err != nil ||
		f.String() != "tone_stream://%(500,0,440);loops=2" {
		t.Errorf("with blanks: %q, %v", f, err)
	}
	for _, spec := range []string{
		"", " ", "path=/etc/passwd", "PATH=/x;%(500,0,440)", "%(500,0,440);path=/x", "%(500,0,440)!/etc/passwd",
		"%(500,0)", "%(500)", "%()", "%(a,0,440)", "(500,0,440)", "5(500,0,440)", "%(500,0,440", "%(500,0,-440)",
		"%(500,0,440);loops=", "loops=3", ";loops=3", "v=-7", "r=96000;1", "c=9;1", "x=1;1", "l=-1;%(100,0,440)",
		"l=0;1", "L=101;1", "l=100;L=100;1", "%(300000,300001,440)", "%(60000,0,440);L=11", "%(999999,0,440)",
		"%(9999999,0,440)",
		"d=60001;1", "d=-1;1", "d=60000;w=60000;123456", strings.Repeat("l=100;", 100) + "1",
		strings.Repeat("%(1,1,1)", 200), "${x}", "%(500,0,440)${x}",
		"hello", "%(500,0,440);hello", "%(500,0,440)\n", "<=2;1",
	} {
		if f, err := dialplan.Tone(spec); err == nil || !f.IsZero() {
			t.Errorf("Tone(%q) is %q, %v", spec, f, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if f, err := dialplan.Tone(foreign.Draw(t, "spec")); err == nil && !file.MatchString(f.String()) {
			t.Fatalf("tone %q", f)
		}
	})
}
