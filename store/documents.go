// Package store keeps documents and, later, records. Documents are the account documents on disk:
// <accounts>/<account>/account.json and <accounts>/<account>/<collection>/<id>.json, read again when they change.
//
// It has no goroutine of its own: Documents.Watch runs on its caller's until the context ends. Start reading at Open.
package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fspivot/kazoojson"
)

// Collections are the folders of an account. Source: design, Account documents.
var Collections = []string{
	"callflows", "conferences", "devices", "directories", "groups", "lists", "media", "menus", "resources",
	"temporal_rules",
	"users", "vmboxes",
}

// maxDocument is the size of a document, in bytes.
const maxDocument = 4 << 20

// Account is one account's documents. It is never changed after it was loaded.
type Account struct {
	ID        string
	Document  map[string]any                       // account.json
	Documents map[string]map[string]map[string]any // by collection and id
	Callflows map[string]*kazoojson.Callflow
	Numbers   *kazoojson.Numbers

	devices map[string]string // ids by sip.username
}

// Realm is the account's SIP domain, "" when it has none.
func (a *Account) Realm() string {
	realm, _ := a.Document["realm"].(string)
	return realm
}

// Documents are all accounts. Its methods may be called from any goroutine.
type Documents struct {
	dir    string
	loaded atomic.Pointer[accounts]
	seen   string // fingerprint of what was loaded; Watch's alone
}

// accounts is what one load gave. It is never changed.
type accounts struct {
	byID    map[string]*Account
	byRealm map[string]*Account // realms in lower case
}

// Open loads the folder. Faults of documents are joined in the error while what was good is served: the caller decides
// whether to go on.
func Open(dir string) (*Documents, error) {
	d := &Documents{dir: dir}
	d.loaded.Store(&accounts{})
	d.seen = d.fingerprint()
	return d, d.load()
}

// Watch looks for changes until ctx ends. A document that became invalid keeps its old content; report gets what was
// wrong, or nil after a load without faults.
func (d *Documents) Watch(ctx context.Context, every time.Duration, report func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if now := d.fingerprint(); now != d.seen {
			d.seen = now // of before the load: what changes meanwhile is seen at the next tick
			report(d.load())
		}
	}
}

// fingerprint changes when a file came, went or was written, or a link leads elsewhere. Polling it works on every kind of
// folder, mounted ones too.
func (d *Documents) fingerprint() string {
	var b strings.Builder
	file := func(name string) {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
	}
	ids, err := folders(d.dir)
	fmt.Fprintf(&b, "%q %v\n", ids, err)
	for _, id := range ids {
		file(filepath.Join(d.dir, id, "account.json"))
		for _, collection := range Collections {
			names, err := documents(filepath.Join(d.dir, id, collection))
			if err != nil {
				fmt.Fprintf(&b, "%v\n", err)
			}
			for _, name := range names {
				file(filepath.Join(d.dir, id, collection, name+".json"))
			}
		}
	}
	return b.String()
}

// folders lists the accounts: every folder, or link to one, whose name does not begin with a dot. Sorted.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// documents lists a collection's ids: of every file ID.json that does not begin with a dot. A collection without folder
// has none. Sorted.
func documents(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && !strings.HasPrefix(id, ".") && id != "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (d *Documents) load() error {
	ids, err := folders(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("accounts: there is no folder %s", d.dir)
	}
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	old := d.loaded.Load()
	now := &accounts{byID: map[string]*Account{}, byRealm: map[string]*Account{}}
	var faults []error
	for _, id := range ids {
		a, err := loadAccount(filepath.Join(d.dir, id), id, old.byID[id])
		if err != nil {
			faults = append(faults, err)
		}
		now.byID[id] = a
		realm := canonicalRealm(a.Realm())
		if other := now.byRealm[realm]; other != nil {
			faults = append(faults, fmt.Errorf("realm %s is account %s's and account %s's: calls to it are the first one's", realm, other.ID, id))
		} else if realm != "" {
			now.byRealm[realm] = a
		}
	}
	d.loaded.Store(now)
	return errors.Join(faults...)
}

func canonicalRealm(realm string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(realm)), ".")
}

// loadAccount reads an account. What cannot be used keeps what it was before, if it was anything.
func loadAccount(dir, id string, before *Account) (*Account, error) {
	if before == nil {
		before = &Account{Document: map[string]any{}}
	}
	a := &Account{ID: id, Document: map[string]any{}, Documents: map[string]map[string]map[string]any{},
		Callflows: map[string]*kazoojson.Callflow{}}
	var faults []error
	if doc, _, err := readDocument(filepath.Join(dir, "account.json")); err == nil {
		a.Document = doc
	} else if !errors.Is(err, fs.ErrNotExist) {
		faults = append(faults, err)
		a.Document = before.Document
	}
	for _, collection := range Collections {
		if err := a.loadCollection(filepath.Join(dir, collection), collection, before); err != nil {
			faults = append(faults, err)
		}
	}
	faults = append(faults, a.index()...)
	return a, errors.Join(faults...)
}

