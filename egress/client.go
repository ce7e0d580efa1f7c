// Package egress is the one way in which this process makes HTTP requests: webhooks, media, uploads, callbacks. It holds
// every one of them to a policy on the address really dialled, to one deadline and to bounds, and knows nothing of calls.
// It wraps go-retryablehttp, whose types stay in here.
//
// Goroutines: those of net/http's connections and of attempts to connect, which Close ends. Start reading at Client.Do;
// Policy and URL are the other halves.
package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Defaults of a Request.
const (
	DefaultMaxBody      = 1 << 20
	DefaultTimeout      = 5 * time.Second
	DefaultMaxRedirects = 5
)

// Request is one request. Method and URL are needed; zero values are said beside the fields.
type Request struct {
	Method       string
	URL          *URL
	Body         []byte
	File         string        // a file that is the body, read anew for each attempt; Body is empty then
	ContentType  string        // of the body
	Accept       string        // "": anything
	Header       http.Header   // further ones, checked by the caller; X-… and secrets are not sent to another origin
	MaxBody      int64         // bytes of the answer; 0: DefaultMaxBody
	Timeout      time.Duration // from before DNS to the answer's last byte; 0: DefaultTimeout
	MaxRedirects int           // 0: DefaultMaxRedirects; negative: none
	Retries      int           // redirects share them
	RetryWhen    When          // 0: NoConnection
	ConnectTime  time.Duration // of an attempt, from before DNS to the end of TLS; 0: as far as Timeout allows
	ReadTime     time.Duration // of an attempt, from there to the answer's first byte; 0: as far as Timeout allows
	Jar          http.CookieJar
	Key          string        // signs it, and afresh what redirects make of it; "": not signed; never shown
	Again        func(Attempt) // told before the request is sent again, on the caller's goroutine; nil: nobody

	retried int // retries so far
}

// Attempt is one that another follows.
type Attempt struct {
	Number int   // from 1
	Status int   // of its answer; 0: there was none
	Err    error // an *Error, when there was none
}

func (r *Request) deadline() time.Duration {
	if r.Timeout <= 0 {
		return DefaultTimeout
	}
	return r.Timeout
}

// Response is an answer, of whatever status.
type Response struct {
	Status    int
	Header    http.Header
	Body      []byte
	Method    string   // that got it: after a redirect perhaps not the request's
	URL       *URL     // that gave it, the last of Redirects
	Redirects []string // hops behind the first URL, without credentials
	Attempts  int      // 1 and the retries
}

// Config is what a client works with.
type Config struct {
	Policy   *Policy
	Version  string         // of this program, for User-Agent
	Resolver Resolver       // nil: the system's
	RootCAs  *x509.CertPool // nil: the system's
}

// Client makes requests. Its methods may be called from any goroutine.
type Client struct {
	policy    *Policy
	agent     string
	transport *http.Transport
	closed    chan struct{} // by Close: ends attempts to connect
	closing   sync.Once
}

// NewClient makes a client. It uses no proxy of the environment: that would dial past the policy.
func NewClient(c Config) *Client {
	resolver := c.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	closed := make(chan struct{})
	return &Client{policy: c.Policy, agent: "fspivot/" + c.Version, closed: closed, transport: &http.Transport{
		DialContext:            c.Policy.dial(resolver, closed),
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1000,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
	}}
}

// Close ends idle connections and attempts to connect that their request no longer waits for. No request may follow.
func (c *Client) Close() {
	c.closing.Do(func() { close(c.closed) })
	c.transport.CloseIdleConnections()
}

// Do makes a request and reads its answer. The error is an *Error; a status is never one. Source: pivot.md 4, 9.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	var body bytes.Buffer
	response, err := c.Fetch(ctx, r, &body)
	if err != nil {
		return nil, err
	}
	response.Body = body.Bytes()
	return response, nil
}

// Fetch is Do with the body written to w.
func (c *Client) Fetch(ctx context.Context, r Request, w io.Writer) (*Response, error) {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, r.deadline())
	defer cancel()
	response, err := c.follow(ctx, r, w)
	if err != nil {
		return nil, classify(parent, r.URL, err)
	}
	return response, nil
}

