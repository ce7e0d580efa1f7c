package egress

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
)

const (
	signatureHeader = "X-Twilio-Signature"
	bodyDigest      = "bodySHA256"
	formType        = "application/x-www-form-urlencoded"
)

// Target is the address that is asked: URL, and for a signed body that is no form also the body's digest in its query.
//
//	https://pivot.example.org/voice?lang=en&bodySHA256=<64 hex digits>
//
// Source: twiml.md 3.8.
func (r *Request) Target() *URL {
	if r.Key == "" || len(r.Body) == 0 || r.sendsForm() {
		return r.URL
	}
	sum := sha256.Sum256(r.Body)
	digest := bodyDigest + "=" + hex.EncodeToString(sum[:])
	if slices.Contains(strings.Split(r.URL.u.RawQuery, "&"), digest) { // a redirect kept it
		return r.URL
	}
	return r.URL.WithQuery(digest)
}

func (r *Request) sendsForm() bool {
	kind, _, err := mime.ParseMediaType(r.ContentType)
	return err == nil && kind == formType
}

// signature is the value of X-Twilio-Signature: HMAC-SHA1, in Base64, of the target, and behind it the name and value
// of each parameter of a form, by name and then value, bytewise. A pair that is there twice counts once, as for those who
// check. A file is not signed. Source: twiml.md 3.8.
func (r *Request) signature() string {
	mac := hmac.New(sha1.New, []byte(r.Key))
	mac.Write([]byte(r.Target().String()))
	if r.sendsForm() {
		form, _ := url.ParseQuery(string(r.Body)) // what cannot be read is left out, by those who check as well
		for _, name := range slices.Sorted(maps.Keys(form)) {
			for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
				mac.Write([]byte(name + value))
			}
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
