package dialplantest

import (
	"reflect"
	"time"

	"fspivot/dialplan"
)

// Kinds has one value of every kind of application, without content. A test of this package compares it with the source
// of package dialplan.
func Kinds() []dialplan.Application {
	return []dialplan.Application{
		dialplan.Answer{}, dialplan.Bridge{}, dialplan.Conference{}, dialplan.Deflect{}, dialplan.Export{},
		dialplan.Hangup{}, dialplan.Mark{}, dialplan.Multiset{}, dialplan.MuteWrite{}, dialplan.Park{},
		dialplan.PlayAndGetDigits{}, dialplan.Playback{}, dialplan.PreAnswer{}, dialplan.Read{}, dialplan.Record{},
		dialplan.RecordSession{}, dialplan.Redirect{}, dialplan.Respond{}, dialplan.RingReady{}, dialplan.Say{},
		dialplan.SchedHangup{}, dialplan.SendDTMF{}, dialplan.Set{}, dialplan.Sleep{}, dialplan.Speak{},
		dialplan.StopRecordSession{}, dialplan.Transfer{},
	}
}

// Applications gives one of every kind, in the order of Kinds, made of text as an interpreter makes them: by the
// constructors that take foreign text. Where they refuse it, the part is what a caller has who does not look.
func Applications(text string) []dialplan.Application { return filled(parsed{text}) }

// Literals gives one of every kind, in the order of Kinds, with text as it is in every field that can hold it: what no
// caller should write.
func Literals(text string) []dialplan.Application { return filled(raw{parsed{text}}) }

func filled(s source) []dialplan.Application {
	list := Kinds()
	for i, kind := range list {
		v := reflect.New(reflect.TypeOf(kind)).Elem()
		fill(v, s)
		list[i] = v.Interface().(dialplan.Application)
	}
	return list
}

// Short is how long everything lasts that has a length in Applications and Literals.
const Short = 20 * time.Millisecond

// legs is how many endpoints each Bridge has.
const legs = 5

// source makes the parts of applications. A nil part is filled field by field, or with text.
type source interface {
	part(kind reflect.Type) any
}

// fill sets a value and everything in it that is exported.
func fill(v reflect.Value, s source) {
	if part := s.part(v.Type()); part != nil {
		v.Set(reflect.ValueOf(part))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), s)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), s)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(4)
	default:
		panic("dialplantest: no rule for " + v.Type().String())
	}
}

// parsed makes parts by the constructors.
type parsed struct{ text string }

func (p parsed) part(kind reflect.Type) any {
	switch reflect.Zero(kind).Interface().(type) {
	case time.Duration:
		return Short
	case string: // a word that is checked where it is used
		return p.text
	case dialplan.File:
		return p.file()
	case dialplan.Text:
		return dialplan.Spoken(p.text)
	case dialplan.Value:
		return dialplan.Foreign(p.text)
	case dialplan.Name:
		name, _ := dialplan.ParseName(p.text)
		return name
	case dialplan.Digits:
		digits, _ := dialplan.ParseDigits(p.text)
		return digits
	case dialplan.Tones:
		tones, _ := dialplan.ParseTones(p.text)
		return tones
	case dialplan.Number:
		number, _ := dialplan.ParseNumber(p.text)
		return number
	case dialplan.Cause:
		cause, _ := dialplan.ParseCause(p.text)
		return cause
	case dialplan.Voice:
		voice, _ := dialplan.ParseVoice("flite", p.text)
		return voice
	case dialplan.SIPURI:
		return p.uri()
	case dialplan.Header:
		header, _ := dialplan.ParseHeader("X-"+p.text, p.text)
		if header.Name == "" {
			header, _ = dialplan.ParseHeader("X-Hostile", p.text)
		}
		return header
	case []dialplan.Endpoint:
		number, _ := dialplan.ParseNumber(p.text)
		return p.endpoints(number, p.uri())
	}
	return nil
}

// file is text as whatever kind of file takes it, or a short one.
func (p parsed) file() dialplan.File {
	for _, try := range []func() (dialplan.File, error){
		func() (dialplan.File, error) { return dialplan.LocalFile("/tmp/" + p.text + ".wav") },
		func() (dialplan.File, error) { return dialplan.LocalFile(p.text) },
		func() (dialplan.File, error) { return dialplan.LocalStream(p.text) },
		func() (dialplan.File, error) { return dialplan.Tone(p.text) },
	} {
		if f, err := try(); err == nil {
			return f
		}
	}
	return dialplan.Silence(Short)
}

// uri is text as an address, or as a part of one.
func (p parsed) uri() dialplan.SIPURI {
	for _, s := range []string{p.text, p.text + "@example.invalid", "ann@" + p.text, "ann@example.invalid;transport=" +
		p.text + "?X-Hostile=" + p.text} {
		if u, _, err := dialplan.ParseSIPURI(s); err == nil {
			return u
		}
	}
	return dialplan.SIPURI{}
}

func (p parsed) endpoints(number dialplan.Number, uri dialplan.SIPURI) []dialplan.Endpoint {
	carrier, _ := dialplan.ParseTemplate("sofia/gateway/carrier/{number}", "number")
	external, _ := dialplan.ParseTemplate("sofia/external/{uri}", "uri")
	device, _ := dialplan.ParseTemplate("user/{username}@{realm}", "username", "realm")
	foreign, _ := dialplan.ParseTemplate(p.text, "number", "uri", "username", "realm")
	list := []dialplan.Endpoint{carrier.Number(number), external.URI(uri), device.User(number, number),
		foreign.Number(number), {}}
	for i := range list {
		e := &list[i]
		e.UUID, e.Username, e.Password = p.text, p.text, dialplan.Foreign(p.text)
		e.Timeout, e.Delay, e.Limit = Short, Short, Short
		for _, name := range []string{"X-" + p.text, "X-Hostile", "Alert-Info"} {
			if h, err := dialplan.ParseHeader(name, p.text); err == nil {
				e.Headers = append(e.Headers, h)
			}
		}
	}
	return list[:legs]
}

// raw makes parts as literals where the type allows it.
type raw struct{ parsed }

func (r raw) part(kind reflect.Type) any {
	switch reflect.Zero(kind).Interface().(type) {
	case dialplan.Digits:
		return dialplan.Digits(r.text)
	case dialplan.Tones:
		return dialplan.Tones(r.text)
	case dialplan.Number:
		return dialplan.Number(r.text)
	case dialplan.Cause:
		return dialplan.Cause(r.text)
	case dialplan.Voice, dialplan.SIPURI, dialplan.Header:
		return nil
	case []dialplan.Endpoint:
		header := dialplan.Header{Name: r.text, Value: dialplan.Foreign(r.text)}
		uri := dialplan.SIPURI{Secure: true, User: r.text, Host: r.text, Port: r.text, Transport: r.text,
			Headers: []dialplan.Header{header}}
		list := r.endpoints(dialplan.Number(r.text), uri)
		for i := range list {
			list[i].Headers = append(list[i].Headers, header, dialplan.Header{Name: "X-Hostile", Value: header.Value})
		}
		return list
	}
	return r.parsed.part(kind)
}
