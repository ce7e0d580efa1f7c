package dialplan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Answer answers the channel. The channel leaves it out when it was answered already. Source: mod_dptools "answer".
type Answer struct{}

// Name implements Application.
func (Answer) Name() string       { return "answer" }
func (Answer) argument() argument { return "" }

// PreAnswer opens early media (183). Source: mod_dptools "pre_answer".
type PreAnswer struct{}

// Name implements Application.
func (PreAnswer) Name() string       { return "pre_answer" }
func (PreAnswer) argument() argument { return "" }

// RingReady sends 180. Source: mod_dptools "ring_ready".
type RingReady struct{}

// Name implements Application.
func (RingReady) Name() string       { return "ring_ready" }
func (RingReady) argument() argument { return "" }

// Playback plays a file; on an unanswered channel as early media. Completion.Played tells how it ended.
//
//	playback <file>
//
// Source: mod_dptools "playback"; testdata/captures/answer_play.jsonl.
type Playback struct {
	File File
	Stop Digits // keys that stop it; none: no key does
}

// Name implements Application.
func (Playback) Name() string         { return "playback" }
func (p Playback) argument() argument { return argument(p.File.name) }
func (p Playback) void() bool         { return p.File.IsZero() }
func (p Playback) needs() []Variable {
	return []Variable{variable("playback_terminators", p.Stop.terminators())}
}

// Speak says a text with one of the switch's speech engines. The switch hangs up over an engine whose module is not
// loaded: ask Channel.HasModule first. Without a text it is not sent. Its completion never tells which key stopped it.
//
//	speak <engine>|<voice>|<text>
//
// Source: mod_dptools "speak"; testdata/captures/speak.jsonl.
type Speak struct {
	Voice Voice
	Text  Text
	Stop  Digits
}

// A Voice is a speech engine and one of its voices: words of letters, digits, "_", "-", ".".
type Voice struct{ Engine, Name string }

// ParseVoice takes a voice from configuration.
func ParseVoice(engine, name string) (Voice, error) {
	for what, s := range map[string]string{"engine": engine, "voice": name} {
		if s == "" || len(s) > 128 || !only(s, "_-.") {
			return Voice{}, fmt.Errorf("speech %s %q: letters, digits, _, - and . may be used", what, clip(s))
		}
	}
	return Voice{engine, name}, nil
}

// Name implements Application.
func (Speak) Name() string { return "speak" }

func (s Speak) argument() argument {
	v, err := ParseVoice(s.Voice.Engine, s.Voice.Name)
	if err != nil {
		v = Voice{invalid, invalid}
	}
	return argument(v.Engine + "|" + v.Name + "|" + s.Text.s)
}

func (s Speak) void() bool { return s.Text.Empty() }

func (s Speak) needs() []Variable {
	return []Variable{variable("playback_terminators", s.Stop.terminators())}
}

// Say speaks a number, a date and the like with recorded phrases.
//
//	say <language> <type> <method> <text>
//
// Source: mod_dptools "say"; callflow-modules-s-z.md 0.3.
type Say struct {
	Language string // primary tag, such as "en"
	Type     string // "number", "name_spelled", …
	Method   string // "pronounced", "iterated", …
	Text     Text
	Stop     Digits
}

// Name implements Application.
func (Say) Name() string { return "say" }

func (s Say) argument() argument {
	words := []string{s.Language, s.Type, s.Method}
	for i, w := range words {
		if w == "" || !only(w, "_-") {
			words[i] = invalid
		}
	}
	return argument(strings.Join(words, " ") + " '" + strings.ReplaceAll(s.Text.s, "'", " ") + "'")
}

func (s Say) void() bool { return s.Text.Empty() }

func (s Say) needs() []Variable {
	return []Variable{variable("playback_terminators", s.Stop.terminators())}
}

// Sleep waits on the channel without media, for at least 1 ms; keys do not end it. Source: mod_dptools "sleep".
type Sleep struct{ For time.Duration }

