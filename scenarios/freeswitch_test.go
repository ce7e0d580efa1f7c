package scenarios

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"fspivot/config"
)

// freeswitchVariable names the binary of an installed FreeSWITCH.
const freeswitchVariable = "FSPIVOT_FREESWITCH"

// freeswitch is an installed FreeSWITCH as a world. One process serves all scenarios.
type freeswitch struct {
	dir     string
	process *exec.Cmd
	exited  chan struct{}

	callsPort, phonesPort, farPort int

	command *eventSocket // one command at a time
	mutex   sync.Mutex

	phonesMutex sync.Mutex
	phones      map[string]*realPhone
}

var (
	theSwitch      *freeswitch
	theSwitchError error
	theSwitchOnce  sync.Once
)

// startFreeSWITCH starts the switch once for the whole run; stopFreeSWITCH ends it.
func startFreeSWITCH(t testing.TB) *freeswitch {
	t.Helper()
	theSwitchOnce.Do(func() { theSwitch, theSwitchError = launch(os.Getenv(freeswitchVariable)) })
	if theSwitchError != nil {
		t.Fatal(theSwitchError)
	}
	return theSwitch
}

func stopFreeSWITCH() {
	if httapiServer != nil {
		httapiServer.Close()
	}
	if theSwitch != nil {
		theSwitch.stop()
	}
}

const password = "scenarios"

