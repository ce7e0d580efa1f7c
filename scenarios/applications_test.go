package scenarios

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"fspivot/dialplan"
	"fspivot/dialplan/dialplantest"
	"fspivot/esl"
	"fspivot/timeline"
)

// Every application, made of every hostile text by the constructors and by hand, on an installed FreeSWITCH: the file
// that a command would make never appears.
func TestHostileApplications(t *testing.T) {
	if os.Getenv(freeswitchVariable) == "" {
		t.Skip("needs " + freeswitchVariable)
	}
	t.Parallel()
	w := startFreeSWITCH(t)
	dir := t.TempDir()
	control := filepath.Join(t.TempDir(), "control")
	_, _ = w.api("expand eval ${system(touch " + control + ")}")
	if _, err := os.Stat(control); err != nil {
		t.Fatalf("this switch runs no commands at all, so the test shows nothing: %v", err)
	}
	type attack struct {
		app    dialplan.Application
		text   string
		canary string
	}
	var attacks []attack
	for i, form := range hostile {
		for _, make := range []func(string) []dialplan.Application{dialplantest.Applications, dialplantest.Literals} {
			canary := filepath.Join(dir, fmt.Sprintf("canary%d", len(attacks)))
			for _, app := range make(fmt.Sprintf(form, canary)) {
				attacks = append(attacks, attack{app, hostile[i], canary})
			}
		}
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var mu sync.Mutex
	next := 0
	ran := map[string]int{}
	server := &esl.Server{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Events: dialplan.Events, Log: logrus.NewEntry(log),
		Handle: func(ctx context.Context, session *esl.Session) {
			mu.Lock()
			a := attacks[next%len(attacks)]
			next++
			mu.Unlock()
			c := dialplan.NewChannel(session, timeline.New(func(r timeline.Record) {
				if r.Kind == timeline.KindError {
					t.Errorf("%s of %q: %s", a.app.Name(), a.text, r.Text)
				}
			}))
			c.Queue(dialplan.Answer{}, a.app)
			_ = c.Wait(ctx, 600*time.Millisecond)
			mu.Lock()
			ran[a.app.Name()]++
			mu.Unlock()
			c.Kill("", dialplan.NormalClearing)
			c.Finish(ctx)
			session.Exit()
		}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	const together = 20
	port := listener.Addr().(*net.TCPAddr).Port
	for start := 0; start < len(attacks); start += together {
		var phones []phone
		for range min(together, len(attacks)-start) {
			phones = append(phones, w.call(t, port, caller{number: "hostile", from: "15551230000", name: "Ann"}))
		}
		for _, p := range phones {
			select {
			case <-p.done():
			case <-time.After(patience):
				p.hangup()
			}
		}
	}
	stop()
	serving.Wait()
	if next != len(attacks) {
		t.Errorf("%d of %d calls came", next, len(attacks))
	}
	if len(ran) != len(dialplantest.Kinds()) {
		t.Errorf("applications of %d names ran, of %d kinds", len(ran), len(dialplantest.Kinds()))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) > 0 {
		t.Errorf("commands ran on the switch: %v, %v", found, err)
	}
}
