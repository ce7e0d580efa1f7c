package twiml

import (
	"maps"
	"slices"
	"strings"

	"fspivot/dialplan"
)

// ringTones are the ringback tones by country, in TGML, for ever: a ringback that ends would end the call with it.
// Source: twiml.md, appendix A; docs/reference/esl.md, Results.
var ringTones = func() map[string]dialplan.File {
	const slow, usual = "%(1000,4000,425)", "%(2000,4000,440,480)"
	specs := map[string]string{
		"au": "%(400,200,383,417);%(400,2000,383,417)",
		"be": "%(1000,3000,425)",
		"cn": "%(1000,4000,450)",
		"cz": slow, "de": slow, "dk": slow, "fi": slow, "pl": slow,
		"es": "%(1500,3000,425)",
		"fr": "%(1500,3500,440)",
		"hu": "%(1250,3750,425)",
		"il": "%(1000,3000,400)",
		"in": "%(400,200,425,375);%(400,2000,425,375)",
		"jp": "%(1000,2000,420,380)",
		"ru": "%(800,3200,425)",
		"uk": "%(400,200,400,450);%(400,2000,400,450)",
	}
	for code := range strings.FieldsSeq("at bg br ch cl ee gr it lt mx my nl no nz ph pt se sg th us us-old tw ve za") {
		specs[code] = usual
	}
	tones := make(map[string]dialplan.File, len(specs))
	for code, spec := range specs {
		tone, err := dialplan.Tone(spec + ";loops=-1")
		if err != nil {
			panic(err)
		}
		tones[code] = tone
	}
	return tones
}()

// ringTone gives the tone of a country; zero without one.
func (e *element) ringTone(name string) dialplan.File {
	value := strings.ToLower(e.attribute(name))
	tone, ok := ringTones[value]
	if value != "" && !ok {
		known := strings.Join(slices.Sorted(maps.Keys(ringTones)), " ")
		e.problem("13220", "%s=%q is none of %s", name, clip(value), known)
	}
	return tone
}