// Name implements Application.
func (Sleep) Name() string { return "sleep" }
func (s Sleep) argument() argument {
	return argument(strconv.FormatInt(milliseconds(s.For), 10))
}

// A key would end it, and stay to end the next one as well.
func (Sleep) needs() []Variable { return []Variable{variable("sleep_eat_digits", "true")} }

// Record writes what the caller says to File, until Limit, Silence or a key of Stop ends it.
//
//	record <file> 30 200 5
//
// Limit and Silence are sent in whole seconds, at least one, rounded up; the switch may overrun Limit by 2 s. Threshold
// is its energy level, about 200; 0: silence never ends it. record only pre-answers, so queue Answer first. A file that
// cannot be opened ends the call. A caller who sends no audio gives a length of 0. Source: mod_dptools "record";
// twiml.md 4.5; testdata/captures/record_audio.jsonl.
type Record struct {
	File           File
	Limit, Silence time.Duration
	Threshold      int
	Stop           Digits
}

func (Record) parting() {}

// Name implements Application.
func (Record) Name() string { return "record" }

func (r Record) argument() argument {
	arg := r.File.word() + " " + strconv.Itoa(wholeSeconds(r.Limit))
	if r.Threshold > 0 && r.Silence > 0 {
		arg += fmt.Sprintf(" %d %d", r.Threshold, wholeSeconds(r.Silence))
	}
	return argument(arg)
}

func (r Record) void() bool { return r.File.IsZero() }

func (r Record) needs() []Variable {
	return []Variable{variable("playback_terminators", r.Stop.terminators())}
}

func (Record) clears() []string {
	return []string{"record_seconds", "record_ms", "record_samples", "playback_terminator_used",
		"silence_hits_exhausted"}
}

// Recorded is what became of a Record.
type Recorded struct {
	Length     time.Duration
	Terminator string // the key that ended it, "" for none
}

// Recorded reads the result of a Record.
func (c Completion) Recorded() Recorded {
	return Recorded{
		Length:     time.Duration(c.number("record_ms")) * time.Millisecond,
		Terminator: c.Variable("playback_terminator_used"),
	}
}

// RecordSession records the channel, both sides, beside everything else that runs.
//
//	record_session <file>
//
// Source: mod_dptools "record_session"; twiml.md 5.2; testdata/captures/record_session.jsonl.
type RecordSession struct {
	File       File
	Stereo     bool          // the caller left, the other side right
	OnlyBridge bool          // from the bridge on, not before
	Limit      time.Duration // whole seconds; 0: none
}

// Name implements Application.
func (RecordSession) Name() string { return "record_session" }

func (r RecordSession) argument() argument {
	if r.Limit > 0 {
		return argument(r.File.word() + " +" + strconv.Itoa(wholeSeconds(r.Limit)))
	}
	return argument(r.File.word())
}

func (r RecordSession) void() bool { return r.File.IsZero() }

func (r RecordSession) needs() []Variable {
	return []Variable{
		variable("RECORD_STEREO", strconv.FormatBool(r.Stereo)),
		variable("RECORD_BRIDGE_REQ", strconv.FormatBool(r.OnlyBridge)),
	}
}

// StopRecordSession ends a RecordSession of the same file. Source: mod_dptools "stop_record_session", which crashes the
// switch without an argument.
type StopRecordSession struct{ File File }

// Name implements Application.
func (StopRecordSession) Name() string         { return "stop_record_session" }
func (s StopRecordSession) argument() argument { return argument(s.File.name) }
func (s StopRecordSession) void() bool         { return s.File.IsZero() }

// SendDTMF sends tones to the channel's far side. It does not wait for them: Tones.Duration tells how long they take.
//
//	send_dtmf <tones>@<ms>
//
// At most 90 tones are sent at once; Split divides longer ones. Source: mod_dptools "send_dtmf".
type SendDTMF struct {
	Tones  Tones
	Length time.Duration // of each tone, at most 10 s; 0: the switch's default of 250 ms
}

const maxTones = 90

