package simswitch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExport(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *lab) {
		phone, a := l.call(t, Call{})
		for _, arg := range []string{"a=1", "nolocal:b=2", "a=3", "nolocal:c=", "c="} {
			a.execute(arg, "export", arg)
		}
		a.execute("bridge", "bridge", "sofia/external/9002@x")
		after(time.Second)
		got := map[string]string{}
		for _, name := range []string{"export_vars", "a", "b"} {
			got[name] = phone.Variable(name)
		}
		want := map[string]string{"export_vars": "a,nolocal:b,a", "a": "3", "b": ""}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("caller's variables (-want +got):\n%s", diff)
		}
		leg := phone.Legs()[0].Vars
		if diff := cmp.Diff(map[string]string{"a": "3", "b": "2"}, leg); diff != "" {
			t.Errorf("leg's variables (-want +got):\n%s", diff)
		}
	})
}
