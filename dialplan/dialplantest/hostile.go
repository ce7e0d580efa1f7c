// Package dialplantest is for tests of what reaches the switch: texts that would be commands there, a check of the
// arguments that become of them, and every application of package dialplan made of such a text. It has no goroutines.
package dialplantest

import (
	"fmt"
	"strings"
)

// Hostile are texts of strangers that mean something to the switch, to a dial string, to SIP or to the event socket
// where they reach it as they are. Where one runs a command, it makes a file below /tmp.
var Hostile = []string{
	// Expansion, and what becomes one after a first expansion, a splitting of arguments or a cleaning of text.
	"${system(touch /tmp/x)}", "${system touch /tmp/x}", "$${system(touch /tmp/x)}", "${caller_id_number}",
	"$${base_dir}", "${x}", "$\\{system(touch /tmp/x)}", "\\${system(touch /tmp/x)}", "\\\\${system(touch /tmp/x)}",
	"\\\\\\${system(touch /tmp/x)}", "$\\\\{system(touch /tmp/x)}", "$'{system(touch /tmp/x)}",
	"$''{system(touch /tmp/x)}", "$\"{system(touch /tmp/x)}", "$\\'{system(touch /tmp/x)}",
	"$\\\"'{system(touch /tmp/x)}", "${${system(touch /tmp/x)}}", "${a:${system(touch /tmp/x)}}",
	"${url_decode(%24%7bsystem(touch /tmp/x)%7d)}", "%24%7Bsystem(touch /tmp/x)%7D", "$\\s{system(touch /tmp/x)}",
	"\\\\$\\{system(touch /tmp/x)}", "$\u202e{system(touch /tmp/x)}", "$\u200d{system(touch /tmp/x)}",
	"$\u00ad{system(touch /tmp/x)}", "$\x00{system(touch /tmp/x)}", "$\x01{system(touch /tmp/x)}",
	"$\xff{system(touch /tmp/x)}", "$\xe2\x80{system(touch /tmp/x)}", "$\u0085{system(touch /tmp/x)}",
	"$\u2028{system(touch /tmp/x)}", "\uff04\uff5bsystem(touch /tmp/x)\uff5d", "$ {system(touch /tmp/x)}", "$", "$$",
	"{", "}", "${", "$${", "\\", "a$", "{x}", "${}", "${system(touch /tmp/x)", "a$b{c$'{d", "$5 a\\b",
	"%[api_hangup_hook=system touch /tmp/x]", "%,[api_hangup_hook=system touch /tmp/x]",
	// New commands and headers.
	"a\nexecute-app-name: system\nexecute-app-arg: touch /tmp/x",
	"a\n\nsendmsg\ncall-command: execute\nexecute-app-name: system\n\n", "a\r\n\r\napi system touch /tmp/x\r\n\r\n",
	"a\nb", "a\rb", "a\x00b", "a\tb", "a\x1fb", "a\x7fb", "\n", "\x00", "1%0d%0aX-Evil: 1",
	"\" <sip:evil@example.org>;tag=1", "Bob\" <sip:evil@example.org>\r\nX-Evil: 1", "reload mod_event_socket",
	"unload mod_event_socket",
	// Dial strings.
	",loopback/app=system:touch /tmp/x/inline", "|error/user_busy", ":_:error/user_busy", ":_:", "a:_:b", "_:", ":_",
	"_", "[api_on_answer=system touch /tmp/x]a", "{api_on_answer=system touch /tmp/x}a",
	"<api_on_answer=system touch /tmp/x>a", "]error/user_busy,[x=", "}a", ">a",
	"~execute_on_answer=system touch /tmp/x", "a~b", "'~execute_on_answer=system x~'", "^^~a=b~c=d", "^^;a=b", "^^",
	"^^:a", "execute_on_answer=system", "loopback/app=system:touch /tmp/x/inline", "user/1000", "group/all", "pickup/x",
	"error/user_busy", "sofia/external/a@b", "sofia/external/a:_:sofia/external/b",
	"sofia/external/{number}:_:error/user_busy", "sofia/external/:{number}:", "sofia/{uri}", "a,b", "a|b", "a/b",
	"a@b,c@d", "sip:a@b,sip:c@d", "a b", "a;b=c", "a=b", "a&b=c",
	// Lists, words and options.
	"-bleg", "-both", "--", "+", "*", "#", "a;b;c", "a; b='c;d'", "'", "''", "a'b", "it's, isn't it", "\"a\"", "'a b'",
	" a ", "a  b", " ", "", "a|b|c", "x' silence_stream://1 y z '", "1 2 3 4 5 6 7 8 9 10 11", "all", "any", "none",
	"=", "a=", "=b", "ARRAY::a|:b", "@@100", "x@y+flags{moderator}", "x+1234", "bridge:x:sofia/external/a@b",
	// Files.
	"shell_stream://touch /tmp/x", "say:hello", "say:flite:slt:hello", "tone_stream://path=/etc/passwd",
	"path=/etc/passwd", "PATH=/etc/passwd;%(500,0,440)", "l=-1;%(100,0,440)", "%(999999999,0,440)",
	"%(500,0,440);loops=-1", "tone_stream://%(500,0,440)", "silence_stream://-1", "local_stream://moh",
	"http_cache://http://127.0.0.1/x.wav", "file_string://a!b", "a!b", "!", "phrase:x,y", "/etc/passwd",
	"../../etc/passwd", "/tmp/../etc/passwd", "//etc/passwd", "/tmp/x.wav", "{a=b}/tmp/x.wav", "/tmp/$x", "..", "/",
	"./a", "a..b",
	// SIP addresses and headers.
	"sip:a@b?X-A=${system(touch /tmp/x)}", "sip:a@b?X-A=%24%7bx%7d&Route=%3csip:evil%3e", "sip:a@b;transport=tcp,c@d",
	"sip:a@[::1]:5060", "sips:a@b", "a@b:99999", "a@b:0", "a@[::1%25eth0]", "a@b/c", "a%40b@c", "a%2cb@c", "sip:${x}@b",
	"sip:a@${x}", "X-\r\nEvil", "Route",
	// Numbers and keys.
	"+1 (415) 555-2671", "12345", "123#", "*72", "ABCD", "abcd", "1,w,2W", "w", "1@99999999999", "1+2", "~1", "0", "-1",
	"99999999999999999999",
	// Text.
	"<b>bold</b>", "<?xml version=\"1.0\"?>", "\u202eabc", "\u200fabc\u200e", "\ufeffabc", "\xff\xfe", "a\xc3",
	"\xed\xa0\x80", "\u0000",
	"日本語 テスト", "naïve café", "🙂", "e\u0301", strings.Repeat("a", 20_000), strings.Repeat("${x}", 5_000),
	strings.Repeat("$", 1000) + "{x}", strings.Repeat("\\", 1000) + "${x}", strings.Repeat("{", 1000),
	strings.Repeat("'", 999) + "${x}'",
}

