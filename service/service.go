// Package service is the running whole: it gives each call that the event socket brings its account and callflow, walks
// the flow, and says goodbye. `serve`, `call` and `demo` are this with different surroundings.
//
// Goroutines: esl.Server's (one for each call, which owns it), one that watches the account documents; Serve waits for
// all of them. Start reading at Service.Serve, then handle.
package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"fspivot/call"
	"fspivot/config"
	"fspivot/dialplan"
	"fspivot/egress"
	"fspivot/esl"
	"fspivot/kazoojson"
	"fspivot/media"
	"fspivot/pivot"
	"fspivot/store"
	"fspivot/timeline"
	"fspivot/twiml"
)

// Service carries out calls.
type Service struct {
	config    config.Config
	log       *logrus.Entry
	documents *store.Documents
	routes    config.Routes
	library   *media.Library
	pivot     *pivot.Service
	client    *egress.Client
	server    *esl.Server
	observers []func(callID string, r timeline.Record)
}

// New makes a service of a checked configuration. Observers see every record of every call; they must not block. Faults
// of account documents are logged: the good ones are served.
func New(c config.Config, version string, log *logrus.Entry, observers ...func(callID string, r timeline.Record)) (*Service, error) {
	s := &Service{config: c, log: log, observers: observers}
	policy, err := c.Pivot.Policy()
	if err != nil {
		return nil, err
	}
	if s.routes, err = c.Dial.Parse(); err != nil {
		return nil, err
	}
	peers, err := c.ESL.Peers()
	if err != nil {
		return nil, err
	}
	voice, err := dialplan.ParseVoice(c.Media.TTS.Engine, c.Media.TTS.Voice)
	if err != nil {
		return nil, err
	}
	if s.documents, err = store.Open(c.Accounts); err != nil {
		log.WithField("err", err).Error("account documents")
	}
	s.client = egress.NewClient(egress.Config{Policy: policy, Version: version})
	s.library, err = media.New(media.Config{Dir: c.Media.Dir, Recordings: c.Media.Recordings, Cache: c.Media.Cache, Voice: voice,
		Voices: c.Media.TTS.Voices, BaseURL: c.HTTP.Base(), Client: s.client, Documents: s.documents})
	if err != nil {
		s.client.Close()
		return nil, err
	}
	s.pivot = &pivot.Service{Client: s.client, Timeout: c.Pivot.Timeout(), MaxBody: c.Pivot.MaxBodyBytes, MaxRequests: c.Pivot.MaxRequests,
		TwiML: twiml.Settings{HangupSilent: !c.Pivot.HangupAnswers, EmptyAnswers: c.Pivot.EmptyAnswers, DialSilent: !c.Pivot.DialAnswers, UnknownVerb: c.Pivot.UnknownVerb}}
	s.server = &esl.Server{Allow: peers, Events: dialplan.Events, Handle: s.handle, Drain: time.Duration(c.ESL.DrainSeconds) * time.Second, Log: log}
	return s, nil
}

// Documents are the accounts that the service serves.
func (s *Service) Documents() *store.Documents { return s.documents }

// Serve takes calls from listener until ctx ends, lets live ones end, and returns when nothing of it runs any more.
func (s *Service) Serve(ctx context.Context, listener net.Listener) error {
	var watching sync.WaitGroup
	watch, stop := context.WithCancel(ctx)
	watching.Go(func() {
		s.documents.Watch(watch, time.Second, func(err error) {
			if err != nil {
				s.log.WithField("err", err).Error("account documents: faulty ones keep their old content")
				return
			}
			s.log.Info("account documents read again")
		})
	})
	err := s.server.Serve(ctx, listener)
	stop()
	watching.Wait()
	s.pivot.Close()
	s.library.Close(10 * time.Second)
	s.client.Close()
	return err
}

// handle owns a call from its first event to the last.
func (s *Service) handle(ctx context.Context, session *esl.Session) {
	log := s.log.WithField("call_id", session.UUID())
	line := timeline.New(s.sinks(session.UUID(), log)...)
	channel := dialplan.NewChannel(session, line)
	defer session.Exit()
	defer func() {
		if fault := recover(); fault != nil {
			log.WithFields(logrus.Fields{"err": fault, "stack": string(debug.Stack())}).Error("panic: the call is hung up")
			// What panicked may be an observer: it is told no more.
			dialplan.NewChannel(session, nil).Kill("", "NORMAL_TEMPORARY_FAILURE")
		}
	}()
	if err := s.run(ctx, channel, line); err != nil {
		// The service stops: the switch goes on with the dialplan's next action.
		log.WithField("err", err).Warn("the call was given back to the switch")
		return
	}
	switch end := channel.End(); end.How {
	case dialplan.Left:
	case dialplan.Lost:
		log.WithField("err", end.Err).Warn("the switch broke the event socket off: the call is its own now")
	default:
		channel.Finish(ctx)
	}
}

