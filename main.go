// Command fspivot lets a web server drive the calls of a FreeSWITCH, as 2600Hz Pivot and Twilio do. README.md tells how.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/sirupsen/logrus"

	"fspivot/config"
	"fspivot/demo"
)

// version is set by the linker: -ldflags "-X main.version=…".
var version = "dev"

type commands struct {
	Demo    demoCommand    `cmd:"" help:"Show a whole call in one process: no switch, no configuration, no network."`
	Serve   serveCommand   `cmd:"" help:"Run the service that FreeSWITCH connects to."`
	Call    callCommand    `cmd:"" help:"Place one simulated call and print what happens."`
	Check   checkCommand   `cmd:"" help:"Say what is wrong in callflows, TwiML, account documents or a configuration."`
	Bench   benchCommand   `cmd:"" help:"Measure the service under simulated calls."`
	Version versionCommand `cmd:"" help:"Print version, commit and Go version."`
}

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal does not wait for what the first one asked for
	var c commands
	parser := kong.Must(&c, kong.Name("fspivot"), kong.Description("Programmable voice for any FreeSWITCH."), kong.UsageOnError())
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(); err != nil {
		if !errors.Is(err, errShown) {
			fmt.Fprintf(os.Stderr, "fspivot: %v\n", err)
		}
		return 1
	}
	return 0
}

// errShown is the error of a command that has said all there is to say.
var errShown = errors.New("faults were shown")

type versionCommand struct{}

func (versionCommand) Run() error {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	fmt.Printf("fspivot %s, commit %s, %s\n", version, commit, runtime.Version())
	return nil
}

type demoCommand struct{}

func (demoCommand) Run(ctx context.Context) error {
	return demo.Run(ctx, os.Stdout, isTerminal(os.Stdout), version)
}

// configured loads the configuration and makes the log that it asks for.
func configured(file string) (config.Config, *logrus.Entry, error) {
	c, err := config.Load(file, os.Environ())
	if err != nil {
		return c, nil, err
	}
	log := logrus.New()
	level, err := logrus.ParseLevel(c.Log.Level)
	if err != nil {
		return c, nil, err
	}
	log.SetLevel(level)
	if c.Log.Format == "json" {
		log.SetFormatter(&logrus.JSONFormatter{})
	}
	return c, logrus.NewEntry(log), nil
}
