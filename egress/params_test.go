package egress

import (
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Source: pivot.md 5.3, 5.4, 6.3, 8.
func TestEncode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		params     Params
		form, json string
	}{
		"none":  {nil, "", `{}`},
		"empty": {Params{}, "", `{}`},
		"order": {Params{"b": "2", "a": "1", "Z": "0"}, "Z=0&a=1&b=2", `{"Z":"0","a":"1","b":"2"}`},
		"umlaut": {Params{"Name": "O'Brien & Söhne"}, "Name=O%27Brien+%26+S%C3%B6hne",
			`{"Name":"O'Brien & Söhne"}`},
		"unreserved": {Params{"n": "aZ09.-_~"}, "n=aZ09.-_~", `{"n":"aZ09.-_~"}`},
		"reserved": {Params{"n": "a/b?c=d&e#f+g%h:i@j,k;l"}, "n=a%2Fb%3Fc%3Dd%26e%23f%2Bg%25h%3Ai%40j%2Ck%3Bl",
			`{"n":"a/b?c=d&e#f+g%h:i@j,k;l"}`},
		"brackets": {Params{"n": "[x]"}, "n=%5Bx%5D", `{"n":"[x]"}`},
		"star and pound": {Params{"Request": "*98", "Digits": "1#"}, "Digits=1%23&Request=%2A98",
			`{"Digits":"1#","Request":"*98"}`},
		"markup":        {Params{"n": "<b>\"\\"}, "n=%3Cb%3E%22%5C", `{"n":"<b>\"\\"}`},
		"line break":    {Params{"n": "a\r\nb\tc\x00"}, "n=a%0D%0Ab%09c%00", `{"n":"a\r\nb\tc\u0000"}`},
		"empty value":   {Params{"a": ""}, "a=", `{"a":""}`},
		"leading zeros": {Params{"Digits": "007"}, "Digits=007", `{"Digits":"007"}`},
		"int":           {Params{"Recording-Duration": 7}, "Recording-Duration=7", `{"Recording-Duration":7}`},
		"negative":      {Params{"n": -7}, "n=-7", `{"n":-7}`},
		"float": {Params{"n": 1.5, "m": 1e21, "o": 100000000.0},
			"m=1000000000000000000000&n=1.5&o=100000000", `{"m":1e+21,"n":1.5,"o":100000000}`},
		"number": {Params{"n": json.Number("12345678901234567890")}, "n=12345678901234567890",
			`{"n":12345678901234567890}`},
		"booleans": {Params{"a": true, "b": false}, "a=true&b=false", `{"a":true,"b":false}`},
		"null":     {Params{"a": nil, "b": "1"}, "b=1", `{"a":null,"b":"1"}`},
		"object":   {Params{"o": Params{"y": "2", "x": "1"}}, "o[x]=1&o[y]=2", `{"o":{"x":"1","y":"2"}}`},
		"deep": {Params{"o": map[string]any{"a": Params{"b": map[string]any{"c": 1}}}}, "o[a][b][c]=1",
			`{"o":{"a":{"b":{"c":1}}}}`},
		"headers": {Params{"Custom-SIP-Headers": Params{"X-Foo": "bar", "X-Two": "a b"}},
			"Custom-SIP-Headers[X-Foo]=bar&Custom-SIP-Headers[X-Two]=a+b",
			`{"Custom-SIP-Headers":{"X-Foo":"bar","X-Two":"a b"}}`},
		"empty object": {Params{"a": "1", "o": Params{}, "z": "2"}, "a=1&z=2", `{"a":"1","o":{},"z":"2"}`},
		"empty below": {Params{"o": Params{"p": Params{}, "q": nil}, "z": "2"}, "z=2",
			`{"o":{"p":{},"q":null},"z":"2"}`},
		"array": {Params{"User-ID": []any{"u1", "u2"}}, "User-ID[]=u1&User-ID[]=u2",
			`{"User-ID":["u1","u2"]}`},
		"mixed array": {Params{"a": []any{1, true, "x", nil, 1.5}}, "a[]=1&a[]=true&a[]=x&a[]=1.5",
			`{"a":[1,true,"x",null,1.5]}`},
		"empty array": {Params{"a": []any{}, "z": "2"}, "z=2", `{"a":[],"z":"2"}`},
		"array of objects": {Params{"name": []any{Params{"sub": "v"}, map[string]any{"sub": "w"}}},
			"name[0][sub]=v&name[1][sub]=w", `{"name":[{"sub":"v"},{"sub":"w"}]}`},
		"array of arrays": {Params{"a": []any{[]any{1, 2}, []any{3}}}, "a[0][]=1&a[0][]=2&a[1][]=3",
			`{"a":[[1,2],[3]]}`},
		"array in object": {Params{"o": Params{"a": []any{"x"}}}, "o[a][]=x", `{"o":{"a":["x"]}}`},
		"hostile names": {Params{"a&b=c": "1", "o": Params{"x][y": "2", "p#q r": "3", "": "4"}},
			"a%26b%3Dc=1&o[]=4&o[p%23q+r]=3&o[x%5D%5By]=2", `{"a&b=c":"1","o":{"":"4","p#q r":"3","x][y":"2"}}`},
		"not UTF-8": {Params{"h": "a\xffb\xc3", "n\xfe": "1"}, "h=a%FFb%C3&n%FE=1",
			`{"h":"a\ufffdb\ufffd","n\ufffd":"1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.params.EncodeForm(); got != c.form {
				t.Errorf("form:\ngot  %s\nwant %s", got, c.form)
			}
			got, err := c.params.EncodeJSON()
			if err != nil || string(got) != c.json {
				t.Errorf("JSON:\ngot  %s, %v\nwant %s", got, err, c.json)
			}
			if !json.Valid(got) || !utf8.Valid(got) {
				t.Errorf("JSON %q is not valid", got)
			}
		})
	}
}

func TestEncodeJSONRefuses(t *testing.T) {
	t.Parallel()
	if b, err := (Params{"n": math.NaN()}).EncodeJSON(); err == nil {
		t.Errorf("NaN gives %s", b)
	}
}

// What a server's library reads is what was meant.
func TestEncodeFormProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOf(rapid.String().Filter(func(s string) bool { return !strings.HasPrefix(s, "sub") }),
			rapid.String()).Draw(t, "values")
		nested := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "nested")
		p, want := Params{}, url.Values{}
		sub := Params{}
		for name, value := range nested {
			sub[name] = value
			want.Set("sub["+name+"]", value)
		}
		for name, value := range values {
			p[name] = value
			want.Set(name, value)
		}
		p["sub"] = sub
		got, err := url.ParseQuery(p.EncodeForm())
		if err != nil {
			t.Fatalf("%q: %v", p.EncodeForm(), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", p.EncodeForm(), diff)
		}
	})
}
