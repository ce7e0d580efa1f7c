package kazoojson

import "testing"

func TestDialPlan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ plan, number, want string }{
		"none":                              {`{}`, "123", "123"},
		"no match":                          {`{"^9(.*)$": {"prefix": "+"}}`, "123", "123"},
		"the last capture":                  {`{"^(9)(\\d+)$": {"prefix": "+49", "suffix": "0"}}`, "9123", "+491230"},
		"no capture: the whole match":       {`{"^\\d+$": {"prefix": "+49"}}`, "123", "+49123"},
		"unanchored":                        {`{"2(3)": {}}`, "123", "3"},
		"one after the other":               {`{"^1(.*)$": {"prefix": "2"}, "^2(.*)$": {"prefix": "3"}}`, "1x", "3x"},
		"by their text":                     {`{"^2(.*)$": {"prefix": "3"}, "^1(.*)$": {"prefix": "2"}}`, "1x", "3x"},
		"a name with its expression":        {`{"local": {"regex": "^(\\d{7})$", "prefix": "+1415"}}`, "5550132", "+14155550132"},
		"a plan inside":                     {`{"^9(.*)$": {"dialplan": {"^(\\d{7})$": {"prefix": "+1415"}}}}`, "95550132", "+14155550132"},
		"the platform's is none":            {`{"system": ["us"], "^1(.*)$": {"prefix": "2"}}`, "1x", "2x"},
		"what can't be read is passed over": {`{"^(?!9)": {"prefix": "+"}, "^1(.*)$": {"prefix": "2"}}`, "1x", "2x"},
		"what is no object is, too":         {`{"^1(.*)$": "2", "^(1)$": [1]}`, "1", "1"},
		"plans inside plans come to an end": {`{"^(.*)$": {"prefix": "a", "dialplan": {"^(.*)$": {"prefix": "b", "dialplan": {"^(.*)$": {"prefix": "c", "dialplan": {"^(.*)$": {"prefix": "d", "dialplan": {"^(.*)$": {"prefix": "e", "dialplan": {"^(.*)$": {"prefix": "f"}}}}}}}}}}}}`, "1", "edcba1"},
	} {
		if got := dial(document(t, c.plan), c.number, 1); got != c.want {
			t.Errorf("%s: %s makes %q of %q, want %q", name, c.plan, got, c.number, c.want)
		}
	}
}
