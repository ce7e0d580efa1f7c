package simswitch

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"time"
)

const sampleRate = 8000 // of all recordings: 16-bit mono

// wavDuration reads a WAV file's length from its headers; false: no such file, or not one of those.
func wavDuration(path string) (time.Duration, bool) {
	if !strings.HasPrefix(path, "/") {
		return 0, false // FreeSWITCH looks in its own sounds directory, which is not there
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var head [12]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return 0, false
	}
	var rate uint32
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(f, chunk[:]); err != nil {
			return 0, false
		}
		size := binary.LittleEndian.Uint32(chunk[4:])
		switch string(chunk[:4]) {
		case "fmt ":
			var format [16]byte
			if _, err := io.ReadFull(f, format[:]); err != nil || size < 16 {
				return 0, false
			}
			rate = binary.LittleEndian.Uint32(format[8:]) // bytes a second
			size -= 16
		case "data":
			if rate == 0 {
				return 0, false
			}
			return time.Duration(size) * time.Second / time.Duration(rate), true
		}
		if _, err := f.Seek(int64(size+size&1), io.SeekCurrent); err != nil {
			return 0, false
		}
	}
}

// writeWAV writes samples as a WAV file, after what the file holds already if add is set.
func writeWAV(path string, samples []int16, add bool) error {
	if add {
		if old, err := os.ReadFile(path); err == nil && len(old) > 44 {
			before := make([]int16, (len(old)-44)/2)
			for i := range before {
				before[i] = int16(binary.LittleEndian.Uint16(old[44+2*i:]))
			}
			samples = append(before, samples...)
		}
	}
	b := make([]byte, 0, 44+2*len(samples))
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+2*len(samples)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	b = binary.LittleEndian.AppendUint32(b, 2*sampleRate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(samples)))
	for _, x := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(x))
	}
	return os.WriteFile(path, b, 0o644)
}

// creatable makes the file of a recording before it begins, as the switch does.
func creatable(path string) error {
	if path == "" {
		return errors.New("no file name")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}
