package demo

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

var scenes = []scene{
	{
		title:  "TwiML: a menu, a record and a dial",
		number: "2030",
		flow:   `{"numbers": ["2030"], "flow": {"module": "pivot", "data": {"voice_url": "%s/menu", "req_format": "twiml"}}}`,
		keys: []press{
			{"For a message, press one. To be put through, press two.", "1"},
			{"Say your name, then press pound.", "wwww#"},
			{"Thank you. Which extension?", "4415"},
		},
		requests: []string{"/menu", "/choice Digits=1", "/named Digits=# RecordingDuration=*", "/dial Digits=4415", "/after DialCallStatus=completed"},
		spoken:   []string{"For a message, press one. To be put through, press two.", "Say your name, then press pound.", "Thank you. Which extension?", "Goodbye."},
	},
	{
		title:  "Callflow JSON: digits, variables, a second web answer",
		number: "2031",
		flow: `{"numbers": ["2031"], "flow": {"module": "tts", "data": {"text": "Type your four digit code."}, "children": {"_":
			{"module": "collect_dtmf", "data": {"max_digits": 4, "collection_name": "code"}, "children": {"_":
			{"module": "pivot", "data": {"voice_url": "%s/code"}, "children": {"_": {"module": "tts", "data": {"text": "The office is closed."}}}}}}}}}`,
		keys:     []press{{"Type your four digit code.", "0815"}},
		requests: []string{"/code Digits[code]=0815", "/again Custom-Application-Vars[tier]=gold Digits[code]=0815"},
		spoken:   []string{"Type your four digit code.", "Welcome, gold customer.", "Goodbye."},
	},
}

// answers are what the web application says: TwiML, or Callflow JSON where it begins with a brace.
var answers = map[string]string{
	"/menu":   `<Response><Gather numDigits="1" action="choice"><Say>For a message, press one. To be put through, press two.</Say></Gather><Hangup/></Response>`,
	"/choice": `<Response><Say>Say your name, then press pound.</Say><Record action="named" maxLength="10" finishOnKey="#"/></Response>`,
	"/named":  `<Response><Gather numDigits="4" action="dial"><Say>Thank you. Which extension?</Say></Gather></Response>`,
	"/dial":   `<Response><Dial action="after" timeout="5"><Number>15550009001</Number></Dial></Response>`,
	"/after":  `<Response><Say>Goodbye.</Say><Hangup/></Response>`,
	"/code": `{"module": "set_variables", "data": {"custom_application_vars": {"tier": "gold"}}, "children": {"_":
		{"module": "branch_variable", "data": {"variable": "tier", "scope": "custom_channel_vars"}, "children": {"_":
		{"module": "tts", "data": {"text": "Welcome, gold customer."}, "children": {"_":
		{"module": "pivot", "data": {"voice_url": "%s/again"}}}}}}}}`,
	"/again": `{"module": "tts", "data": {"text": "Goodbye."}, "children": {"_": {"module": "hangup", "data": {}}}}`,
}

// telling are the parameters that a scene checks; of a recording's length only that there is one.
var telling = []string{"Custom-Application-Vars[tier]", "DialCallStatus", "Digits", "Digits[code]", "RecordingDuration"}

// application is the user's web server.
type application struct {
	mu   sync.Mutex
	took []string
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line := r.URL.Path
	for _, name := range telling {
		if value, ok := r.URL.Query()[name]; ok {
			if name == "RecordingDuration" && value[0] != "0" {
				value[0] = "*"
			}
			line += fmt.Sprintf(" %s=%s", name, value[0])
		}
	}
	a.mu.Lock()
	a.took = append(a.took, line)
	a.mu.Unlock()
	body, ok := answers[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	if strings.HasPrefix(body, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	_, _ = io.WriteString(w, strings.ReplaceAll(body, "%s", "http://"+r.Host))
}

func (a *application) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.took)
}
