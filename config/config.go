// Package config is the service's settings: one YAML file, every key also as an environment variable, unknown keys are
// errors. It has no goroutine and keeps nothing. configs/fspivot.yaml shows every key with its default.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fspivot/dialplan"
	"fspivot/egress"
)

// Config is every setting. Its zero values are never used: Load starts from Default.
type Config struct {
	ESL            ESL    `koanf:"esl"`
	HTTP           HTTP   `koanf:"http"`
	Store          string `koanf:"store"`           // sqlite:FILE or postgres://…; not used yet: the record store comes later
	Accounts       string `koanf:"accounts"`        // folder of account documents
	DefaultAccount string `koanf:"default_account"` // of calls that name none
	Pivot          Pivot  `koanf:"pivot"`
	Media          Media  `koanf:"media"`
	Dial           Dial   `koanf:"dial"`
	Log            Log    `koanf:"log"`
}

// ESL is the event socket that FreeSWITCH connects to.
type ESL struct {
	Listen       string   `koanf:"listen"`        // host:port
	Allow        []string `koanf:"allow"`         // networks that may connect
	DrainSeconds int      `koanf:"drain_seconds"` // how long live calls may go on when the service stops
}

// HTTP is the API.
type HTTP struct {
	Listen    string `koanf:"listen"`     // host:port
	AuthToken string `koanf:"auth_token"` // needed off loopback
	PublicURL string `koanf:"public_url"` // what others reach it by, for the addresses of recordings; "": http://<listen>
}

// Base is what the addresses of recordings begin with, without a slash at its end.
func (h HTTP) Base() string {
	if h.PublicURL == "" {
		return "http://" + h.Listen
	}
	return strings.TrimRight(strings.TrimSpace(h.PublicURL), "/")
}

// Pivot is how web servers are asked.
type Pivot struct {
	RequestTimeoutMS int      `koanf:"request_timeout_ms"` // 1–5000
	Blocked          []string `koanf:"blocked"`            // networks and host names that no request may reach
	Allowed          []string `koanf:"allowed"`            // exceptions from it
	MaxBodyBytes     int64    `koanf:"max_body_bytes"`     // of an answer
	MaxRequests      int      `koanf:"max_requests"`       // of one call
	HangupAnswers    bool     `koanf:"hangup_answers"`     // a Hangup as the first verb answers first
	EmptyAnswers     bool     `koanf:"empty_answers"`      // <Response/> answers before it hangs up
	DialAnswers      bool     `koanf:"dial_answers"`       // Dial answers first unless answerOnBridge
	UnknownVerb      string   `koanf:"unknown_verb"`       // skip or hangup
}

// Media is where files are and how texts are spoken.
type Media struct {
	Dir        string `koanf:"dir"`        // what Play may name by a relative name
	Recordings string `koanf:"recordings"` // written by the switch, read by us
	Cache      string `koanf:"cache"`      // fetched audio; "" for a folder of its own beside recordings
	TTS        TTS    `koanf:"tts"`
}

// TTS is the speech engine. Voices map a document's voice name to "engine/voice" or "voice".
type TTS struct {
	Engine string            `koanf:"engine"`
	Voice  string            `koanf:"voice"`
	Voices map[string]string `koanf:"voices"`
}

// Dial is how numbers, devices and addresses are dialled.
type Dial struct {
	Resources []Resource `koanf:"resources"`
	Device    string     `koanf:"device"` // {username} and {realm}
	SIP       string     `koanf:"sip"`    // {uri}
}

// Resource is a way out for numbers that match; the first one that does is taken.
type Resource struct {
	Match string `koanf:"match"` // RE2, not anchored by itself
	Dial  string `koanf:"dial"`  // {number}
}

// Log is the log.
type Log struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // text or json
}