// run finds out what is to be done with a call, and does it.
func (s *Service) run(ctx context.Context, channel *dialplan.Channel, line *timeline.Timeline) error {
	account, state := s.identify(channel)
	line.Add(timeline.Record{Kind: timeline.KindCall, From: timeline.Caller, To: timeline.Switch,
		Text:   fmt.Sprintf("calls %s from %s", state.Request.User, state.Number()),
		Fields: map[string]string{"account_id": state.AccountID, "from": state.From.String(), "to": state.To.String()}})

	flow, err := s.flow(channel, account, state, line)
	if err != nil {
		line.Error("", err.Error())
		channel.Queue(dialplan.Respond{Code: 404, Phrase: "Not Found"}, dialplan.Hangup{Cause: "UNALLOCATED_NUMBER"})
		return ended(channel.WaitForEnd(ctx))
	}
	if state.DeviceID == "" && !channel.Answered() {
		channel.Queue(dialplan.RingReady{}) // callflow-engine.md 2.8: a stranger hears that something happens
	}
	sessions := &pivot.Call{Channel: channel, State: state, Routes: s.pivotRoutes(account), Timeline: line,
		Key:   signingKey(account, line),
		Media: &media.Call{Library: s.library, Account: state.AccountID, Channel: channel, Timeline: line}}
	return ended(kazoojson.Walk(ctx, &kazoojson.Run{
		Channel:  channel,
		Call:     state,
		Media:    flowMedia{sessions.Media, state},
		Routes:   s.pivotRoutes(account),
		Timeline: line,
		Flows: func(id string) (*kazoojson.Node, bool) {
			if account == nil || account.Callflows[id] == nil {
				return nil, false
			}
			return account.Callflows[id].Flow, true
		},
		Documents: func(collection, id string) (map[string]any, bool) {
			return s.documents.Document(state.AccountID, collection, id)
		},
		Pivot: func(ctx context.Context, data kazoojson.PivotData) (kazoojson.Pivot, error) {
			return s.pivot.Run(ctx, sessions, data)
		},
	}, flow))
}

// signingKey is the account's auth_token, with which requests to web servers are signed; "": it has none.
func signingKey(account *store.Account, line *timeline.Timeline) string {
	if account == nil {
		return ""
	}
	key, ok := account.Document["auth_token"].(string)
	if !ok && account.Document["auth_token"] != nil {
		line.Warn("", "the account's auth_token is no text: requests are not signed")
	}
	return key
}

// ended drops the error that only says that the call is over.
func ended(err error) error {
	if errors.Is(err, dialplan.ErrGone) {
		return nil
	}
	return err
}

// flowMedia is the library as callflow modules see it: names are never relative to a document.
type flowMedia struct {
	*media.Call
	state *call.State
}

func (m flowMedia) File(ctx context.Context, ref string) (dialplan.File, error) {
	m.Language = m.state.Language // the callflow may have changed it
	return m.Call.File(ctx, ref, nil)
}

func (m flowMedia) Speech(ctx context.Context, text dialplan.Text, voice, language, engine string, stop dialplan.Digits) (dialplan.Application, error) {
	return m.Call.Speech(ctx, text, voice, language, engine, stop)
}

func (m flowMedia) Recording(upload, method, format string) (kazoojson.Recording, error) {
	r, err := m.Record(upload, method, format, nil)
	return kazoojson.Recording{ID: r.ID, URL: r.URL, File: r.File, UploadURL: upload, UploadMethod: method}, err
}

func (m flowMedia) Finished(r kazoojson.Recording, length time.Duration) {
	m.Call.Finished(r.ID, length)
}

// routes is how one account's calls are dialled.
type routes struct {
	config.Routes
	account *store.Account
}

func (s *Service) pivotRoutes(account *store.Account) routes { return routes{s.routes, account} }

// Number takes the first resource whose expression matches.
func (r routes) Number(n dialplan.Number) (dialplan.Endpoint, error) {
	for _, route := range r.Resources {
		if route.Match.MatchString(string(n)) {
			return route.Dial.Number(n), nil
		}
	}
	return dialplan.Endpoint{}, fmt.Errorf("number %q: no resource of dial.resources matches it", n)
}

// SIP dials an address by the template dial.sip.
func (r routes) SIP(u dialplan.SIPURI) (dialplan.Endpoint, error) { return r.Routes.SIP.URI(u), nil }

// User gives the endpoints of a device, or of all devices of a user, by their ids. A device that cannot be dialled costs
// the user's others nothing.
func (r routes) User(id string) ([]dialplan.Endpoint, error) {
	if r.account == nil {
		return nil, fmt.Errorf("device or user %q: the call has no account", id)
	}
	devices := r.account.Documents["devices"]
	var list []dialplan.Endpoint
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(devices)) {
		doc := devices[key]
		owner, _ := doc["owner_id"].(string)
		if key != id && owner != id {
			continue
		}
		if enabled, ok := doc["enabled"].(bool); ok && !enabled {
			continue
		}
		endpoint, err := r.registered(doc)
		if err != nil {
			faults = append(faults, fmt.Errorf("device %s: %w", key, err))
			continue
		}
		list = append(list, endpoint)
	}
	switch {
	case len(list) > 0:
		return list, nil
	case len(faults) > 0:
		return nil, errors.Join(faults...)
	}
	return nil, fmt.Errorf("there is no device or user %q that can be called", id)
}

// registered is where a device has registered.
func (r routes) registered(device map[string]any) (dialplan.Endpoint, error) {
	sip, _ := device["sip"].(map[string]any)
	username, _ := sip["username"].(string)
	user, err := dialplan.ParseNumber(username)
	if err != nil {
		return dialplan.Endpoint{}, fmt.Errorf("sip.username: %w", err)
	}
	realm, _ := sip["realm"].(string)
	host, err := dialplan.ParseNumber(or(realm, r.account.Realm()))
	if err != nil {
		return dialplan.Endpoint{}, fmt.Errorf("realm: %w", err)
	}
	return r.Device.User(user, host), nil
}