// follow sends the request and what redirects make of it.
func (c *Client) follow(ctx context.Context, r Request, w io.Writer) (*Response, error) {
	most := r.MaxRedirects
	if most == 0 {
		most = DefaultMaxRedirects
	}
	out := &Response{}
	for {
		if err := c.policy.CheckURL(r.URL); err != nil {
			return nil, err
		}
		response, err := c.send(ctx, &r)
		if err != nil {
			return nil, err
		}
		if !redirects(response.StatusCode) || most < 0 {
			out.Status, out.Header, out.Method, out.URL = response.StatusCode, response.Header, r.Method, r.URL
			out.Attempts = 1 + r.retried
			err = copyBody(w, response, r.MaxBody)
			_ = response.Body.Close()
			if err != nil {
				return nil, err
			}
			return out, nil
		}
		_ = response.Body.Close()
		bad := func(reason Reason, err error) error { return &Error{Reason: reason, URL: r.URL.Redacted(), Err: err} }
		if len(out.Redirects) >= most {
			return nil, bad(TooManyRedirects, fmt.Errorf("over %d redirects", most))
		}
		location := response.Header.Get("Location")
		if location == "" {
			return nil, bad(BadRedirect, fmt.Errorf("status %d without Location", response.StatusCode))
		}
		next, err := r.URL.Resolve(location)
		if err != nil {
			return nil, bad(BadRedirect, fmt.Errorf("address %w", unwrapBadURL(err)))
		}
		if !next.SameOrigin(r.URL) {
			r.Header = withoutPrivate(r.Header)
		}
		if losesBody(response.StatusCode, r.Method) {
			r.Method, r.Body, r.File, r.ContentType = http.MethodGet, nil, "", ""
		}
		r.URL = next
		out.Redirects = append(out.Redirects, next.Redacted())
	}
}

// unwrapBadURL drops the reason of an address that came from a server: it is the redirect's.
func unwrapBadURL(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Err
	}
	return err
}

// losesBody tells that a redirect asks again with a GET. 301 and 302 do that to a POST, as they do in browsers.
// Source: pivot.md 9; RFC 9110 15.4.
func losesBody(status int, method string) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound:
		return method == http.MethodPost
	case http.StatusSeeOther:
		return method != http.MethodHead
	}
	return false
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return true
	}
	return false
}

// withoutPrivate drops what another origin must not see.
func withoutPrivate(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		switch canonical := http.CanonicalHeaderKey(name); {
		case strings.HasPrefix(canonical, "X-"), canonical == "Authorization", canonical == "Proxy-Authorization",
			canonical == "Cookie":
		default:
			out[name] = values
		}
	}
	return out
}

