package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fspivot/config"
	"fspivot/kazoojson"
	"fspivot/twiml"
)

type checkCommand struct {
	Files []string `arg:"" name:"file" help:"Callflow JSON, TwiML, an account document or a configuration." type:"path"`
}

// Run prints every fault as file:line: path: what, and fails when there was one. Warnings do not fail.
func (c checkCommand) Run() error {
	faulty := false
	var unread []error
	for _, name := range c.Files {
		body, err := os.ReadFile(name)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		warnings, err := checkFile(name, body)
		for _, w := range warnings {
			fmt.Printf("%s: warning: %s\n", name, w)
		}
		for _, fault := range flatten(err) {
			faulty = true
			fmt.Printf("%s\n", place(name, fault))
		}
		if err == nil {
			fmt.Printf("%s: good\n", name)
		}
	}
	if len(unread) > 0 {
		return errors.Join(unread...)
	}
	if faulty {
		return errShown
	}
	return nil
}

func checkFile(name string, body []byte) (warnings []string, err error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		_, err := config.Parse(name, body, nil)
		return nil, err
	case ".xml", ".twiml":
		_, problems, err := twiml.Parse(body, "")
		for _, p := range problems {
			warnings = append(warnings, p.String())
		}
		return warnings, err
	case ".json":
		return checkJSON(name, body)
	}
	return nil, errors.New("files whose names end in .json, .xml, .twiml, .yaml or .yml can be checked")
}

func checkJSON(name string, body []byte) (warnings []string, err error) {
	var document map[string]json.RawMessage
	if err := json.Unmarshal(body, &document); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line := 1 + strings.Count(string(body[:min(int(syntax.Offset), len(body))]), "\n")
			return nil, &kazoojson.DocumentError{Line: line, Err: err}
		}
		return nil, errors.New("it is not a JSON object")
	}
	_, flow := document["flow"]
	switch {
	case flow || filepath.Base(filepath.Dir(name)) == "callflows":
		c, err := kazoojson.ParseCallflow(strings.TrimSuffix(filepath.Base(name), ".json"), body)
		if c != nil {
			warnings = c.Warnings
		}
		return warnings, err
	case document["module"] != nil:
		_, err := kazoojson.Parse(body, true)
		return nil, err
	}
	return nil, nil
}

// flatten lists the faults of a joined error.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range joined.Unwrap() {
			list = append(list, flatten(e)...)
		}
		return list
	}
	return []error{err}
}

// place puts the file and, where it is known, the line in front of a fault.
func place(name string, err error) string {
	if _, ok := errors.AsType[*config.Error](err); ok {
		return err.Error() // it names the file
	}
	line := 0
	if e, ok := errors.AsType[*twiml.DocumentError](err); ok {
		line = e.Line
	} else if e, ok := errors.AsType[*kazoojson.DocumentError](err); ok {
		line = e.Line
	}
	if line > 0 {
		return fmt.Sprintf("%s:%d: %v", name, line, err)
	}
	return fmt.Sprintf("%s: %v", name, err)
}
