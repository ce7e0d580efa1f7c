package scenarios

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// wav makes a tone as a file: 8 kHz, 16 bits, one channel.
func wav(t *testing.T, length time.Duration) []byte {
	t.Helper()
	samples := int(length * 8000 / time.Second)
	var b bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	b.WriteString("RIFF")
	write(uint32(36 + 2*samples))
	b.WriteString("WAVEfmt ")
	write(uint32(16))
	write([]uint16{1, 1})
	write([]uint32{8000, 16000})
	write([]uint16{2, 16})
	b.WriteString("data")
	write(uint32(2 * samples))
	for i := range samples {
		write(int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000)))
	}
	return b.Bytes()
}
