package simswitch

import "time"

// The kinds of Trace, sorted by name. Call and, where it fits, App, Arg and AppUUID are set in all of them.
const (
	KindAnswer      = "answer"       // the channel was answered
	KindAPI         = "api"          // an API command of the service; Arg: the command, Result: its answer
	KindBridge      = "bridge"       // the channel hears Other now
	KindComplete    = "complete"     // an application ended; Result: its response
	KindConnect     = "connect"      // a socket reached the service
	KindDial        = "dial"         // a B leg was dialled; Other: its channel, Arg: its dial string
	KindDigit       = "digit"        // the switch heard a key; Arg: the key
	KindDisconnect  = "disconnect"   // a socket closed
	KindEarlyMedia  = "early-media"  // the caller gets 183
	KindExecute     = "execute"      // an application starts; Arg is expanded
	KindExpandedAPI = "expanded-api" // an argument held ${name(args)}, which ran; Arg: the command
	KindFrameIn     = "frame-in"     // a command came from the service; Raw
	KindFrameOut    = "frame-out"    // a reply or event went to the service; Raw
	KindHangup      = "hangup"       // the channel ended; Result: its cause
	KindMute        = "mute"         // set_mute; Arg: its argument
	KindPlay        = "play"         // a file or tone starts; Arg: its name, For: its length, below 0: no end
	KindRecord      = "record"       // a recording was written; Arg: its file, For: its length
	KindRespond     = "respond"      // a final SIP answer other than 200 went to the caller; Arg: code and phrase
	KindRing        = "ring"         // the caller gets 180
	KindSendDTMF    = "send-dtmf"    // keys went to the caller; Arg: the keys
	KindSpeak       = "speak"        // speech starts; Arg: the text, For: its length
	KindTransfer    = "transfer"     // somebody took the channel away; Arg: where to
	KindUnbridge    = "unbridge"     // the channel no longer hears Other
)

// Trace is one thing that happened in the switch.
type Trace struct {
	Time    time.Time
	Kind    string        // one of the Kind constants
	Call    string        // UUID of the channel
	App     string        // application, in execute and complete
	Arg     string        // its argument; see the kinds
	AppUUID string        // Application-UUID
	Other   string        // UUID of the other channel
	Result  string        // Application-Response, hangup cause or answer of an API command
	For     time.Duration // length of what is played or was recorded
	Raw     []byte        // the bytes of a frame; not to be changed
}

func (s *Switch) trace(t Trace) {
	if s.config.Trace != nil {
		t.Time = time.Now()
		s.config.Trace(t)
	}
}

func (c *channel) trace(kind, arg string) {
	c.s.trace(Trace{Kind: kind, Call: c.uuid, Arg: arg})
}