func launch(binary string) (*freeswitch, error) {
	dir, err := os.MkdirTemp("", "fspivot-freeswitch-")
	if err != nil {
		return nil, err
	}
	w := &freeswitch{dir: dir, exited: make(chan struct{}), phones: map[string]*realPhone{}}
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	events := ports[0]
	w.callsPort, w.phonesPort, w.farPort = ports[1], ports[2], ports[3]
	if err := w.configure(events); err != nil {
		return nil, err
	}
	w.process = exec.Command(binary, "-nf", "-nc", "-nonat", "-conf", filepath.Join(dir, "conf"), "-log", filepath.Join(dir, "log"),
		"-db", filepath.Join(dir, "db"), "-run", filepath.Join(dir, "run"))
	if err := w.process.Start(); err != nil {
		return nil, fmt.Errorf("%s=%s: %w", freeswitchVariable, binary, err)
	}
	go func() { _ = w.process.Wait(); close(w.exited) }()
	if err := w.connect(events); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

// freePorts finds ports that are free for TCP and UDP alike.
func freePorts(n int) ([]int, error) {
	var list []int
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		udp, err := net.ListenPacket("udp", l.Addr().String())
		_ = l.Close()
		if err != nil {
			continue
		}
		_ = udp.Close()
		if list = append(list, port); len(list) == n {
			return list, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports", n)
}

// configure writes the scratch configuration: ours, with the dialplan extension that is shipped.
func (w *freeswitch) configure(events int) error {
	body, err := os.ReadFile(filepath.Join("testdata", "freeswitch.xml"))
	if err != nil {
		return err
	}
	shipped, err := os.ReadFile(filepath.Join("..", "configs", "freeswitch", "fspivot.xml"))
	if err != nil {
		return err
	}
	const address = "127.0.0.1:8084"
	if strings.Count(string(shipped), address) != 1 {
		return fmt.Errorf("configs/freeswitch/fspivot.xml does not name %s once", address)
	}
	dialplan := strings.ReplaceAll(string(shipped), address, "127.0.0.1:${sip_h_X-Socket}")
	dialplan = strings.NewReplacer("<include>", "", "</include>", "").Replace(dialplan)
	level := os.Getenv("FSPIVOT_FREESWITCH_LOG")
	if level == "" {
		level = "err"
	}
	filled := strings.NewReplacer("@EVENT_PORT@", strconv.Itoa(events), "@PASSWORD@", password, "@CALLS_PORT@", strconv.Itoa(w.callsPort),
		"@PHONES_PORT@", strconv.Itoa(w.phonesPort), "@FAR_PORT@", strconv.Itoa(w.farPort), "@RTP_START@", "30000", "@RTP_END@", "39998",
		"@LOGLEVEL@", level, "@LOG@", filepath.Join(w.dir, "log", "freeswitch.log"), "@HTTAPI_URL@", httapiURL(), "@DIALPLAN@", dialplan).Replace(string(body))
	for _, name := range []string{"conf", "log", "db", "run"} {
		if err := os.MkdirAll(filepath.Join(w.dir, name), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(w.dir, "conf", "freeswitch.xml"), []byte(filled), 0o644)
}

// connect waits until the switch is up and takes its events.
func (w *freeswitch) connect(port int) error {
	deadline := time.Now().Add(patience)
	for {
		var err error
		if w.command, err = dialEventSocket(port); err == nil {
			if answer, apiErr := w.command.api("sofia status profile far"); apiErr == nil && strings.Contains(answer, "RUNNING") || strings.Contains(answer, "SIP-IP") {
				break
			}
			w.command.close()
			err = errNoAnswer
		}
		select {
		case <-w.exited:
			return fmt.Errorf("FreeSWITCH ended at once: see %s", filepath.Join(w.dir, "log"))
		case <-time.After(200 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("FreeSWITCH does not come up: %w", err)
		}
	}
	events, err := dialEventSocket(port)
	if err != nil {
		return err
	}
	if _, err := events.ask("event plain CHANNEL_ANSWER CHANNEL_PARK CHANNEL_HANGUP_COMPLETE"); err != nil {
		return err
	}
	go w.dispatch(events)
	return nil
}

// dispatch tells phones what became of their channels, until the switch goes.
func (w *freeswitch) dispatch(events *eventSocket) {
	defer events.close()
	for {
		_, body, err := events.read()
		if err != nil {
			return
		}
		header := parseHeaders(body)
		w.phonesMutex.Lock()
		p := w.phones[header["Unique-ID"]]
		w.phonesMutex.Unlock()
		if p == nil {
			continue
		}
		switch header["Event-Name"] {
		case "CHANNEL_ANSWER":
			close(p.answer)
		case "CHANNEL_PARK":
			p.once.Do(func() { close(p.parked) })
		case "CHANNEL_HANGUP_COMPLETE":
			p.mu.Lock()
			p.cause = header["Hangup-Cause"]
			p.mu.Unlock()
			close(p.gone)
		}
	}
}

func (w *freeswitch) stop() {
	if w.command != nil {
		_, _ = w.api("hupall")
		_, _ = w.api("fsctl shutdown now")
		w.command.close()
	}
	select {
	case <-w.exited:
	case <-time.After(10 * time.Second):
		_ = w.process.Process.Kill()
		<-w.exited
	}
	if os.Getenv("FSPIVOT_FREESWITCH_LOG") == "" {
		_ = os.RemoveAll(w.dir)
	} else {
		fmt.Fprintln(os.Stderr, "FreeSWITCH's log is in", filepath.Join(w.dir, "log"))
	}
}

// api runs one command of the switch.
func (w *freeswitch) api(command string) (string, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.command.api(command)
}

// onStage routes what the service dials to the parties of this world, and lets the switch write recordings.
func (w *freeswitch) onStage(s *stage) {
	s.settings.Dial.Resources = []config.Resource{{Match: `^\+?\d{7,15}$`, Dial: fmt.Sprintf("sofia/internal/{number}@127.0.0.1:%d", w.farPort)}}
	s.settings.Dial.SIP = "sofia/internal/{uri}"
	for dir := s.dir; dir != filepath.Dir(dir) && strings.HasPrefix(dir, os.TempDir()) && dir != os.TempDir(); dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o777)
	}
}

func (w *freeswitch) call(t testing.TB, port int, c caller) phone {
	t.Helper()
	p := &realPhone{w: w, uuid: uuid.NewString(), answer: make(chan struct{}), parked: make(chan struct{}), gone: make(chan struct{})}
	w.phonesMutex.Lock()
	w.phones[p.uuid] = p
	w.phonesMutex.Unlock()
	vars := []string{"origination_uuid=" + p.uuid, "origination_caller_id_number=" + c.from, "origination_caller_id_name=" + c.name,
		"sip_h_X-Socket=" + strconv.Itoa(port), "ignore_early_media=true", "originate_timeout=60"}
	headers := map[string]string{}
	for name, value := range c.headers {
		headers[name] = value
	}
	if c.pivot != "" {
		headers["X-Pivot"], headers["X-Format"] = c.pivot, c.format
	}
	for name, value := range headers {
		vars = append(vars, "sip_h_"+name+"="+value)
	}
	// ^^~ makes ~ the separator, for the values have commas; the quotes keep their blanks.
	list := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(strings.Join(vars, "~"))
	command := fmt.Sprintf("originate '{^^~%s}sofia/phones/%s@127.0.0.1:%d' &park()", list, c.number, w.callsPort)
	w.mutex.Lock()
	reply, err := w.command.ask("bgapi " + command)
	w.mutex.Unlock()
	if err != nil || !strings.HasPrefix(reply, "+OK") {
		t.Fatalf("originate: %s %v", reply, err)
	}
	return p
}

func (w *freeswitch) transfer(t testing.TB, id string, _ phone) {
	t.Helper()
	if answer, err := w.api("uuid_transfer " + id + " 9002 XML far"); err != nil || !strings.HasPrefix(answer, "+OK") {
		t.Fatalf("uuid_transfer: %s %v", answer, err)
	}
}

// device is how the parties of this world are dialled by a device document: the realm is not looked at.
func (w *freeswitch) device() string {
	return fmt.Sprintf("sofia/internal/{username}@127.0.0.1:%d", w.farPort)
}

// idle waits until no channel lives of a caller whose number begins with 1555999: other scenarios run meanwhile.
func (w *freeswitch) idle(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		list, err := w.api("show channels like 1555999")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(list, "0 total.") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("channels are left:\n%s", list)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// realPhone is a channel of the switch that has called another one.
type realPhone struct {
	w                    *freeswitch
	uuid                 string
	answer, parked, gone chan struct{}
	once                 sync.Once // parked

	mu    sync.Mutex
	cause string
}

func (p *realPhone) answered() chan struct{} { return p.answer }
func (p *realPhone) done() chan struct{}     { return p.gone }
func (p *realPhone) hangup()                 { _, _ = p.w.api("uuid_kill " + p.uuid + " NORMAL_CLEARING") }

func (p *realPhone) talk(d time.Duration) {
	select {
	case <-p.parked: // before that the noise would be cut off
	case <-p.gone:
	case <-time.After(patience):
	}
	_, _ = p.w.api(fmt.Sprintf("uuid_broadcast %s tone_stream://%%(%d,0,350) aleg", p.uuid, d.Milliseconds()))
}

// press sends each key as RFC 2833 events of 60 ms, 40 ms apart.
func (p *realPhone) press(keys string) {
	for _, key := range keys {
		pause := 100 * time.Millisecond
		if key == 'w' {
			pause = 500 * time.Millisecond
		} else {
			_, _ = p.w.api(fmt.Sprintf("uuid_send_dtmf %s %c@60", p.uuid, key))
		}
		select {
		case <-time.After(pause):
		case <-p.gone:
			return
		}
	}
}

func (p *realPhone) end() ending {
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := false
	select {
	case <-p.answer:
		answered = true
	default:
	}
	return ending{Answered: answered, Cause: p.cause}
}

// eventSocket is a connection to the switch's own event socket, from outside: the tests' side, not the service's.
type eventSocket struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialEventSocket(port int) (*eventSocket, error) {
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	s := &eventSocket{conn: conn, in: bufio.NewReader(conn)}
	if _, _, err := s.read(); err != nil {
		s.close()
		return nil, err
	}
	if reply, err := s.ask("auth " + password); err != nil || !strings.HasPrefix(reply, "+OK") {
		s.close()
		return nil, fmt.Errorf("auth: %s %w", reply, errNoAnswer)
	}
	return s, nil
}

func (s *eventSocket) close() { _ = s.conn.Close() }

// ask sends a command and gives its reply line.
func (s *eventSocket) ask(command string) (string, error) {
	if _, err := io.WriteString(s.conn, command+"\n\n"); err != nil {
		return "", err
	}
	header, _, err := s.read()
	return header["Reply-Text"], err
}

// api runs an API command and gives what it prints.
func (s *eventSocket) api(command string) (string, error) {
	if _, err := io.WriteString(s.conn, "api "+command+"\n\n"); err != nil {
		return "", err
	}
	_, body, err := s.read()
	return body, err
}

func (s *eventSocket) read() (map[string]string, string, error) {
	var head strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return nil, "", err
		}
		if line == "\n" {
			break
		}
		head.WriteString(line)
	}
	header := parseHeaders(head.String())
	n, _ := strconv.Atoi(header["Content-Length"])
	body := make([]byte, n)
	_, err := io.ReadFull(s.in, body)
	return header, string(body), err
}

func parseHeaders(text string) map[string]string {
	header := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		header[name] = value
	}
	return header
}