// send makes one request, and again where RetryWhen wants that; r.Retries is what is left of them.
func (c *Client) send(ctx context.Context, r *Request) (*http.Response, error) {
	a := &attempts{transport: c.transport, connectTime: r.ConnectTime, readTime: r.ReadTime}
	request, err := retryablehttp.NewRequestWithContext(ctx, r.Method, r.Target().String(), body(r))
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	request.Header.Set("User-Agent", c.agent)
	if r.Accept != "" {
		request.Header.Set("Accept", r.Accept)
	}
	if r.ContentType != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	if r.Key != "" {
		request.Header.Set(signatureHeader, r.signature())
	}
	if u := r.URL.user; u != nil {
		password, _ := u.Password()
		request.SetBasicAuth(u.Username(), password)
	}
	header := request.Header.Clone()
	retry := &retryablehttp.Client{
		HTTPClient: &http.Client{Transport: a, Jar: r.Jar, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		RetryMax:     r.Retries,
		RetryWaitMin: 20 * time.Millisecond,
		RetryWaitMax: 200 * time.Millisecond,
		Backoff: func(least, most time.Duration, n int, _ *http.Response) time.Duration {
			return retryablehttp.DefaultBackoff(least, most, n, nil) // Retry-After would be longer than a caller waits
		},
		CheckRetry: func(ctx context.Context, response *http.Response, err error) (bool, error) {
			if ctx.Err() != nil || a.count > r.Retries || !r.again(a, response, err) {
				return false, nil
			}
			failed := Attempt{Number: r.retried + a.count}
			if err != nil {
				failed.Err = classify(ctx, r.URL, err)
			} else {
				failed.Status = response.StatusCode
				_ = response.Body.Close() // a slow one is not waited for
			}
			if r.Again != nil {
				r.Again(failed)
			}
			return true, nil
		},
		PrepareRetry: func(again *http.Request) error {
			again.Header = header.Clone() // net/http put the jar's cookies into the last one
			return nil
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	response, err := retry.Do(request)
	retries := max(0, a.count-1)
	r.Retries -= retries
	r.retried += retries
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		_ = response.Body.Close()
		return nil, &Error{Reason: Protocol, Err: errors.New("the server switches protocols, unasked")}
	}
	if a.location != "" {
		response.Header.Set("Location", a.location)
	}
	return response, nil
}

// again tells whether an attempt failed in a way after which another is wanted. What came to grief after a byte of an
// answer is never repeated, but an answer may be.
func (r *Request) again(a *attempts, response *http.Response, err error) bool {
	when := r.RetryWhen
	if when == 0 {
		when = NoConnection
	}
	if err == nil {
		return when&Status4xx != 0 && response.StatusCode/100 == 4 || when&Status5xx != 0 && response.StatusCode/100 == 5
	}
	if a.last == nil || a.last.answered.Load() {
		return false
	}
	if late, ok := errors.AsType[*overdue](err); ok && late.connected {
		return when&Silence != 0
	}
	return when&NoConnection != 0 && repeatable(err)
}

// body is what retryablehttp reads a request's body from: nil for none, a file by its length.
func body(r *Request) any {
	switch {
	case r.File != "":
		return retryablehttp.ReaderFunc(func() (io.Reader, error) {
			f, err := os.Open(r.File)
			if err != nil {
				return nil, err
			}
			info, err := f.Stat()
			if err != nil {
				_ = f.Close()
				return nil, err
			}
			return &fileBody{Reader: io.LimitReader(f, info.Size()), Closer: f, size: int(info.Size())}, nil
		})
	case len(r.Body) > 0:
		return r.Body
	}
	return nil // an empty slice would be sent in chunks
}

// fileBody is a file as long as it was when it was opened.
type fileBody struct {
	io.Reader
	io.Closer
	size int
}

// Len makes it the request's Content-Length.
func (f *fileBody) Len() int { return f.size }

// attempts is one request's way through the transport that all share. It hides the transport's CloseIdleConnections,
// which a request that fails would call to everybody's cost, and Location from net/http, which reads it, and fails over
// it, before CheckRedirect is asked.
type attempts struct {
	transport             *http.Transport
	connectTime, readTime time.Duration // of each; 0: no limit
	count                 int
	last                  *attempt // nil: none yet
	location              string
}

func (a *attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	one := &attempt{readTime: a.readTime, cancel: cancel}
	a.count, a.last = a.count+1, one
	one.limit(a.connectTime, false)
	response, err := a.transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, one.trace())))
	one.limit(0, false)
	if err != nil {
		err = one.explain(ctx, err)
		cancel(nil)
		return nil, err
	}
	a.location = response.Header.Get("Location")
	response.Header.Del("Location")
	return response, nil // its body is read under ctx, which ends with the request's
}

// attempt is one of them. Parts of it may outlive it: net/http goes on connecting, for others.
type attempt struct {
	readTime  time.Duration
	cancel    context.CancelCauseFunc
	connected atomic.Bool           // it got a connection
	answered  atomic.Bool           // a byte of an answer came
	handshake atomic.Pointer[error] // of TLS, that failed

	mu    sync.Mutex
	timer *time.Timer
}

// limit gives the attempt so much time from now on, instead of what it had; 0: any.
func (a *attempt) limit(d time.Duration, connected bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	if d > 0 {
		a.timer = time.AfterFunc(d, func() { a.cancel(&overdue{connected, d}) })
	}
}

