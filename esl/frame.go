package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
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
	trustedBytes   = 64 << 10 // of an announced body that are allocated before they came
	keptBytes      = 1 << 10  // of a header block's memory kept for the next one; an event's block has about 60
	largeBytes     = 10 << 10 // allocated for a block over keptBytes: the reply to connect, in one piece
)

// Faults of a frame. After one of them the stream has no known place to go on from: the session ends.
var (
	errHeaderTooLong = fmt.Errorf("frame: header block over %d bytes", maxHeaderBytes)
	errBodyTooLong   = fmt.Errorf("frame: body over %d bytes", maxBodyBytes)
	errBadLength     = errors.New("frame: bad Content-Length")
)

// headers is a block of "Name: value" lines as they came. Nothing is decoded before it is asked for: an event has about
// 150 lines of which a handful are ever read.
type headers []byte

// raw gives the undecoded value of the first line called name, and whether there is one. Lines that are not headers are
// passed over: a call is never refused over a header that cannot be read.
func (h headers) raw(name string) ([]byte, bool) {
	if name == "" {
		return nil, false
	}
	for at := 0; ; {
		i := bytes.Index(h[at:], []byte(name))
		if i < 0 {
			return nil, false
		}
		start := at + i
		at = start + len(name)
		if at < len(h) && h[at] == ':' && (start == 0 || h[start-1] == '\n') {
			value, _, _ := bytes.Cut(h[at+1:], []byte("\n"))
			return bytes.TrimSpace(value), true
		}
	}
}

// get gives the decoded value of the first line called name, "" when there is none.
func (h headers) get(name string) string {
	value, _ := h.raw(name)
	return decode(value)
}

// each calls f with every header in order, decoded.
func (h headers) each(f func(name, value string)) {
	for line := range bytes.Lines(h) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && len(name) > 0 {
			f(string(name), decode(bytes.TrimSpace(value)))
		}
	}
}

// frame reads what the block says of its frame: the content type and the length of the body, 0 when it has none. Two
// lengths that differ are a fault. Names are compared without regard to case: a length that is missed loses the stream.
func (h headers) frame() (kind string, length int, err error) {
	announced := false
	for line := range bytes.Lines(h) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == len("Content-Type") && bytes.EqualFold(name, []byte("Content-Type")):
			if kind == "" {
				kind = contentType(bytes.TrimSpace(value))
			}
		case len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
			value = bytes.TrimSpace(value)
			n, err := strconv.ParseUint(string(value), 10, 63)
			if err != nil || announced && n != uint64(length) {
				return kind, 0, fmt.Errorf("%w %q", errBadLength, clip(value))
			}
			if n > maxBodyBytes {
				return kind, 0, fmt.Errorf("%w: Content-Length %d", errBodyTooLong, n)
			}
			length, announced = int(n), true
		}
	}
	return kind, length, nil
}

// contentType gives the constant, without allocating, where there is one.
func contentType(value []byte) string {
	for _, known := range [...]string{contentEvent, contentReply, contentAPI, contentDisconnect, contentRude} {
		if string(value) == known {
			return known
		}
	}
	return string(value)
}

// decode undoes the switch's percent-encoding. A % that starts no escape stays, as in the switch's own decoder.
func decode(value []byte) string {
	i := bytes.IndexByte(value, '%')
	if i < 0 {
		return string(value)
	}
	var b strings.Builder
	b.Grow(len(value))
	for ; i >= 0; i = bytes.IndexByte(value, '%') {
		b.Write(value[:i])
		value = value[i:]
		if n, err := strconv.ParseUint(string(value[1:min(3, len(value))]), 16, 8); err == nil && len(value) >= 3 {
			b.WriteByte(byte(n))
			value = value[3:]
		} else {
			b.WriteByte('%')
			value = value[1:]
		}
	}
	b.Write(value)
	return b.String()
}

// frame is one message of the socket: a header block and the body that its Content-Length announces.
type frame struct {
	kind string  // the content type
	head headers // the reader's own: good until it reads the next frame
	body []byte  // the caller's to keep; nil when there is none
}

// A frameReader reads the frames of one connection. Of an event it allocates the body and nothing else.
type frameReader struct {
	in   *bufio.Reader
	head []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(r, readBuffer)}
}

// read gives the next frame. It answers io.EOF only between frames; inside one it is io.ErrUnexpectedEOF.
func (r *frameReader) read() (frame, error) {
	head, err := r.block()
	if err != nil {
		return frame{}, err
	}
	kind, length, err := head.frame()
	if err != nil {
		return frame{}, err
	}
	body, err := r.body(length)
	if err != nil {
		return frame{}, err
	}
	return frame{kind: kind, head: head, body: body}, nil
}

// block reads a header block and the blank line behind it; blank lines before it are passed over.
func (r *frameReader) block() (headers, error) {
	if cap(r.head) > keptBytes {
		r.head = nil
	}
	head, line := r.head[:0], 0 // line is where the last one starts
	for {
		part, err := r.in.ReadSlice('\n')
		if len(head)+len(part) > maxHeaderBytes {
			return nil, errHeaderTooLong
		}
		if len(head)+len(part) > max(cap(head), keptBytes) {
			head = slices.Grow(head, max(largeBytes, len(head)+len(part)))
		}
		head = append(head, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // a line longer than the buffer
		}
		blank := len(bytes.TrimRight(head[line:], "\r\n")) == 0
		if err != nil {
			if line > 0 || !blank {
				err = unexpected(err)
			}
			return nil, err
		}
		if blank {
			head = head[:line]
		}
		if blank && line > 0 {
			r.head = head
			return head, nil
		}
		line = len(head)
	}
}

// body reads a body. Its memory grows with what really arrives: an announced length alone allocates little.
func (r *frameReader) body(length int) ([]byte, error) {
	if length == 0 {
		return nil, nil
	}
	body := make([]byte, min(length, trustedBytes))
	for got := 0; ; {
		n, err := io.ReadFull(r.in, body[got:])
		if err != nil {
			return nil, unexpected(err)
		}
		if got += n; got == length {
			return body, nil
		}
		body = append(make([]byte, 0, min(length, 2*got)), body...)
		body = body[:cap(body)]
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// clip shortens what came for an error's text.
func clip(b []byte) string {
	const most = 40
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
