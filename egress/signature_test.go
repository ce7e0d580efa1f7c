package egress

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const testKey = "fspivot-test-key-7c2a"

// The worked example, and the other figures beside it. Source: twiml.md 3.8.
func TestSignature(t *testing.T) {
	t.Parallel()
	const address = "https://pivot.example.org/voice/menu?lang=en"
	params := Params{"AccountSid": "AC00000000000000000000000000000001", "ApiVersion": "2010-04-01",
		"CallSid": "5d3b1f7e-91c4-4b0a-8f6e-2a7c9d0e4b15", "CallStatus": "in-progress", "CallerName": "Fish & Chips",
		"Digits": "42", "Direction": "inbound", "From": "+15005550006", "To": "+15005550001"}
	form := func(p Params) Request {
		return Request{Method: "POST", URL: mustParse(t, address), Body: []byte(p.EncodeForm()), ContentType: formType}
	}
	get := func(u string) Request { return Request{Method: "GET", URL: mustParse(t, u)} }
	for name, c := range map[string]struct {
		request      Request
		target, want string // target "": the address
	}{
		"form": {form(params), "", "5e2xXkbRASwsyU1ZqJA1XzyOFpE="},
		"form with a charset": {Request{Method: "POST", URL: mustParse(t, address), Body: []byte(params.EncodeForm()),
			ContentType: "Application/X-www-form-urlencoded; charset=UTF-8"}, "", "5e2xXkbRASwsyU1ZqJA1XzyOFpE="},
		"query": {Request{Method: "GET", URL: mustParse(t, address).WithQuery(params.EncodeForm())},
			address + "&" + params.EncodeForm(), "Um/CMIaHx0NQn0YXjh0UT+4Wr0w="},
		"JSON": {Request{Method: "POST", URL: mustParse(t, address), ContentType: "application/json",
			Body: []byte(`{"CallSid":"5d3b1f7e-91c4-4b0a-8f6e-2a7c9d0e4b15","Digits":"42"}`)},
			address + "&bodySHA256=3793aa7f30d18639c5ba736d39c5483ea1558baf2f86b331f75642b52f8d7b5d",
			"9T+316dclHgzRCIt6nVEINIyx14="},
		"URL alone":            {get(address), "", "mZn9760gOabXIltJ2AONXgD/3PA="},
		"credentials":          {get("https://user:pass@pivot.example.org/voice/menu?lang=en"), "", "mZn9760gOabXIltJ2AONXgD/3PA="},
		"fragment":             {get(address + "#rc=3"), "", "mZn9760gOabXIltJ2AONXgD/3PA="},
		"form without a field": {form(Params{}), "", "mZn9760gOabXIltJ2AONXgD/3PA="},
		"empty value":          {form(Params{"CallerName": "Café", "Digits": ""}), "", "Vol+/Jyatl1L7cHa58Q0Z1ybV4A="},
		"capitals first":       {form(Params{"a": "1", "B": "2"}), "", "13PwfEWoK55Dvw3CfpkXLporJ7c="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.request.Key = testKey
			if c.target == "" {
				c.target = address
			}
			if got := c.request.Target().String(); got != c.target {
				t.Errorf("target %s, want %s", got, c.target)
			}
			if got := c.request.signature(); got != c.want {
				t.Errorf("signature %s, want %s", got, c.want)
			}
		})
	}
}

// verify does what the helper libraries of web servers do. base is the address as the server was configured.
func verify(r *http.Request, base string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(testKey))
	_, _ = io.WriteString(mac, base+r.URL.RequestURI())
	if strings.HasPrefix(r.Header.Get("Content-Type"), formType) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return err.Error()
		}
		var names []string
		for name := range form {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			values := slices.Clone(form[name])
			slices.Sort(values)
			for _, value := range slices.Compact(values) {
				_, _ = io.WriteString(mac, name+value)
			}
		}
	}
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("X-Twilio-Signature") != want {
		return fmt.Sprintf("signature %q, want %q", r.Header.Get("X-Twilio-Signature"), want)
	}
	return ""
}

