package scenarios

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fspivot/timeline"
)

// hostile are texts that would run a command on the switch: %s stands for the file that the command would make.
var hostile = []string{
	"${system(touch %s)}",
	"a ${system(touch %s)} b",
	"$${system(touch %s)}",
	`\${system(touch %s)}`,
	`$\{system(touch %s)}`,
	`$'{system(touch %s)}'`,
	"${caller_id_name}${system(touch %s)}",
	"x\n\nsendmsg\ncall-command: execute\nexecute-app-name: system\nexecute-app-arg: touch %s\n\n",
	"x;y=${system(touch %s)}",
	"[api_on_answer='system touch %s']x",
	"{execute_on_answer='system touch %s'}x",
	"'system:touch %s' inline",
	"loopback/app=system:touch %s/default/inline",
}

// The one who can put text into a document, a header or a caller name reaches no command of the switch.
func TestHostileTexts(t *testing.T) {
	for i, form := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *stage) {
				canary := filepath.Join(s.dir, "canary")
				text := fmt.Sprintf(form, canary)
				x := html.EscapeString(text)
				s.web.answer("/start", `<Response><Set><Variable key="`+x+`" value="`+x+`"/></Set><Say voice="`+x+`" language="`+x+`">`+x+`</Say>
					<Play>`+x+`</Play><Play digits="`+x+`"/><Gather timeout="1" finishOnKey="`+x+`"><Say>`+x+`</Say><Play>`+x+`</Play></Gather>
					<Record maxLength="1" timeout="1" finishOnKey="`+x+`" recordingUrl="`+x+`"/><Redirect>second</Redirect></Response>`)
				s.web.answer("/second", `<Response><Dial timeout="1" callerId="`+x+`" callerName="`+x+`" action="third"><Number>15550008486`+x+`</Number><Sip>sip:a@127.0.0.1?X-Case=`+x+`</Sip>
					<Sip username="`+x+`" password="`+x+`">sip:`+x+`@127.0.0.1:1</Sip><User>`+x+`</User><Client>`+x+`</Client></Dial></Response>`)
				quoted, err := json.Marshal(text)
				if err != nil {
					t.Fatal(err)
				}
				q := string(quoted)
				s.web.answer("/third", `{"module": "set_variables", "data": {"custom_application_vars": {"a": `+q+`}}, "children": {"_":
					{"module": "tts", "data": {"text": `+q+`, "voice": `+q+`, "language": `+q+`}, "children": {"_":
					{"module": "play", "data": {"id": `+q+`}, "children": {"_":
					{"module": "send_dtmf", "data": {"digits": "1", "duration_ms": 100}, "children": {"_":
					{"module": "collect_dtmf", "data": {"collection_name": `+q+`, "timeout": 300}, "children": {"_":
					{"module": "resources", "data": {"to_did": `+q+`}, "children": {"_":
					{"module": "tts", "data": {"text": "End."}}}}}}}}}}}}}}`)
				// TestHostileINVITE sends an installed switch what its console can't take as an argument.
				c := caller{pivot: "/start"}
				if _, ok := s.world.(*simulated); ok {
					c.name, c.headers = strings.Map(oneLine, text), map[string]string{"X-Case": strings.Map(oneLine, text)}
				}
				p := s.call(c)
				s.finish(p)
				if _, err := os.Stat(canary); err == nil {
					t.Error("a command ran on the switch")
				}
				spoken := s.spoken()
				if len(spoken) == 0 || spoken[len(spoken)-1] != "End." {
					t.Errorf("the call did not come to its end: %q", spoken)
				}
				for _, sent := range s.of(timeline.KindCommand) {
					if strings.Contains(sent, "${") {
						t.Errorf("sent %s", sent)
					}
				}
			})
		})
	}
}

func oneLine(r rune) rune {
	if r == '\n' {
		return ' '
	}
	return r
}
