package dialplan

import (
	"fmt"
	"math"
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

// maxPath is how long a path may be, in bytes: the switch builds names in buffers of 1024.
const maxPath = 1000

// LocalFile is a file by its absolute path. Which paths are allowed is package media's business; here it is held to
// characters that mean nothing to the switch.
func LocalFile(name string) (File, error) {
	if !path.IsAbs(name) || path.Clean(name) != name || len(name) > maxPath {
		return File{}, fmt.Errorf("file %q is not an absolute, clean path of up to %d bytes", clip(name), maxPath)
	}
	for _, r := range name {
		if r == ' ' || unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+,()&=~%", r) {
			continue
		}
		return File{}, fmt.Errorf("file %q has %q, which the switch may read as something else: rename the file", name,
			r)
	}
	return File{name}, nil
}

// Silence is d of silence, in whole milliseconds, at least one: zero is an error to the switch and a negative number
// never ends.
func Silence(d time.Duration) File {
	return File{"silence_stream://" + strconv.FormatInt(milliseconds(d), 10)}
}

// length is how long a file plays at most, an hour where only the switch can tell.
func (f File) length() time.Duration {
	if ms, ok := strings.CutPrefix(f.name, "silence_stream://"); ok {
		if n, err := strconv.Atoi(ms); err == nil && n >= 0 {
			return time.Duration(n) * time.Millisecond
		}
	}
	return time.Hour
}

// EndlessSilence goes on until it is stopped.
func EndlessSilence() File { return File{"silence_stream://-1"} }

// LocalStream is a music stream by its name in the switch's configuration.
func LocalStream(name string) (File, error) {
	if name == "" || len(name) > 128 || !only(name, "_-./") || strings.Contains(name, "..") ||
		strings.HasPrefix(name, "/") {
		return File{}, fmt.Errorf("local_stream %q is not a stream's name", clip(name))
	}
	return File{"local_stream://" + name}, nil
}

// word is the file as one word among others: in quotes where it has a blank. No constructor lets a quote through. A
// zero File is nearly no silence, so that it leaves no hole.
func (f File) word() string {
	switch {
	case f.name == "":
		return Silence(0).name
	case strings.Contains(f.name, " "):
		return "'" + f.name + "'"
	}
	return f.name
}

// milliseconds is what the switch, which reads 32 bits, gets of a time: at least one.
func milliseconds(d time.Duration) int64 { return min(max(1, d.Milliseconds()), math.MaxInt32) }
