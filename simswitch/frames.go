package simswitch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxCommand is the largest command, body included, that is read. Source: mod_event_socket.c read_packet.
const maxCommand = 10 << 20

// command is what the service sends: a line, headers with lower-case names, a body.
type command struct {
	line    string
	headers map[string]string
	body    string
	raw     []byte
}

// readCommand reads up to a blank line and then as much body as content-length says. Blank lines before a command
// are skipped, and lines may end in \n or \r\n, as in read_packet of mod_event_socket.c.
func readCommand(r *bufio.Reader) (command, error) {
	c := command{headers: make(map[string]string)}
	length := 0
	for {
		text, err := r.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) && text != "" {
				err = io.ErrUnexpectedEOF
			}
			return c, err
		}
		if len(c.raw)+len(text) > maxCommand {
			return c, fmt.Errorf("command of more than %d bytes", maxCommand)
		}
		line := strings.TrimRight(text, "\r\n")
		if c.line == "" && line == "" {
			continue
		}
		c.raw = append(c.raw, text...)
		if line == "" {
			break
		}
		if c.line == "" {
			c.line = line
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, " ")
		c.headers[strings.ToLower(name)] = value
		if strings.EqualFold(name, "content-length") {
			length = number(value)
		}
	}
	if length > maxCommand {
		return c, fmt.Errorf("body of %d bytes, limit %d", length, maxCommand)
	}
	if length > 0 {
		body := make([]byte, length)
		if _, err := io.ReadFull(r, body); err != nil {
			return c, err
		}
		c.body = string(body)
		c.raw = append(c.raw, body...)
	}
	return c, nil
}

// reply is the frame that answers a command.
func reply(text string) []byte {
	return []byte("Content-Type: command/reply\nReply-Text: " + text + "\n\n")
}

func apiResponse(text string) []byte {
	return fmt.Appendf(nil, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(text), text)
}

const goodbye = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