// explain gives the reason to errors that do not tell by themselves: an attempt that was given up, those of a TLS
// handshake, and those of a connection that was lost while it waited for an answer, often one that the server had closed
// meanwhile.
func (a *attempt) explain(ctx context.Context, err error) error {
	if late, ok := errors.AsType[*overdue](context.Cause(ctx)); ok {
		return &Error{Reason: Timeout, Err: late}
	}
	if isTimeout(err) || isReset(err) || isLocal(err) || errors.Is(err, context.Canceled) {
		return err
	}
	if fault := a.handshake.Load(); isTLS(err) || fault != nil && errors.Is(err, *fault) {
		return &Error{Reason: TLS, Err: err}
	}
	if a.connected.Load() && !a.answered.Load() {
		return &Error{Reason: Reset, Err: err}
	}
	return err
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			a.connected.Store(true)
			a.limit(a.readTime, true)
		},
		GotFirstResponseByte: func() {
			a.answered.Store(true)
			a.limit(0, true)
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				a.handshake.Store(&err)
			}
		},
	}
}

// repeatable tells a connection that failed, rather than a request. Where no byte of an answer had come, what was sent
// may be sent again.
func repeatable(err error) bool {
	if late, ok := errors.AsType[*overdue](err); ok {
		return !late.connected
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason == DNS || e.Reason == Reset
	}
	return isUnreachable(err) || isReset(err) || errors.Is(err, syscall.ECONNREFUSED)
}

func isUnreachable(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) ||
		errors.Is(err, syscall.EADDRNOTAVAIL)
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &netErr) && netErr.Timeout()
}

func copyBody(w io.Writer, r *http.Response, most int64) error {
	if most <= 0 {
		most = DefaultMaxBody
	}
	large := &Error{Reason: TooLarge, Err: fmt.Errorf("answer over %d bytes", most)}
	if r.ContentLength > most {
		return large
	}
	limit := most
	if r.ContentLength >= 0 {
		limit = r.ContentLength // io.Copy's buffer goes by it: most answers are far below 32 KB
	}
	to := &writer{Writer: w}
	n, err := io.Copy(to, io.LimitReader(r.Body, limit+1))
	switch {
	case to.err != nil:
		return &Error{Reason: Local, Err: to.err}
	case err != nil && (errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)):
		return &Error{Reason: Truncated, Err: err}
	case err != nil:
		return err
	case n > most:
		return large
	}
	return nil
}

// writer tells a fault of what is written to from one of what is read.
type writer struct {
	io.Writer
	err error
}

func (w *writer) Write(b []byte) (n int, err error) {
	n, w.err = w.Writer.Write(b)
	return n, w.err
}

// classify gives an error its reason. ctx is the caller's: its end is a cancellation unless its own deadline came first.
func classify(ctx context.Context, u *URL, err error) error {
	if ctx.Err() != nil {
		reason, cause := Cancelled, context.Cause(ctx)
		if errors.Is(cause, context.DeadlineExceeded) {
			reason = Timeout
		}
		return &Error{Reason: reason, URL: u.Redacted(), Err: cause}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if e.URL == "" {
			return &Error{Reason: e.Reason, URL: u.Redacted(), Err: e.Err}
		}
		return e
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // its text repeats the URL
	}
	reason := Protocol
	switch {
	case isTimeout(err):
		reason = Timeout
	case errors.Is(err, syscall.ECONNREFUSED):
		reason = Refused
	case isUnreachable(err):
		reason = Unreachable
	case isReset(err):
		reason = Reset
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = Truncated
	case isTLS(err):
		reason = TLS
	case isLocal(err):
		reason = Local
	}
	return &Error{Reason: reason, URL: u.Redacted(), Err: err}
}

// isTLS finds faults of TLS behind the handshake: a server that wants a certificate says so with its first record.
func isTLS(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && (e.Op == "remote error" || e.Op == "local error")
}

func isLocal(err error) bool {
	_, ok := errors.AsType[*os.PathError](err)
	return ok
}
