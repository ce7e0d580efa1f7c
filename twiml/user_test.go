package twiml

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUser(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]User{
		`<User>0123456789abcdef0123456789abcdef</User>`:     {"0123456789abcdef0123456789abcdef"},
		`<Device> d_1-2 </Device>`:                          {"d_1-2"},
		`<Client>ann.b+c@example.org</Client>`:              {"ann.b+c@example.org"},
		`<Client><Identity> ann </Identity></Client>`:       {"ann"},
		`<Client>x<Identity>ann</Identity></Client>`:        {"ann"},
		`<Verto>ann</Verto>`:                                {"ann"},
		`<Client>` + strings.Repeat("a", 256) + `</Client>`: {strings.Repeat("a", 256)},
	} {
		got, problems := targets(t, content)
		if diff := cmp.Diff([]target{want}, got); diff != "" || len(problems) > 0 {
			t.Errorf("%s (-want +got):\n%s%v", content, diff, problems)
		}
	}
}

func TestUserProblems(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		`<User/>`:                {"13224", "13224"},
		`<User>a b</User>`:       {"13224", "13224"},
		`<User>../../etc</User>`: {"13224", "13224"},
		`<Device>é</Device>`:     {"13224", "13224"},
		`<Client>${x}</Client>`:  {"13224", "13224"},
		`<Client>~</Client>`:     {"13224", "13224"},
		`<Client>` + strings.Repeat("a", 257) + `</Client>`:                              {"13224", "13224"},
		`<Client><Identity>ann</Identity><Parameter name="a" value="b"/><Foo/></Client>`: {"13750", "12200"},
		`<User>a<b/></User>`: {"12200"},
	} {
		if _, problems := targets(t, content); cmp.Diff(want, problems) != "" {
			t.Errorf("%s (-want +got):\n%s", content, cmp.Diff(want, problems))
		}
	}
}

// An unknown one beside others is left out with a record; alone it makes the Dial fail.
func TestUserIsUnknown(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]struct {
		legs    int
		records []string
	}{
		`<Dial><Device>unknown</Device><User>u</User></Dial>`:       {2, []string{"13224"}},
		`<Dial><Device>unknown</Device><User>unknown</User></Dial>`: {0, []string{"13224", "13224", "13224"}},
	} {
		s := &script{}
		if _, err := s.run(t, doc); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.records, s.recorded()); diff != "" || len(s.watched) != want.legs {
			t.Errorf("%s: %d legs, records (-want +got):\n%s", doc, len(s.watched), diff)
		}
	}
}
