package simswitch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Call is a call that somebody makes to the switch. Only what matters needs to be set.
type Call struct {
	UUID     string // of the channel; "": random
	From     string // user of the From header; "": 15551230000
	FromHost string // "": 127.0.0.1
	FromName string // display name; "": none
	To       string // user of the To header; "": Request
	ToHost   string // "": RequestHost

	Request     string // dialled number: user of the request URI; "": 2000
	RequestHost string // "": 127.0.0.1

	Vars  map[string]string // further channel variables: sip_auth_username, sip_h_X-Foo, fspivot_account_id
	NoRTP bool              // the caller sends no audio at all, so that recordings are empty

	// KeysNeedMedia: keys come in the audio (RFC 2833), so that those pressed before an answer or early media are lost.
	// Otherwise they come as SIP INFO, at any time.
	KeysNeedMedia bool
}

// Phone is the caller's side of a call. Its methods may be called from any goroutine, at any time.
type Phone struct {
	s        *Switch
	c        *channel
	answered chan struct{}
	done     chan struct{}
	legs     []*Leg
}

// Ended is how a call was over.
type Ended struct {
	Cause    string    // hangup cause
	SIP      int       // status of the final answer to the INVITE if it never was 200: 486; 0: it was
	Answered time.Time // zero: never
	Ended    time.Time
}

// Leg is a B leg that the call dialled.
type Leg struct {
	UUID       string
	DialString string // without variables: sofia/gateway/carrier/15551234
	Number     string // dialled number or user
	From       string // caller ID that it sees
	FromName   string
	Vars       map[string]string // variables of the dial string and exported ones
	Dialled    time.Time
	Answered   time.Time // zero: never
	Bridged    time.Time // zero: never
	Ended      time.Time // zero: it lives
	Cause      string    // hangup cause
	Heard      string    // keys of the caller that reached it
	Digits     string    // keys that it pressed and the switch took
}

// Call starts a call and returns at once; ctx is not used after that. The switch then connects to the service.
func (s *Switch) Call(ctx context.Context, call Call) (*Phone, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, x := range []struct {
		field *string
		value string
	}{
		{&call.UUID, uuid.NewString()}, {&call.From, "15551230000"}, {&call.FromHost, "127.0.0.1"},
		{&call.Request, "2000"}, {&call.RequestHost, "127.0.0.1"}, {&call.To, call.Request},
		{&call.ToHost, call.RequestHost},
	} {
		if *x.field == "" {
			*x.field = x.value
		}
	}
	if call.To == "" {
		call.To = call.Request
	}
	if call.ToHost == "" {
		call.ToHost = call.RequestHost
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.channels[call.UUID] != nil {
		return nil, fmt.Errorf("channel %s exists already", call.UUID)
	}
	c := s.newChannel(call.UUID, "sofia/internal/"+call.From+"@"+call.FromHost, false)
	c.profile = profile{
		username: call.From, name: call.FromName, number: call.From, address: "127.0.0.1",
		destination: call.Request, context: "public",
	}
	if c.profile.name == "" {
		c.profile.name = call.From
	}
	c.noRTP, c.keysNeedMedia = call.NoRTP, call.KeysNeedMedia
	c.callVariables(call)
	p := &Phone{s: s, c: c, answered: make(chan struct{}), done: make(chan struct{})}
	c.phone = p
	c.state, c.call = "CS_EXECUTE", "RINGING"
	c.fire("CHANNEL_CREATE", nil)
	s.running.Add(1)
	go c.run()
	return p, nil
}

// UUID is the call's channel.
func (p *Phone) UUID() string { return p.c.uuid }

// Press presses keys: 0-9 * # A-D, one every 60 ms, after those of earlier calls; w is a pause of 500 ms, W and the
// comma one of 1 s. Anything else is ignored.
func (p *Phone) Press(keys string) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.c.press(keys, time.Now())
}

// Say makes the caller heard for d from now. Otherwise the caller is silent.
func (p *Phone) Say(d time.Duration) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	now := time.Now()
	p.c.says = append(p.c.says, span{now, now.Add(d)})
	p.c.poke()
}

// Hangup ends the call from the caller's side. "": NORMAL_CLEARING, or ORIGINATOR_CANCEL before the answer.
func (p *Phone) Hangup(cause string) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if cause == "" {
		cause = normalClearing
		if p.c.answered.IsZero() {
			cause = originatorCancel
		}
	}
	p.c.hangup(parseCause(cause), hungUpByPhone)
}

// Transfer is somebody else taking the call away from its socket: uuid_transfer, an attended transfer. The call then
// hears itself (answer, echo) until it is hung up.
func (p *Phone) Transfer() {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.c.take("9196")
}

// Answered is closed when the call is answered.
func (p *Phone) Answered() <-chan struct{} { return p.answered }

// Done is closed when the channel is gone and its last event was sent.
func (p *Phone) Done() <-chan struct{} { return p.done }

// Ended tells how the call was over. Before Done it is what is known so far.
func (p *Phone) Ended() Ended {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	e := Ended{Cause: p.c.cause, Answered: p.c.answered, Ended: p.c.hungup}
	if p.c.dead() && p.c.answered.IsZero() {
		e.SIP = p.c.sip
		if p.c.ender == cancelled {
			e.SIP = 487
		}
	}
	return e
}

// Legs are the B legs that were dialled so far, in order.
func (p *Phone) Legs() []Leg {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	legs := make([]Leg, len(p.legs))
	for i, l := range p.legs {
		legs[i] = *l
		legs[i].Vars = maps.Clone(l.Vars)
	}
	return legs
}

// Variable reads a channel variable, as uuid_getvar does; "" if it is not set.
func (p *Phone) Variable(name string) string {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.c.get(name)
}

