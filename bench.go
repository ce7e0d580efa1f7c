package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"fspivot/bench"
)

type benchCommand struct {
	Rate        int           `help:"Calls a second; 0: as many as --concurrency lets through."`
	Concurrency int           `help:"Calls at the same time, at most; 0: 100, with --rate 4000."`
	Calls       int           `help:"How many calls; 0: as many as --for allows, without it 10000."`
	For         time.Duration `help:"How long calls are placed; 0: until there were --calls."`
	Document    string        `help:"File that the web application answers; otherwise one Say and a Hangup." type:"existingfile" xor:"web"`
	URL         string        `help:"Web server to ask, instead of the one in this process." xor:"web"`
	Speech      time.Duration `help:"How long the simulated switch speaks a character." default:"1ms"`
	Cause       string        `help:"Hangup cause that each call is to end with." default:"NORMAL_CLEARING"`
	Patience    time.Duration `help:"How long a call may take before it is hung up and counted." default:"1m"`
	Idle        int           `help:"Calls to hold, after the others, to measure the memory of one; 0: none." default:"1000"`
	Log         string        `help:"Level of the service's log, which is made and written nowhere." default:"info"`
	JSON        bool          `help:"Print the result as JSON, to compare it." name:"json"`
	CPUProfile  string        `help:"File for a CPU profile of the load." name:"cpu-profile"`
	HeapProfile string        `help:"File for a heap profile while the idle calls are held." name:"heap-profile"`
}

// Run prints what was measured. Calls that ended otherwise than expected are shown and make it fail.
func (c benchCommand) Run(ctx context.Context) (err error) {
	o := bench.Options{Rate: c.Rate, Concurrency: c.Concurrency, Calls: c.Calls, For: c.For, URL: c.URL, Speech: c.Speech,
		Cause: c.Cause, Patience: c.Patience, Idle: c.Idle, Log: c.Log, Version: version}
	if c.Document != "" {
		body, err := os.ReadFile(c.Document)
		if err != nil {
			return err
		}
		o.Document = string(body)
	}
	if isTerminal(os.Stderr) {
		o.Progress = os.Stderr
	}
	for name, profile := range map[string]*io.Writer{c.CPUProfile: &o.CPUProfile, c.HeapProfile: &o.HeapProfile} {
		if name == "" {
			continue
		}
		file, err := os.Create(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		*profile = file
	}
	result, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(result)
	} else {
		err = result.Print(os.Stdout)
	}
	if err == nil && len(result.Unexpected) > 0 {
		err = errShown
	}
	return err
}
