// Package egress is the one way in which this process makes HTTP requests: webhooks, media, uploads, callbacks. It holds
// every one of them to a policy on the address really dialled, to one deadline and to bounds, and knows nothing of calls.
// It wraps go-retryablehttp, whose types stay in here.
//
// Goroutines: those of net/http's connections, which Close ends. Start reading at Client.Do; Policy and URL are the other
// halves.
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
	"net/url"
	"os"
	"strings"
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
	ContentType  string        // of Body
	Accept       string        // "": anything
	Header       http.Header   // further ones, checked by the caller; X-… are not sent to another origin
	MaxBody      int64         // bytes of the answer; 0: DefaultMaxBody
	Timeout      time.Duration // from before DNS to the answer's last byte; 0: DefaultTimeout
	MaxRedirects int           // 0: DefaultMaxRedirects; negative: none
	Retries      int           // when the connection failed before any byte of an answer
	Jar          http.CookieJar
}

// Response is an answer, of whatever status.
type Response struct {
	Status    int
	Header    http.Header
	Body      []byte
	URL       *URL     // that gave it, the last of Redirects
	Redirects []string // hops behind the first URL, without credentials
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
}

// NewClient makes a client. It uses no proxy of the environment: that would dial past the policy.
func NewClient(c Config) *Client {
	resolver := c.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	return &Client{policy: c.Policy, agent: "fspivot/" + c.Version, transport: &http.Transport{
		DialContext:            c.Policy.dial(resolver),
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1000,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
	}}
}

// Close ends idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

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
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
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
	out := &Response{URL: r.URL}
	hop := r
	for {
		if err := c.policy.CheckURL(hop.URL); err != nil {
			return nil, err
		}
		response, err := c.send(ctx, hop)
		if err != nil {
			return nil, err
		}
		location := response.Header.Get("Location")
		if !redirects(response.StatusCode) || most < 0 {
			out.Status, out.Header, out.URL = response.StatusCode, response.Header, hop.URL
			err = copyBody(w, response, r.MaxBody)
			_ = response.Body.Close()
			return out, err
		}
		_ = response.Body.Close()
		if len(out.Redirects) >= most {
			return nil, &Error{Reason: TooManyRedirects, URL: hop.URL.Redacted(), Err: fmt.Errorf("over %d redirects", most)}
		}
		if location == "" {
			return nil, &Error{Reason: BadRedirect, URL: hop.URL.Redacted(), Err: fmt.Errorf("status %d without Location", response.StatusCode)}
		}
		next, err := hop.URL.Resolve(location)
		if err != nil {
			return nil, &Error{Reason: BadRedirect, URL: hop.URL.Redacted(), Err: err}
		}
		if !next.SameOrigin(hop.URL) {
			hop.Header = withoutPrivate(hop.Header)
		}
		if code := response.StatusCode; code != http.StatusTemporaryRedirect && code != http.StatusPermanentRedirect {
			// 301, 302 and 303 alike: asked again without the body. Source: pivot.md 9.
			hop.Method, hop.Body, hop.ContentType = http.MethodGet, nil, ""
		}
		hop.URL = next
		out.Redirects = append(out.Redirects, next.Redacted())
	}
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// withoutPrivate drops what another origin must not see.
func withoutPrivate(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if !strings.HasPrefix(strings.ToLower(name), "x-") && name != "Authorization" {
			out[name] = values
		}
	}
	return out
}

// send makes one request, again when the connection failed before any answer.
func (c *Client) send(ctx context.Context, r Request) (*http.Response, error) {
	request, err := retryablehttp.NewRequestWithContext(ctx, r.Method, r.URL.String(), r.Body)
	if err != nil {
		return nil, &Error{Reason: BadURL, Err: err}
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	request.Header.Set("User-Agent", c.agent)
	if r.Accept != "" {
		request.Header.Set("Accept", r.Accept)
	}
	if r.ContentType != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	if u := r.URL.user; u != nil {
		password, _ := u.Password()
		request.SetBasicAuth(u.Username(), password)
	}
	retry := &retryablehttp.Client{
		HTTPClient: &http.Client{Transport: c.transport, Jar: r.Jar, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		RetryMax:     r.Retries,
		RetryWaitMin: 20 * time.Millisecond,
		RetryWaitMax: 200 * time.Millisecond,
		Backoff:      retryablehttp.DefaultBackoff,
		CheckRetry: func(ctx context.Context, _ *http.Response, err error) (bool, error) {
			return ctx.Err() == nil && beforeAnswer(err), nil
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	response, err := retry.Do(request)
	if err != nil {
		return nil, err
	}
	return response, nil
}

// beforeAnswer tells a connection that failed before any byte of an answer. What was sent may then be sent again.
func beforeAnswer(err error) bool {
	if err == nil {
		return false
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason == DNS
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

func copyBody(w io.Writer, r *http.Response, most int64) error {
	if most <= 0 {
		most = DefaultMaxBody
	}
	large := &Error{Reason: TooLarge, Err: fmt.Errorf("answer over %d bytes", most)}
	if r.ContentLength > most {
		return large
	}
	n, err := io.Copy(w, io.LimitReader(r.Body, most+1))
	switch {
	case err != nil && errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Reason: Truncated, Err: err}
	case err != nil:
		return err
	case n > most:
		return large
	}
	return nil
}

// classify gives an error its reason. ctx is the caller's: its end is a cancellation, the deadline's a timeout.
func classify(ctx context.Context, u *URL, err error) error {
	if ctx.Err() != nil {
		return &Error{Reason: Cancelled, URL: u.Redacted(), Err: context.Cause(ctx)}
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
	var netErr net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		reason = Timeout
	case errors.Is(err, syscall.ECONNREFUSED):
		reason = Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		reason = Unreachable
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		reason = Reset
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = Truncated
	case isTLS(err):
		reason = TLS
	}
	return &Error{Reason: reason, URL: u.Redacted(), Err: err}
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.AlertError](err)
	return ok
}