// Default is what holds where nothing is set.
func Default() Config {
	return Config{
		ESL:            ESL{Listen: "127.0.0.1:8084", Allow: []string{"127.0.0.0/8", "::1/128"}, DrainSeconds: 30},
		HTTP:           HTTP{Listen: "127.0.0.1:8088"},
		Store:          "sqlite:fspivot.db",
		Accounts:       "configs/accounts",
		DefaultAccount: "demo",
		Pivot: Pivot{RequestTimeoutMS: 5000, Blocked: []string{"127.0.0.1/32", "0.0.0.0/32", "localhost"},
			MaxBodyBytes: 1 << 20, MaxRequests: 1000, HangupAnswers: true, DialAnswers: true, UnknownVerb: "skip"},
		Media: Media{Dir: "media", Recordings: "recordings", TTS: TTS{Engine: "flite", Voice: "slt"}},
		Dial: Dial{Resources: []Resource{{Match: `^\+?\d{7,15}$`, Dial: "sofia/gateway/carrier/{number}"}},
			Device: "user/{username}@{realm}", SIP: "sofia/external/{uri}"},
		Log: Log{Level: "info", Format: "text"},
	}
}

// Check tells every setting that cannot be used; the error joins an *Error for each.
func (c Config) Check() error {
	var faults []error
	fault := func(key string, err error) {
		for _, e := range flatten(err) {
			faults = append(faults, &Error{Key: key, Err: e})
		}
	}
	fault("esl.listen", checkAddress(c.ESL.Listen))
	_, err := c.ESL.Peers()
	fault("esl.allow", err)
	if n := c.ESL.DrainSeconds; n < 0 {
		fault("esl.drain_seconds", fmt.Errorf("%d is below 0", n))
	}
	c.HTTP.check(fault)
	if !strings.HasPrefix(c.Store, "sqlite:") && !strings.HasPrefix(c.Store, "postgres://") {
		fault("store", errors.New("it must begin with sqlite: or postgres://")) // unquoted: it may hold a password
	}
	folders := map[string]string{"accounts": c.Accounts, "media.dir": c.Media.Dir, "media.recordings": c.Media.Recordings}
	for key, folder := range folders {
		if strings.TrimSpace(folder) == "" {
			fault(key, errors.New("the folder has no name"))
		}
	}
	if a := c.DefaultAccount; strings.ContainsAny(a, `/\`) || strings.HasPrefix(a, ".") {
		fault("default_account", fmt.Errorf("%q is no account's folder", a))
	}
	c.Pivot.check(fault)
	c.Media.TTS.check(fault)
	c.Dial.check(fault)
	if l := c.Log.Level; !slices.Contains(levels, l) {
		fault("log.level", fmt.Errorf("%q is none of %s", l, strings.Join(levels, ", ")))
	}
	if f := c.Log.Format; f != "text" && f != "json" {
		fault("log.format", fmt.Errorf("%q is neither text nor json", f))
	}
	slices.SortStableFunc(faults, func(x, y error) int { return strings.Compare(x.(*Error).Key, y.(*Error).Key) })
	return errors.Join(faults...)
}

var levels = []string{"debug", "info", "warn", "error"}

// checkAddress takes host:port, host maybe empty, port a number.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: the port is not a number below 65536", address)
	}
	return nil
}

// Peers are the networks that may connect.
func (e ESL) Peers() ([]netip.Prefix, error) {
	var list []netip.Prefix
	var faults []error
	for _, s := range e.Allow {
		p, err := netip.ParsePrefix(strings.TrimSpace(s))
		if err != nil {
			faults = append(faults, fmt.Errorf("%q is not a network such as 10.0.0.0/8", s))
			continue
		}
		list = append(list, p.Masked())
	}
	return list, errors.Join(faults...)
}

func (h HTTP) check(fault func(string, error)) {
	for _, r := range h.AuthToken {
		if r <= ' ' || r >= 0x7f {
			fault("http.auth_token", errors.New("a token has no blanks, and only ASCII characters")) // never shown
			break
		}
	}
	if h.PublicURL != "" {
		fault("http.public_url", checkPublicURL(h.PublicURL))
	}
	if err := checkAddress(h.Listen); err != nil {
		fault("http.listen", err)
		return
	}
	host, _, _ := net.SplitHostPort(h.Listen)
	address, err := netip.ParseAddr(host)
	local := strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
	if !local && h.AuthToken == "" {
		fault("http.listen", fmt.Errorf("%s is not a loopback address: set http.auth_token", h.Listen))
	}
}

// checkPublicURL takes an http or https address behind which a path can be put. Web servers are told it, so it has no
// credentials.
func checkPublicURL(raw string) error {
	if _, err := egress.ParseURL(raw); err != nil {
		if e, ok := errors.AsType[*egress.Error](err); ok {
			err = e.Err
		}
		return err
	}
	if strings.ContainsAny(raw, "@?#") {
		return errors.New("credentials, a query or a fragment have no place in it") // unquoted: it may hold a password
	}
	return nil
}

func (p Pivot) check(fault func(string, error)) {
	if n := p.RequestTimeoutMS; n < 1 || n > 5000 {
		fault("pivot.request_timeout_ms", fmt.Errorf("%d is not between 1 and 5000", n))
	}
	_, err := egress.NewPolicy(p.Blocked, nil)
	fault("pivot.blocked", err)
	_, err = egress.NewPolicy(nil, p.Allowed)
	fault("pivot.allowed", err)
	if n := p.MaxBodyBytes; n < 1 {
		fault("pivot.max_body_bytes", fmt.Errorf("%d is not a size", n))
	}
	if n := p.MaxRequests; n < 1 {
		fault("pivot.max_requests", fmt.Errorf("%d is below 1", n))
	}
	if u := p.UnknownVerb; u != "skip" && u != "hangup" {
		fault("pivot.unknown_verb", fmt.Errorf("%q is neither skip nor hangup", u))
	}
}

func (t TTS) check(fault func(string, error)) {
	_, err := dialplan.ParseVoice(t.Engine, t.Voice)
	fault("media.tts", err)
	for name, voice := range t.Voices {
		engine, inner, both := strings.Cut(voice, "/")
		if !both {
			engine, inner = t.Engine, voice
		}
		if _, err := dialplan.ParseVoice(engine, inner); err != nil {
			fault("media.tts.voices."+name, err)
		}
	}
}

// Policy is what requests may reach.
func (p Pivot) Policy() (*egress.Policy, error) { return egress.NewPolicy(p.Blocked, p.Allowed) }

// Timeout is the most that a web server may take.
func (p Pivot) Timeout() time.Duration { return time.Duration(p.RequestTimeoutMS) * time.Millisecond }

// Routes is Dial, parsed.
type Routes struct {
	Resources []Route
	Device    dialplan.Template
	SIP       dialplan.Template
}

// Route is a parsed Resource.
type Route struct {
	Match *regexp.Regexp
	Dial  dialplan.Template
}

// Parse makes routes of settings.
func (d Dial) Parse() (Routes, error) {
	var faults []error
	routes := d.parse(func(key string, err error) { faults = append(faults, fmt.Errorf("%s: %w", key, err)) })
	return routes, errors.Join(faults...)
}

func (d Dial) check(fault func(string, error)) { d.parse(fault) }

func (d Dial) parse(fault func(string, error)) Routes {
	var r Routes
	template := func(key, text string, names ...string) dialplan.Template {
		t, err := dialplan.ParseTemplate(text, names...)
		if err != nil {
			fault(key, err)
		}
		return t
	}
	for i, resource := range d.Resources {
		key := fmt.Sprintf("dial.resources[%d]", i)
		match, err := regexp.Compile(resource.Match)
		switch {
		case err != nil:
			fault(key+".match", err)
		case resource.Match == "":
			fault(key+".match", errors.New("it is empty, which would match everything"))
		}
		r.Resources = append(r.Resources, Route{match, template(key+".dial", resource.Dial, "number")})
	}
	r.Device = template("dial.device", d.Device, "username", "realm")
	r.SIP = template("dial.sip", d.SIP, "uri")
	return r
}
