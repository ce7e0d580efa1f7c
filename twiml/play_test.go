package twiml

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

func TestPlay(t *testing.T) {
	t.Parallel()
	straight(t, script{missing: "404"}, map[string]apps{
		`<Play>f</Play><Play>f</Play><Play>f</Play><Hangup/>`: {dialplan.Answer{}, playback("f", allKeys), playback("f", allKeys), playback("f", allKeys), hangup},
		`<Play> http://h/a b </Play>`:                         {dialplan.Answer{}, playback("http://h/a b", allKeys), hangup},
		`<Play>404</Play><Play>f</Play>`:                      {dialplan.Answer{}, playback("f", allKeys), hangup},
		`<Play loop="0">404</Play>`:                           {dialplan.Answer{}, hangup},
		`<Play loop="2" terminators="none">f</Play>`:          {dialplan.Answer{}, playback("f", ""), playback("f", ""), hangup},
		`<Play loop="-1">f</Play>`:                            {dialplan.Answer{}, playback("f", allKeys), hangup},
		`<Play/>`:                                             {dialplan.Answer{}, hangup},
		`<Play digits="ww12">f</Play>`:                        {dialplan.Answer{}, dialplan.SendDTMF{Tones: "ww12"}, silence(2*time.Second, ""), hangup},
		`<Play digits="xyz">f</Play>`:                         {dialplan.Answer{}, hangup},
		`<Play digits="">f</Play>`:                            {dialplan.Answer{}, playback("f", allKeys), hangup},
		`<Play loop="1000" terminators="">404</Play>`:         {dialplan.Answer{}, hangup},
	})
}

func TestPlayProblems(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`<Play/>`:                             {"12200"},
		`<Play loop="-1">f</Play>`:            {"13410"},
		`<Play digits="1x2"/>`:                {"13430"},
		`<Gather><Play digits="1"/></Gather>`: {"13430"},
	} {
		if diff := cmp.Diff(want, codes(t, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

func TestPlayForEverGivesUp(t *testing.T) {
	t.Parallel()
	s := &script{results: map[string][]result{"playback": {{response: "FILE PLAYED"}, {response: "FILE NOT FOUND"}, {response: "FILE PLAYED"}, {response: "FILE NOT FOUND"}}}}
	if _, err := s.run(t, `<Play loop="0">f</Play>`); err != nil {
		t.Fatal(err)
	}
	f := playback("f", allKeys)
	s.expect(t, dialplan.Answer{}, f, f, f, f, f, hangup)
}

// Tones are sent in pieces that the switch takes, and each piece has its time.
func TestPlayManyDigits(t *testing.T) {
	t.Parallel()
	s := &script{}
	if _, err := s.run(t, `<Play digits="`+strings.Repeat("w", 100)+`"/>`); err != nil {
		t.Fatal(err)
	}
	s.expect(t, dialplan.Answer{},
		dialplan.SendDTMF{Tones: dialplan.Tones(strings.Repeat("w", 90))}, silence(45*time.Second, ""),
		dialplan.SendDTMF{Tones: "wwwwwwwwww"}, silence(5*time.Second, ""), hangup)
}

func TestLoopInTwilioEnds(t *testing.T) {
	t.Parallel()
	s := &script{settings: Settings{Dialect: Twilio}}
	if _, err := s.run(t, `<Play loop="0">f</Play>`); err != nil {
		t.Fatal(err)
	}
	if len(s.apps) != 1002 {
		t.Errorf("%d applications", len(s.apps))
	}
}

func TestPlayInDialects(t *testing.T) {
	t.Parallel()
	straight(t, script{settings: Settings{Dialect: Twilio}}, map[string]apps{
		`<Play>f</Play>`:                    {dialplan.Answer{}, playback("f", ""), hangup},
		`<Play terminators="12#">f</Play>`:  {dialplan.Answer{}, playback("f", "12#"), hangup},
		`<Play loop="3">f</Play>`:           {dialplan.Answer{}, playback("f", ""), playback("f", ""), playback("f", ""), hangup},
		`<Pause length="1"/><Play>f</Play>`: {dialplan.Sleep{For: time.Second}, dialplan.Answer{}, playback("f", ""), hangup},
	})
}

// A file that can't be had costs the Play alone, unless the reason is that the call or the service has ended.
func TestPlayWithoutFile(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	for name, tt := range map[string]struct {
		fault error
		ctx   func(context.Context) context.Context
		want  error
		apps  apps
	}{
		"not found":   {errors.New("404"), nil, nil, apps{dialplan.Answer{}, hangup}},
		"caller gone": {fmt.Errorf("fetching: %w", dialplan.ErrGone), nil, dialplan.ErrGone, apps{dialplan.Answer{}}},
		"call stopped": {context.Canceled, func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(stopped)
			return ctx
		}, stopped, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, verb := range []string{`<Play>f</Play>`, `<Gather><Play>f</Play></Gather>`} {
				doc, _, err := Parse([]byte(`<Response>`+verb+`<Play>g</Play></Response>`), "")
				if err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				if tt.ctx != nil {
					ctx = tt.ctx(ctx)
				}
				s := &script{fileError: tt.fault}
				o, err := s.document(ctx, doc)
				if !errors.Is(err, tt.want) || o.Request != nil {
					t.Errorf("%s: %+v, %v, want %v", verb, o, err, tt.want)
				}
				if diff := cmp.Diff(tt.apps, s.apps, whole); diff != "" {
					t.Errorf("%s (-want +got):\n%s", verb, diff)
				}
			}
		})
	}
}

// A loop that fails does not spin, in any dialect, however often it was to be repeated.
func TestPlayGivesUp(t *testing.T) {
	t.Parallel()
	for _, settings := range []Settings{{}, {Dialect: Twilio}} {
		for _, loop := range []string{"0", "900"} {
			s := &script{settings: settings, results: map[string][]result{"playback": {{response: "FILE NOT FOUND"}}}}
			if _, err := s.run(t, `<Play loop="`+loop+`">f</Play>`); err != nil {
				t.Fatal(err)
			}
			f := playback("f", "")
			if settings.Dialect == "" {
				f.Stop = allKeys
			}
			s.expect(t, dialplan.Answer{}, f, f, hangup)
		}
	}
}
