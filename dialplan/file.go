package dialplan

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// File is something that the switch can play or write, made by the constructors below and by nothing else: a file name
// can begin with any format the switch has registered, and one of those runs programs.
type File struct{ name string }

func (f File) String() string { return f.name }

// IsZero tells that there is no file.
func (f File) IsZero() bool { return f.name == "" }

// LocalFile is a file by its absolute path. Which paths are allowed is package media's business; here it is held to
// characters that mean nothing to the switch.
func LocalFile(name string) (File, error) {
	if !path.IsAbs(name) || path.Clean(name) != name {
		return File{}, fmt.Errorf("file %q is not an absolute, clean path", name)
	}
	for _, r := range name {
		if r == ' ' || unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+,()&=~%", r) {
			continue
		}
		return File{}, fmt.Errorf("file %q has %q, which the switch may read as something else: rename the file", name, r)
	}
	return File{name}, nil
}

// Silence is d of silence, in whole milliseconds, at least one: zero is an error to the switch and a negative number
// never ends.
func Silence(d time.Duration) File {
	return File{"silence_stream://" + strconv.FormatInt(max(1, d.Milliseconds()), 10)}
}

// EndlessSilence goes on until it is stopped.
func EndlessSilence() File { return File{"silence_stream://-1"} }

// Tone is a tone_stream in TGML, such as "%(500,0,440)" or "%(2000,4000,440,480);loops=3". Its "path=", which reads a
// file, is refused. Source: FreeSWITCH libteletone.
func Tone(spec string) (File, error) {
	if spec == "" || len(spec) > 1024 || !only(spec, "%(),.;=+*:>#-_ ") || strings.Contains(strings.ToLower(spec), "path") {
		return File{}, fmt.Errorf("tone_stream %q is not a tone specification", spec)
	}
	return File{"tone_stream://" + spec}, nil
}

// Beep is what callers hear before a recording: 440 Hz for half a second. Source: twiml.md 4.5.
func Beep() File { return File{"tone_stream://%(500,0,440)"} }

// LocalStream is a music stream by its name in the switch's configuration.
func LocalStream(name string) (File, error) {
	if name == "" || len(name) > 128 || !only(name, "_-./") || strings.Contains(name, "..") || strings.HasPrefix(name, "/") {
		return File{}, fmt.Errorf("local_stream %q is not a stream's name", name)
	}
	return File{"local_stream://" + name}, nil
}

// word is the file as one word among others: in quotes where it has a blank. No constructor lets a quote through.
func (f File) word() string {
	if strings.Contains(f.name, " ") {
		return "'" + f.name + "'"
	}
	return f.name
}
