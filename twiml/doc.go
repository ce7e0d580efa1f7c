// Package twiml reads TwiML documents and runs their verbs on a call.
//
// Parse checks a whole document and says what it coped with; Document.Run carries it out, verb by verb, until the call
// ends, another document is wanted, or the call went elsewhere. The package knows applications and results of package
// dialplan, and of package egress what an address is; it knows nothing of HTTP, URLs' bases, caches or speech engines:
// Media, Routes and the reader of Outcome do. It has no goroutine; Run belongs to the goroutine that owns the call.
//
// verbs.go has the table of all verbs and nouns, and each has a file of its name. Source: docs/reference/twiml.md.
package twiml
