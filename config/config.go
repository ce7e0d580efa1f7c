// Package config is the service's settings: one YAML file, every key also as an environment variable, unknown keys are
// errors. It has no goroutine and keeps nothing. configs/fspivot.yaml shows every key with its default.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/sirupsen/logrus"

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
		Pivot: Pivot{RequestTimeoutMS: 5000, Blocked: []string{"127.0.0.1/32", "0.0.0.0/32", "localhost"}, MaxBodyBytes: 1 << 20,
			MaxRequests: 1000, HangupAnswers: true, DialAnswers: true, UnknownVerb: "skip"},
		Media: Media{Dir: "media", Recordings: "recordings", TTS: TTS{Engine: "flite", Voice: "slt"}},
		Dial: Dial{Resources: []Resource{{Match: `^\+?\d{7,15}$`, Dial: "sofia/gateway/carrier/{number}"}},
			Device: "user/{username}@{realm}", SIP: "sofia/external/{uri}"},
		Log: Log{Level: "info", Format: "text"},
	}
}

// Prefix begins the environment variables: esl.listen is FSPIVOT_ESL_LISTEN. Lists are separated by commas.
const Prefix = "FSPIVOT_"

// Load reads the file, "" for none, and the environment over it, and checks all. The error lists every fault.
func Load(file string, environment []string) (Config, error) {
	c := Default()
	if file != "" {
		body, err := os.ReadFile(file)
		if err != nil {
			return c, fmt.Errorf("configuration: %w", err)
		}
		return Parse(file, body, environment)
	}
	return Parse("", nil, environment)
}

// Parse is Load with the file's content.
func Parse(name string, body []byte, environment []string) (Config, error) {
	c := Default()
	k := koanf.New(".")
	if len(body) > 0 {
		if err := k.Load(rawbytes.Provider(body), yaml.Parser()); err != nil {
			return c, fmt.Errorf("configuration %s: %w", name, err)
		}
	}
	keys := settingKeys()
	var unknown []error
	provider := env.Provider(".", env.Opt{
		Prefix:      Prefix,
		EnvironFunc: func() []string { return environment },
		TransformFunc: func(variable, value string) (string, any) {
			name := strings.TrimPrefix(variable, Prefix)
			key, ok := keys[name]
			if !ok {
				if name == "FREESWITCH" { // of the tests on a real switch
					return "", nil
				}
				unknown = append(unknown, fmt.Errorf("environment variable %s: there is no such setting", variable))
				return "", nil
			}
			return key, value
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return c, fmt.Errorf("configuration: environment: %w", err)
	}
	err := k.UnmarshalWithConf("", nil, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, TagName: "koanf", ErrorUnused: true, WeaklyTypedInput: true, ZeroFields: true,
		DecodeHook: mapstructure.StringToSliceHookFunc(","),
	}})
	if err != nil {
		unknown = append(unknown, fmt.Errorf("configuration %s: %w", name, err))
	}
	return c, errors.Join(errors.Join(unknown...), c.Check())
}

// settingKeys gives the setting of each environment variable's name: every key but lists of objects and maps.
func settingKeys() map[string]string {
	keys := map[string]string{}
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for i := range t.NumField() {
			field := t.Field(i)
			key := path + field.Tag.Get("koanf")
			switch kind := field.Type.Kind(); {
			case kind == reflect.Struct:
				walk(field.Type, key+".")
			case kind == reflect.Map, kind == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			default:
				keys[strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = key
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return keys
}

// Check tells every setting that cannot be used.
func (c Config) Check() error {
	var faults []error
	fault := func(key string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
		}
	}
	_, _, err := net.SplitHostPort(c.ESL.Listen)
	fault("esl.listen", err)
	_, err = c.ESL.Peers()
	fault("esl.allow", err)
	fault("http.listen", c.HTTP.check())
	if n := c.Pivot.RequestTimeoutMS; n < 1 || n > 5000 {
		fault("pivot.request_timeout_ms", fmt.Errorf("%d is not between 1 and 5000", n))
	}
	if n := c.Pivot.MaxBodyBytes; n < 1 {
		fault("pivot.max_body_bytes", fmt.Errorf("%d is not a size", n))
	}
	if u := c.Pivot.UnknownVerb; u != "skip" && u != "hangup" {
		fault("pivot.unknown_verb", fmt.Errorf("%q is neither skip nor hangup", u))
	}
	_, err = c.Pivot.Policy()
	fault("pivot.blocked", err)
	_, err = dialplan.ParseVoice(c.Media.TTS.Engine, c.Media.TTS.Voice)
	fault("media.tts", err)
	_, err = c.Dial.Parse()
	fault("dial", err)
	_, err = logrus.ParseLevel(c.Log.Level)
	fault("log.level", err)
	if f := c.Log.Format; f != "text" && f != "json" {
		fault("log.format", fmt.Errorf("%q is neither text nor json", f))
	}
	return errors.Join(faults...)
}

// Peers are the networks that may connect.
func (e ESL) Peers() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, s := range e.Allow {
		p, err := netip.ParsePrefix(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", s)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func (h HTTP) check() error {
	host, _, err := net.SplitHostPort(h.Listen)
	if err != nil {
		return err
	}
	address, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && address.IsLoopback()
	if !local && h.AuthToken == "" {
		return fmt.Errorf("%s is not a loopback address: set http.auth_token", h.Listen)
	}
	return nil
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

// Parse makes routes of the settings.
func (d Dial) Parse() (Routes, error) {
	var r Routes
	var faults []error
	for i, resource := range d.Resources {
		match, err := regexp.Compile(resource.Match)
		if err != nil {
			faults = append(faults, fmt.Errorf("resources[%d].match: %w", i, err))
		}
		template, err := dialplan.ParseTemplate(resource.Dial, "number")
		if err != nil {
			faults = append(faults, fmt.Errorf("resources[%d].dial: %w", i, err))
		}
		r.Resources = append(r.Resources, Route{match, template})
	}
	var err error
	if r.Device, err = dialplan.ParseTemplate(d.Device, "username", "realm"); err != nil {
		faults = append(faults, fmt.Errorf("device: %w", err))
	}
	if r.SIP, err = dialplan.ParseTemplate(d.SIP, "uri"); err != nil {
		faults = append(faults, fmt.Errorf("sip: %w", err))
	}
	return r, errors.Join(faults...)
}