func (a *Account) loadCollection(dir, collection string, before *Account) error {
	ids, err := documents(dir)
	if err != nil {
		a.Documents[collection] = before.Documents[collection]
		if collection == "callflows" && before.Callflows != nil {
			a.Callflows = before.Callflows
		}
		return err
	}
	docs := map[string]map[string]any{}
	a.Documents[collection] = docs
	var faults []error
	for _, id := range ids {
		name := filepath.Join(dir, id+".json")
		doc, body, err := readDocument(name)
		var flow *kazoojson.Callflow
		if err == nil && collection == "callflows" {
			if flow, err = kazoojson.ParseCallflow(id, body); err != nil {
				err = placed(name, err)
			}
		}
		if err != nil {
			faults = append(faults, err)
			doc, flow = before.Documents[collection][id], before.Callflows[id]
		}
		if doc != nil {
			docs[id] = doc
		}
		if flow != nil && collection == "callflows" {
			a.Callflows[id] = flow
		}
	}
	return errors.Join(faults...)
}

// index makes the look-up tables. Where two documents claim one thing, the first by id has it.
func (a *Account) index() (faults []error) {
	flows := make([]*kazoojson.Callflow, 0, len(a.Callflows))
	for _, id := range slices.Sorted(maps.Keys(a.Callflows)) {
		flows = append(flows, a.Callflows[id])
	}
	var err error
	if a.Numbers, err = kazoojson.NewNumbers(flows); err != nil {
		faults = append(faults, fmt.Errorf("account %s: %w", a.ID, err))
	}
	a.devices = map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(a.Documents["devices"])) {
		sip, _ := a.Documents["devices"][id]["sip"].(map[string]any)
		name, _ := sip["username"].(string)
		if name == "" {
			continue
		}
		if other, ok := a.devices[name]; ok {
			faults = append(faults, fmt.Errorf("account %s: sip.username %q is device %s's and device %s's: calls are the first one's", a.ID, name, other, id))
			continue
		}
		a.devices[name] = id
	}
	return faults
}

// placed puts the file, and the line where it is known, in front of each fault of a document.
func placed(name string, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range joined.Unwrap() {
			list = append(list, placed(name, e))
		}
		return errors.Join(list...)
	}
	if e, ok := errors.AsType[*kazoojson.DocumentError](err); ok && e.Line > 0 {
		return fmt.Errorf("%s:%d: %w", name, e.Line, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// readDocument reads a file that holds one JSON object and nothing else. Numbers stay as they were written.
func readDocument(name string) (doc map[string]any, body []byte, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: is not a file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	if body, err = io.ReadAll(io.LimitReader(f, maxDocument+1)); err != nil {
		return nil, nil, err
	}
	if len(body) > maxDocument {
		return nil, nil, fmt.Errorf("%s: over %d bytes", name, maxDocument)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err = decoder.Decode(&value); err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = errors.New("there is something behind the JSON object")
		}
	}
	at := int(decoder.InputOffset())
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = int(syntax.Offset)
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		at, err = len(body), errors.New("the JSON object ends too early")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s:%d: %w", name, 1+bytes.Count(body[:min(at, len(body))], []byte("\n")), err)
	}
	doc, ok := value.(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("%s: is not a JSON object", name)
	}
	return doc, body, nil
}

// Account gives an account by its id.
func (d *Documents) Account(id string) (*Account, bool) {
	a, ok := d.loaded.Load().byID[id]
	return a, ok
}

// AccountOfRealm gives the account whose realm a request's host is.
func (d *Documents) AccountOfRealm(realm string) (*Account, bool) {
	a, ok := d.loaded.Load().byRealm[canonicalRealm(realm)]
	return a, ok
}

// Document gives a document of an account; "accounts" is the collection of the account's own.
func (d *Documents) Document(account, collection, id string) (map[string]any, bool) {
	a, ok := d.Account(account)
	if !ok {
		return nil, false
	}
	if collection == "accounts" {
		if id != account {
			return nil, false
		}
		return a.Document, true
	}
	doc, ok := a.Documents[collection][id]
	return doc, ok
}

// Device finds the device that registered as username.
func (a *Account) Device(username string) (id string, doc map[string]any, ok bool) {
	if id, ok = a.devices[username]; !ok {
		return "", nil, false
	}
	return id, a.Documents["devices"][id], true
}
