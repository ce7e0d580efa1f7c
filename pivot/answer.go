package pivot

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"fspivot/egress"
	"fspivot/kazoojson"
	"fspivot/twiml"
)

// answer is what a web server told us to do: one of the fields, or none for "nothing".
type answer struct {
	twiml *twiml.Document
	flow  *kazoojson.Node
}

// read makes an answer of a response: only status 200, by its Content-Type. Problems that were coped with come along.
// Source: pivot.md 9, 10.
func read(r *egress.Response) (answer, []twiml.Problem, error) {
	if r.Status != http.StatusOK {
		return answer{}, nil, statusError(r.Status)
	}
	header := strings.TrimSpace(r.Header.Get("Content-Type"))
	media, charset := "text/xml", ""
	if header != "" {
		name, rest, _ := strings.Cut(header, ";")
		media = strings.ToLower(strings.TrimSpace(name))
		if _, parameters, err := mime.ParseMediaType("text/xml;" + rest); err == nil {
			charset = parameters["charset"]
		}
		// A list of types counts as its first.
		media, _, _ = strings.Cut(media, ",")
	}
	if len(bytes.TrimSpace(bytes.TrimPrefix(r.Body, []byte("\xef\xbb\xbf")))) == 0 && known(media) {
		return answer{}, nil, nil
	}
	switch media {
	case "text/xml", "application/xml":
		doc, problems, err := twiml.Parse(r.Body, charset)
		if err != nil {
			return answer{}, problems, err
		}
		return answer{twiml: doc}, problems, nil
	case "application/json":
		flow, err := kazoojson.Parse(bytes.TrimPrefix(r.Body, []byte("\xef\xbb\xbf")), true)
		if err != nil {
			return answer{}, nil, err
		}
		return answer{flow: flow}, nil, nil
	}
	return answer{}, nil, &typeError{media}
}

// statusError is the status of an answer, other than 200.
type statusError int

func (e statusError) Error() string {
	return fmt.Sprintf("the web server answered %d, not 200", int(e))
}

// Code is the code of debug records. Source: twiml.md, appendix C.
func (e statusError) Code() string {
	if e >= http.StatusBadRequest {
		return "11217"
	}
	return "11200"
}

// typeError is an answer that is neither TwiML nor Callflow JSON by its own account.
type typeError struct{ media string }

func (e *typeError) Error() string {
	return fmt.Sprintf("content type %q: text/xml, application/xml and application/json are understood", clip(e.media))
}

// Code is the code of debug records. Source: twiml.md, appendix C.
func (e *typeError) Code() string { return "12300" }

func known(media string) bool {
	return media == "text/xml" || media == "application/xml" || media == "application/json"
}
