package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// The content types of the frames that the switch sends. Source: FreeSWITCH 1.10.12 mod_event_socket.
const (
	contentReply      = "command/reply"
	contentAPI        = "api/response"
	contentEvent      = "text/event-plain"
	contentDisconnect = "text/disconnect-notice"
	contentRude       = "text/rude-rejection"
)

// Limits of one frame. A connect reply has about 160 headers in 7 KB; with every variable a long one it stays far below.
const (
	maxHeaderBytes = 1 << 20
	maxBodyBytes   = 8 << 20
	maxLineBytes   = 256 << 10
)

// Faults of a frame. After one of them the stream has no known place to go on from: the session ends.
var (
	errHeaderTooLong = fmt.Errorf("frame: header block over %d bytes", maxHeaderBytes)
	errLineTooLong   = fmt.Errorf("frame: header line over %d bytes", maxLineBytes)
	errBadLength     = errors.New("frame: bad Content-Length")
)

// headers is a block of "Name: value" lines as they came. Nothing is decoded before it is asked for: an event has about
// 150 lines of which a handful are ever read.
type headers []byte

// raw gives the undecoded value of the first line called name, and whether there is one. Lines that are not headers are
// passed over: a call is never refused over a header that cannot be read.
func (h headers) raw(name string) ([]byte, bool) {
	rest := []byte(h)
	for len(rest) > 0 {
		i := bytes.Index(rest, []byte(name))
		if i < 0 {
			return nil, false
		}
		start := i + len(name)
		atLineStart := i == 0 || rest[i-1] == '\n'
		if atLineStart && start < len(rest) && rest[start] == ':' {
			value := rest[start+1:]
			if end := bytes.IndexByte(value, '\n'); end >= 0 {
				value = value[:end]
			}
			return bytes.TrimSpace(value), true
		}
		rest = rest[start:]
	}
	return nil, false
}

// get gives the decoded value of the first line called name, "" when there is none. The switch percent-encodes values;
// one with a bad escape is given as it came.
func (h headers) get(name string) string {
	value, ok := h.raw(name)
	if !ok {
		return ""
	}
	return decode(value)
}

// each calls f with every header in order, decoded.
func (h headers) each(f func(name, value string)) {
	for line := range bytes.Lines(h) {
		name, value, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		if ok {
			f(string(name), decode(bytes.TrimSpace(value)))
		}
	}
}

func decode(value []byte) string {
	s := string(value)
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

// frame is one message of the socket: a header block and the body that its Content-Length announces.
type frame struct {
	head headers
	body []byte
}

func (f frame) contentType() string {
	value, _ := f.head.raw("Content-Type")
	return string(value)
}

// readFrame reads the next frame. It answers io.EOF only between frames; inside one it is io.ErrUnexpectedEOF.
func readFrame(r *bufio.Reader) (frame, error) {
	var head []byte
	for {
		line, err := readLine(r)
		if err != nil {
			if errors.Is(err, io.EOF) && (len(head) > 0 || len(line) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return frame{}, err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			if len(head) == 0 {
				continue // blank lines between frames
			}
			break
		}
		if len(head)+len(line) > maxHeaderBytes {
			return frame{}, errHeaderTooLong
		}
		head = append(head, line...)
	}
	f := frame{head: head}
	value, ok := f.head.raw("Content-Length")
	if !ok {
		return f, nil
	}
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return frame{}, fmt.Errorf("%w %q", errBadLength, clip(value))
	}
	if n > maxBodyBytes {
		return frame{}, fmt.Errorf("frame: body of %d bytes, limit %d", n, maxBodyBytes)
	}
	f.body, err = readBody(r, n)
	return f, err
}

// readBody grows with what really arrives: an announced length alone allocates nothing.
func readBody(r *bufio.Reader, n int) ([]byte, error) {
	const trusted = 64 << 10
	if n <= trusted {
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, unexpected(err)
		}
		return body, nil
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

// readLine gives a line with its end. The slice is only good until the next read unless the line outgrew the buffer.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > maxLineBytes {
			return long, errLineTooLong
		}
		line, err = r.ReadSlice('\n')
		long = append(long, line...)
	}
	return long, err
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func clip(b []byte) string {
	const most = 40
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