// Name implements Application.
func (SendDTMF) Name() string { return "send_dtmf" }

func (s SendDTMF) argument() argument {
	tones, _ := ParseTones(string(s.Tones))
	tones = tones[:min(len(tones), maxTones)]
	if s.Length > 0 {
		return argument(fmt.Sprintf("%s@%d", tones, milliseconds(min(s.Length, 10*time.Second))))
	}
	return argument(tones)
}

func (s SendDTMF) void() bool {
	tones, _ := ParseTones(string(s.Tones))
	return tones == ""
}

// Split gives applications that send all of s's tones.
func (s SendDTMF) Split() []Application {
	var list []Application
	for rest := s.Tones; len(rest) > 0; rest = rest[min(len(rest), maxTones):] {
		list = append(list, SendDTMF{Tones: rest[:min(len(rest), maxTones)], Length: s.Length})
	}
	return list
}

// MuteWrite silences what the caller hears, or lets it through again. Source: mod_dptools "set_mute".
type MuteWrite struct{ On bool }

// Name implements Application.
func (MuteWrite) Name() string         { return "set_mute" }
func (m MuteWrite) argument() argument { return argument("write " + strconv.FormatBool(m.On)) }

// PlayAndGetDigits is the switch's own prompt with collection, for one file. Channel.Collect does more.
//
//	play_and_get_digits <min> <max> <tries> <first> <terminators> <file> <invalid file> <variable> <regexp> <between>
//
// Times are milliseconds; the switch waits at least 1 s for the first key. A zero File is no prompt. Completion.Digits
// reads its result under the same Name. Source: mod_dptools "play_and_get_digits"; callflow-modules-a-d.md 0.3;
// testdata/captures/pagd.jsonl.
type PlayAndGetDigits struct {
	Max            int // 1–127
	First, Between time.Duration
	Stop           Digits // terminators
	File           File
	Variable       Name
}

// Name implements Application.
func (PlayAndGetDigits) Name() string { return "play_and_get_digits" }

func (p PlayAndGetDigits) argument() argument {
	return argument(fmt.Sprintf("0 %d 1 %d %s %s silence_stream://1 %s .* %d", min(max(p.Max, 1), 127),
		milliseconds(p.First), stopWord(p.Stop), p.File.word(), p.Variable.word(), milliseconds(p.Between)))
}

func (p PlayAndGetDigits) clears() []string {
	return []string{p.Variable.word(), "read_terminator_used"}
}

// Read is the switch's simpler collection: at least one digit.
//
//	read <min> <max> <file> <variable> <timeout ms> <terminators>
//
// Source: mod_dptools "read".
type Read struct {
	Max      int
	Timeout  time.Duration
	Stop     Digits
	File     File
	Variable Name
}

// Name implements Application.
func (Read) Name() string { return "read" }

func (r Read) argument() argument {
	return argument(fmt.Sprintf("1 %d %s %s %d %s", min(max(r.Max, 1), 127), r.File.word(), r.Variable.word(),
		milliseconds(r.Timeout), stopWord(r.Stop)))
}

func (r Read) clears() []string { return []string{r.Variable.word(), "read_terminator_used"} }

// stopWord is a terminators argument: one word in any case.
func stopWord(d Digits) string {
	if d = d.keys(); d == "" {
		return "none"
	}
	return string(d)
}

// Digits reads what PlayAndGetDigits or Read put under name, and the terminator that ended it.
func (c Completion) Digits(name Name) (digits Digits, terminator string) {
	digits, err := ParseDigits(c.Variable(name.word()))
	if err != nil {
		return "", ""
	}
	if c.Variable("read_result") == "timeout" {
		return digits, ""
	}
	return digits, c.Variable("read_terminator_used")
}

// wholeSeconds rounds up: a limit is never shorter than asked for.
func wholeSeconds(d time.Duration) int {
	seconds := d / time.Second
	if d%time.Second > 0 {
		seconds++
	}
	return int(min(max(1, seconds), math.MaxInt32))
}