// Whatever is sent, and however, what arrives verifies.
func TestSignatureVerifies(t *testing.T) {
	t.Parallel()
	var fault, seen string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fault, seen = verify(r, "http://"+r.Host, body), r.URL.RequestURI()
	}))
	t.Cleanup(s.Close)
	client := open(t)
	rapid.Check(t, func(t *rapid.T) {
		u, err := ParseURL(s.URL + "/" + rapid.StringMatching(`[ -~é]{0,12}`).Draw(t, "rest of the URL"))
		if err != nil {
			t.Skip("no URL")
		}
		params := Params{}
		for name, value := range rapid.MapOfN(rapid.String(), rapid.String(), 0, 5).Draw(t, "parameters") {
			params[name] = value
		}
		params["list"] = []any{"b", "a", "b"}
		request := Request{Method: "POST", URL: u, Key: testKey}
		switch rapid.SampledFrom([]string{"GET", "form", "json"}).Draw(t, "kind") {
		case "GET":
			request.Method, request.URL = "GET", u.WithQuery(params.EncodeForm())
		case "form":
			request.Body, request.ContentType = []byte(params.EncodeForm()), formType
		default:
			if request.Body, err = params.EncodeJSON(); err != nil {
				t.Fatal(err)
			}
			request.ContentType = "application/json"
		}
		if _, err := client.Do(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if fault != "" {
			t.Fatalf("%s: %s", seen, fault)
		}
		if json := request.ContentType == "application/json"; json != strings.Contains(seen, "bodySHA256=") {
			t.Fatalf("asked %s", seen)
		}
	})
}

// Each hop of a redirect is signed for itself; the digest of a body is there once, and no part of what the answer's URL is.
func TestSignatureOfRedirects(t *testing.T) {
	t.Parallel()
	var got []string
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if fault := verify(r, "http://"+r.Host, body); fault != "" {
			t.Errorf("%s: %s", r.URL, fault)
		}
		got = append(got, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, strings.Count(r.URL.RawQuery, "bodySHA256=")))
		switch r.URL.Path {
		case "/1":
			http.Redirect(w, r, "/2?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		case "/2":
			http.Redirect(w, r, "/3?x=1", http.StatusPermanentRedirect)
		case "/3":
			http.Redirect(w, r, "/4?x=2", http.StatusFound)
		}
	})
	response, err := open(t).Do(t.Context(), Request{Method: "POST", URL: mustParse(t, s.URL+"/1"), Key: testKey,
		Body: []byte(`{"a":"b"}`), ContentType: "application/json"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"POST /1 1", "POST /2 1", "POST /3 1", "GET /4 0"}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if want := s.URL + "/4?x=2"; response.URL.String() != want {
		t.Errorf("answered by %s, want %s", response.URL, want)
	}
}

// Without a key nothing is signed and no address changed; with one, no header of the caller's stands in for it.
func TestSignatureKey(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.URL.RequestURI(), r.Header.Values("X-Twilio-Signature"))
	})
	request := Request{Method: "POST", URL: mustParse(t, s.URL+"/a"), Body: []byte("{}"), ContentType: "application/json"}
	response, err := open(t).Do(t.Context(), request)
	if err != nil || string(response.Body) != "/a []" {
		t.Errorf("unsigned: %+v, %v", response, err)
	}
	request.Key, request.Header = testKey, http.Header{"X-Twilio-Signature": {"forged"}}
	response, err = open(t).Do(t.Context(), request)
	want := fmt.Sprintf("%s [%s]", strings.TrimPrefix(request.Target().String(), s.URL), request.signature())
	if err != nil || string(response.Body) != want {
		t.Errorf("signed: %+v, %v, want %s", response, err, want)
	}
}
