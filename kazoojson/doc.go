// Package kazoojson is Callflow JSON: it parses and validates flows, finds the callflow of a dialled number, and walks a
// flow's nodes on a live call. One module is one file, named for it; modules.go lists them all. It knows no HTTP and no
// TwiML: what a pivot node does is given to it. docs/reference/callflow-engine.md and callflow-modules-*.md are its books.
//
// It has no goroutine: Walk runs on the one that owns the call. Start reading at Walk; to add a module, at modules.go.
package kazoojson
