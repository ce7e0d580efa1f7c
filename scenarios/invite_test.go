package scenarios

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// What strangers write into their INVITE, a name, a user, a header, is text to an installed FreeSWITCH as well: the
// service tells the web application of it, uses it as the caller ID of a dialled leg, and nothing runs.
func TestHostileINVITE(t *testing.T) {
	if os.Getenv(freeswitchVariable) == "" {
		t.Skip("needs " + freeswitchVariable)
	}
	for i, form := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := startFreeSWITCH(t)
			s := newStage(t, func(s *stage) world { w.onStage(s); return w })
			s.web.answer("/start", `<Response><Dial action="after" timeLimit="1">15550009001</Dial></Response>`)
			s.web.answer("/after", `<Response><Say>End.</Say></Response>`)
			s.serve()
			canary := filepath.Join(s.dir, "canary")
			text := strings.Map(oneLine, fmt.Sprintf(form, canary))
			invite(t, w.callsPort, text, map[string]string{"X-Socket": fmt.Sprint(s.port), "X-Pivot": s.web.URL() + "/start", "X-Format": "twiml", "X-Case": text})
			if _, err := os.Stat(canary); err == nil {
				t.Error("a command ran on the switch")
			}
			diff(t, "spoken", []string{"End."}, s.spoken())
			asked := s.web.until(t, "/start")
			// The switch itself makes %{ of ${ in a name, and keeps no header that has one: what is left must have come.
			if got := asked.params.Get("CallerName"); !strings.Contains(got, canary) {
				t.Errorf("CallerName is %q, sent %q", got, text)
			}
			if got := asked.params.Get("SipHeader_X-Case"); got != strings.TrimSpace(text) && !expands(text) {
				t.Errorf("SipHeader_X-Case is %q, sent %q", got, text)
			}
		})
	}
}

// expands tells whether a text has what the switch would expand.
func expands(text string) bool { return strings.Contains(text, "${") || strings.Contains(text, `$\{`) }

// invite is a whole SIP call: it goes on until the other side ends it.
func invite(t *testing.T, port int, name string, headers map[string]string) {
	t.Helper()
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	local := conn.LocalAddr().String()
	id := uuid.NewString()
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
	// head is what the INVITE and its ACK have in common.
	head := func(method, to string) string {
		return fmt.Sprintf("%s sip:pivot@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%s\r\nFrom: \"%s\" <sip:15551230000@127.0.0.1>;tag=%s\r\n"+
			"To: %s\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:15551230000@%s>\r\nMax-Forwards: 70\r\n", method, port, local, id, method, quoted, id, to, id, method, local)
	}
	target := fmt.Sprintf("<sip:pivot@127.0.0.1:%d>", port)
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 39999 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
	var more strings.Builder
	for name, value := range headers {
		fmt.Fprintf(&more, "%s: %s\r\n", name, value)
	}
	send := func(message string) {
		if _, err := conn.Write([]byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	send(head("INVITE", target) + more.String() + fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdp), sdp))
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 65536)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatalf("the call did not end: %v", err)
		}
		message := string(buffer[:n])
		switch first, _, _ := strings.Cut(message, "\r\n"); {
		case strings.HasPrefix(first, "SIP/2.0 1"):
		case strings.HasPrefix(first, "SIP/2.0 2"):
			if strings.Contains(message, "INVITE") {
				send(head("ACK", header(message, "To")) + "Content-Length: 0\r\n\r\n")
			}
		case strings.HasPrefix(first, "SIP/2.0"):
			send(head("ACK", header(message, "To")) + "Content-Length: 0\r\n\r\n")
			t.Fatalf("refused: %s", first)
		default:
			reply := "SIP/2.0 200 OK\r\n"
			for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
				reply += name + ": " + header(message, name) + "\r\n"
			}
			send(reply + "Content-Length: 0\r\n\r\n")
			if strings.HasPrefix(first, "BYE ") {
				return
			}
		}
	}
}

// header gives a header of a SIP message.
func header(message, name string) string {
	for line := range strings.SplitSeq(message, "\r\n") {
		if rest, ok := strings.CutPrefix(line, name+": "); ok {
			return rest
		}
	}
	return ""
}