// HostileNames are names of channel variables whose value the switch runs.
var HostileNames = []string{
	"api_hangup_hook", "api_on_answer", "API_ON_ANSWER", "api_reporting_hook", "session_in_hangup_hook",
	"execute_on_answer", "execute_on_answer_2", "execute_on_media", "execute_on_originate", "execute_on_post_bridge",
	"execute_on_ring", "exec_after_bridge_app", "bridge_pre_execute_aleg_app", "bridge_pre_execute_bleg_app",
	"record_post_process_exec_app", "record_post_process_exec_api", "sip_execute_on_image", "sip_api_on_image",
	"group_confirm_file", "transfer_after_bridge", "nolocal:execute_on_answer", "_nolocal_execute_on_answer",
	"export_vars",
}

// Safe tells what the switch would find in an argument: something to expand, now or after it took the argument apart
// once more, something to set before the application runs, or its end too early. It goes by the switch's own rules and
// knows nothing of package dialplan's. Source: FreeSWITCH 1.10.12 switch_channel_expand_variables_check,
// cleanup_separated_string, switch_core_session_exec.
func Safe(argument string) error {
	if strings.Contains(argument, "\x00") {
		return fmt.Errorf("argument %.200q ends at a NUL", argument)
	}
	// An expansion and a splitting take backslashes and quotes away, never anything else between the two characters.
	if strings.Contains(strings.NewReplacer("\\", "", "'", "", `"`, "").Replace(argument), "${") {
		return fmt.Errorf("argument %.200q is expanded", argument)
	}
	if strings.HasPrefix(argument, "%[") || len(argument) > 2 && argument[0] == '%' && argument[2] == '[' {
		return fmt.Errorf("argument %.200q sets variables before the application runs", argument)
	}
	return nil
}
