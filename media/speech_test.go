package media

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fspivot/dialplan"
)

// Source: twiml.md 4.1, 4.1.1; scenarios.md P10, P16.
func TestSpeech(t *testing.T) {
	t.Parallel()
	type want struct {
		Voice   dialplan.Voice
		Records []string
	}
	for name, c := range map[string]struct {
		deflt         dialplan.Voice
		voice, engine string
		want          want
	}{
		"default": {want: want{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}}},
		"man":     {voice: "man", want: want{Voice: dialplan.Voice{Engine: "flite", Name: "rms"}}},
		"MALE":    {voice: "MALE", want: want{Voice: dialplan.Voice{Engine: "flite", Name: "rms"}}},
		"woman":   {voice: "woman", want: want{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}}},
		"alice":   {voice: "alice", want: want{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}}},
		"man of other engine": {deflt: dialplan.Voice{Engine: "cepstral", Name: "david"}, voice: "man",
			want: want{dialplan.Voice{Engine: "cepstral", Name: "david"},
				[]string{`warning 13511: voice "man" is not configured: david speaks`}}},
		"configured": {voice: "Polly.Joanna",
			want: want{Voice: dialplan.Voice{Engine: "flite", Name: "kal"}}},
		"configured, lower":    {voice: "DE", want: want{Voice: dialplan.Voice{Engine: "cepstral", Name: "matthias"}}},
		"configured over ours": {voice: "female", want: want{Voice: dialplan.Voice{Engine: "flite", Name: "awb"}}},
		"of the default engine": {deflt: dialplan.Voice{Engine: "cepstral", Name: "david"}, voice: "Polly.Joanna",
			want: want{Voice: dialplan.Voice{Engine: "cepstral", Name: "kal"}}},
		"unknown": {voice: "Polly.Lotte-Neural", want: want{dialplan.Voice{Engine: "flite", Name: "slt"},
			[]string{`warning 13511: voice "Polly.Lotte-Neural" is not configured: slt speaks`}}},
		"hostile": {voice: "a|b ${x}", want: want{dialplan.Voice{Engine: "flite", Name: "slt"},
			[]string{`warning 13511: voice "a|b ${x}" is not configured: slt speaks`}}},
		"engine": {engine: "Flite", want: want{Voice: dialplan.Voice{Engine: "flite", Name: "slt"}}},
		"unknown engine": {engine: "iSpeech", want: want{dialplan.Voice{Engine: "flite", Name: "slt"},
			[]string{`warning 12200: speech engine "iSpeech" is not configured: flite speaks`}}},
		"both unknown": {voice: "x", engine: "y", want: want{dialplan.Voice{Engine: "flite", Name: "slt"},
			[]string{`warning 13511: voice "x" is not configured: slt speaks`,
				`warning 12200: speech engine "y" is not configured: flite speaks`}}},
		"engine of a configured voice": {voice: "de", engine: "cepstral",
			want: want{Voice: dialplan.Voice{Engine: "cepstral", Name: "matthias"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := newCall(newLibrary(t, func(config *Config) {
				if c.deflt.Engine != "" {
					config.Voice = c.deflt
				}
				config.Voices = map[string]string{"Polly.Joanna": "kal", "de": "cepstral/matthias", "female": "awb"}
			}))
			stop, err := dialplan.ParseDigits("12")
			if err != nil {
				t.Fatal(err)
			}
			got, err := call.Speech(t.Context(), dialplan.Spoken("Grüß Gott"), c.voice, "pt-BR", c.engine, stop)
			if err != nil {
				t.Fatal(err)
			}
			speak := dialplan.Speak{Voice: c.want.Voice, Text: dialplan.Spoken("Grüß Gott"), Stop: stop}
			if diff := cmp.Diff(dialplan.Application(speak), got, cmp.AllowUnexported(dialplan.Text{})); diff != "" {
				t.Errorf("application (-want +got):\n%s", diff)
			}
			same(t, "records", c.want.Records, records(call))
		})
	}
}

// speak would hang the caller up over nothing to say.
func TestSpeechOfNothing(t *testing.T) {
	t.Parallel()
	call := newCall(newLibrary(t, nil))
	for _, text := range []string{"", "  \n", "{}", "\\"} {
		if got, err := call.Speech(t.Context(), dialplan.Spoken(text), "", "", "", ""); !errors.Is(err, ErrNothing) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// A switch without the engine's module would hang up: nothing is said, until it is loaded. What is there is asked for once.
func TestSpeechWithoutEngine(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, nil)
	var asked []string
	loaded := false
	speak := func(err error) error {
		call := newCall(l)
		call.Channel = lacking{caller{}, &asked, &loaded, err}
		app, err := call.Speech(t.Context(), dialplan.Spoken("Hello"), "", "", "", "")
		if (app == nil) != (err != nil) {
			t.Errorf("application %v beside error %v", app, err)
		}
		return err
	}
	if err := speak(nil); !errors.Is(err, ErrNoEngine) {
		t.Errorf("without the module: %v", err)
	}
	if err := speak(dialplan.ErrGone); !errors.Is(err, dialplan.ErrGone) {
		t.Errorf("of a call that is gone: %v", err)
	}
	loaded = true
	for range 3 {
		if err := speak(nil); err != nil {
			t.Errorf("once it was loaded: %v", err)
		}
	}
	if diff := cmp.Diff([]string{"mod_flite", "mod_flite", "mod_flite"}, asked); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}
