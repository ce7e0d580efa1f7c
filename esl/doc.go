// Package esl is one call's event socket: the connection that FreeSWITCH opens to us from the dialplan's
// `socket host:port async full`. It accepts, checks the peer, reads frames, sends commands, matches their replies and
// hands the channel's events over in the order of the socket. It knows nothing of callflows, documents or arguments.
//
// Goroutines: Server.Serve owns the accept loop and one goroutine per connection, which runs Handler (the owner of the
// call). A Session has one more, the reader, which ends with the connection; Close waits for it. Nothing else runs.
//
// Start reading at Server.Serve, then Connect, then Session. Why there is a session loop of our own beside the library
// whose command builders are used: docs/decisions/own-session-loop.md. What the switch really does:
// docs/reference/esl.md.
package esl