// callVariables sets what a caller's channel has from the start. Source: testdata/captures/answer_play.jsonl.
func (c *channel) callVariables(call Call) {
	from, to := call.From+"@"+call.FromHost, call.To+"@"+call.ToHost
	request := call.Request + "@" + call.RequestHost
	display := ""
	if call.FromName != "" {
		display = fmt.Sprintf("%q ", call.FromName)
	}
	tag := newUUID()[:13]
	list := []header{
		{"direction", "inbound"}, {"uuid", c.uuid}, {"session_id", fmt.Sprint(c.s.sessions)},
		{"sip_from_user", call.From}, {"sip_from_uri", from}, {"sip_from_host", call.FromHost},
		{"video_media_flow", "disabled"}, {"text_media_flow", "disabled"}, {"channel_name", c.name},
		{"sip_call_id", newUUID()}, {"sip_local_network_addr", "127.0.0.1"}, {"sip_network_ip", "127.0.0.1"},
		{"sip_network_port", "5060"}, {"sip_invite_stamp", micros(c.created)}, {"sip_received_ip", "127.0.0.1"},
		{"sip_received_port", "5060"}, {"sip_via_protocol", "udp"}, {"sip_from_user_stripped", call.From},
		{"sip_from_tag", tag}, {"sofia_profile_name", "internal"},
		{"sofia_profile_url", "sip:mod_sofia@127.0.0.1:5060"}, {"recovery_profile_name", "internal"},
		{"sip_Remote-Party-ID", display + "<sip:" + from + ">;party=calling;screen=yes;privacy=off"},
		{"sip_cid_type", "rpid"}, {"sip_full_via", "SIP/2.0/UDP 127.0.0.1;rport=5060;branch=z9hG4bK" + tag},
		{"sip_from_display", call.FromName}, {"sip_full_from", display + "<sip:" + from + ">;tag=" + tag},
		{"sip_full_to", "<sip:" + to + ">"},
		{"sip_allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY"},
		{"sip_req_user", call.Request}, {"sip_req_uri", request}, {"sip_req_host", call.RequestHost},
		{"sip_to_user", call.To}, {"sip_to_uri", to}, {"sip_to_host", call.ToHost},
		{"sip_contact_user", "mod_sofia"}, {"sip_contact_port", "5060"},
		{"sip_contact_uri", "mod_sofia@127.0.0.1:5060"}, {"sip_contact_host", "127.0.0.1"},
		{"sip_user_agent", "FreeSWITCH-mod_sofia/1.10.12-release~64bit"}, {"sip_via_host", "127.0.0.1"},
		{"sip_via_rport", "5060"}, {"max_forwards", "70"},
		{"switch_r_sdp", "v=0\r\no=FreeSWITCH 1795343609 1795343610 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\n" +
			"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 35076 RTP/AVP 0 8 101 13\r\na=rtpmap:0 PCMU/8000\r\n"},
		{"ep_codec_string", "CORE_PCM_MODULE.PCMU@8000h@20i@64000b,CORE_PCM_MODULE.PCMA@8000h@20i@64000b"},
		{"rtp_use_codec_string", "PCMU,PCMA"},
	}
	for _, h := range append(list, codecVariables...) {
		c.set(h.name, h.value)
	}
	c.set("endpoint_disposition", "RECEIVED")
	c.set("DP_MATCH", "ARRAY::"+call.Request+"|:"+call.Request)
	c.set("call_uuid", c.uuid)
	for _, name := range slices.Sorted(maps.Keys(call.Vars)) {
		c.set(name, call.Vars[name])
	}
}

// codecVariables are those that every channel has.
var codecVariables = []header{
	{"remote_video_media_flow", "inactive"}, {"remote_text_media_flow", "inactive"},
	{"remote_audio_media_flow", "sendrecv"}, {"audio_media_flow", "sendrecv"}, {"remote_media_ip", "127.0.0.1"},
	{"remote_media_port", "35076"}, {"rtp_audio_recv_pt", "0"}, {"rtp_use_codec_name", "PCMU"},
	{"rtp_use_codec_rate", "8000"}, {"rtp_use_codec_ptime", "20"}, {"rtp_use_codec_channels", "1"},
	{"rtp_last_audio_codec_string", "PCMU@8000h@20i@1c"}, {"read_codec", "PCMU"},
	{"original_read_codec", "PCMU"}, {"read_rate", "8000"}, {"original_read_rate", "8000"},
	{"write_codec", "PCMU"}, {"write_rate", "8000"}, {"dtmf_type", "rfc2833"},
}

// legVariables sets what a B leg's channel has from the start. Source: testdata/captures/bridge_bleg.jsonl.
func (c *channel) legVariables(caller *channel) {
	number := c.profile.destination
	list := []header{
		{"direction", "outbound"}, {"is_outbound", "true"}, {"uuid", c.uuid},
		{"session_id", fmt.Sprint(c.s.sessions)}, {"sip_local_network_addr", "127.0.0.1"},
		{"sip_profile_name", "internal"}, {"text_media_flow", "disabled"},
		{"video_media_flow", "inactive"}, {"channel_name", c.name}, {"sip_destination_url", "sip:" + number}, {"sip_cid_type", "rpid"}, {"max_forwards", "69"},
		{"originator_codec", "PCMU@8000h@20i"}, {"originator", caller.uuid}, {"signal_bond", caller.uuid},
		{"call_uuid", caller.uuid}, {"originate_early_media", "true"}, {"originating_leg_uuid", caller.uuid},
		{"originate_endpoint", "sofia"}, {"sip_to_user", number}, {"sip_from_user", c.profile.number},
		{"sofia_profile_name", "internal"}, {"recovery_profile_name", "internal"},
	}
	for _, h := range append(list, codecVariables...) {
		c.set(h.name, h.value)
	}
}
