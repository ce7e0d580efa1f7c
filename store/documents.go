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
	"io/fs"
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
	"callflows", "conferences", "devices", "directories", "groups", "lists", "media", "menus", "resources", "temporal_rules",
	"users", "vmboxes",
}

const maxDocument = 4 << 20

// Account is one account's documents. It is never changed after it was loaded.
type Account struct {
	ID        string
	Document  map[string]any                       // account.json
	Documents map[string]map[string]map[string]any // by collection and id
	Callflows map[string]*kazoojson.Callflow
	Numbers   *kazoojson.Numbers
}

// Realm is the account's SIP domain, "" when it has none.
func (a *Account) Realm() string {
	realm, _ := a.Document["realm"].(string)
	return realm
}

// Documents are all accounts. Its methods may be called from any goroutine.
type Documents struct {
	dir      string
	accounts atomic.Pointer[map[string]*Account]
	seen     string // fingerprint of what was loaded; Watch's alone
}

// Open loads the folder. Faults of documents are joined in the error while what was good is served: the caller decides
// whether to go on.
func Open(dir string) (*Documents, error) {
	d := &Documents{dir: dir}
	d.accounts.Store(&map[string]*Account{})
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
			d.seen = now
			report(d.load())
		}
	}
}

// fingerprint changes when a file came, went or was written. Polling it works on every kind of folder, mounted ones too.
func (d *Documents) fingerprint() string {
	var b strings.Builder
	_ = filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".json" {
			return nil
		}
		if info, err := e.Info(); err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String()
}

func (d *Documents) load() error {
	entries, err := os.ReadDir(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("accounts: there is no folder %s", d.dir)
	}
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	old := *d.accounts.Load()
	accounts := map[string]*Account{}
	var faults []error
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		a, err := loadAccount(filepath.Join(d.dir, e.Name()), e.Name(), old[e.Name()])
		if err != nil {
			faults = append(faults, err)
		}
		accounts[e.Name()] = a
	}
	d.accounts.Store(&accounts)
	return errors.Join(faults...)
}

// loadAccount reads an account; a document that cannot be used keeps what it was in before, if anything.
func loadAccount(dir, id string, before *Account) (*Account, error) {
	a := &Account{ID: id, Document: map[string]any{}, Documents: map[string]map[string]map[string]any{}, Callflows: map[string]*kazoojson.Callflow{}}
	var faults []error
	if doc, err := readDocument(filepath.Join(dir, "account.json")); err == nil {
		a.Document = doc
	} else if !errors.Is(err, fs.ErrNotExist) {
		faults = append(faults, err)
		if before != nil {
			a.Document = before.Document
		}
	}
	for _, collection := range Collections {
		a.Documents[collection] = map[string]map[string]any{}
		names, err := filepath.Glob(filepath.Join(dir, collection, "*.json"))
		if err != nil {
			faults = append(faults, err)
		}
		for _, name := range names {
			key := strings.TrimSuffix(filepath.Base(name), ".json")
			doc, err := readDocument(name)
			if err == nil && collection == "callflows" {
				err = a.addCallflow(key, name)
			}
			if err != nil {
				faults = append(faults, err)
				if before != nil && before.Documents[collection][key] != nil {
					doc = before.Documents[collection][key]
					if collection == "callflows" {
						a.Callflows[key] = before.Callflows[key]
					}
				}
			}
			if doc != nil {
				a.Documents[collection][key] = doc
			}
		}
	}
	flows := make([]*kazoojson.Callflow, 0, len(a.Callflows))
	for _, f := range a.Callflows {
		if f != nil {
			flows = append(flows, f)
		}
	}
	slices.SortFunc(flows, func(x, y *kazoojson.Callflow) int { return strings.Compare(x.ID, y.ID) })
	numbers, err := kazoojson.NewNumbers(flows)
	if err != nil {
		faults = append(faults, fmt.Errorf("account %s: %w", id, err))
	}
	a.Numbers = numbers
	return a, errors.Join(faults...)
}

func (a *Account) addCallflow(id, name string) error {
	body, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	flow, err := kazoojson.ParseCallflow(id, body)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.Callflows[id] = flow
	return nil
}

func readDocument(name string) (map[string]any, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxDocument {
		return nil, fmt.Errorf("%s: over %d bytes", name, maxDocument)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc, nil
}

// Account gives an account by its id.
func (d *Documents) Account(id string) (*Account, bool) {
	a, ok := (*d.accounts.Load())[id]
	return a, ok
}

// AccountOfRealm gives the account whose realm a request's host is.
func (d *Documents) AccountOfRealm(realm string) (*Account, bool) {
	if realm == "" {
		return nil, false
	}
	for _, a := range *d.accounts.Load() {
		if strings.EqualFold(a.Realm(), realm) {
			return a, true
		}
	}
	return nil, false
}

// Document gives a document of an account.
func (d *Documents) Document(account, collection, id string) (map[string]any, bool) {
	a, ok := d.Account(account)
	if !ok {
		return nil, false
	}
	if collection == "accounts" {
		return a.Document, true
	}
	doc, ok := a.Documents[collection][id]
	return doc, ok
}

// Device finds the device that registered as username.
func (a *Account) Device(username string) (id string, doc map[string]any, ok bool) {
	for id, doc := range a.Documents["devices"] {
		sip, _ := doc["sip"].(map[string]any)
		if name, _ := sip["username"].(string); name != "" && name == username {
			return id, doc, true
		}
	}
	return "", nil, false
}
