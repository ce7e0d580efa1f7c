package service

import "testing"

// What every call's request costs on its way to the log.
func BenchmarkHide(b *testing.B) {
	const request = "GET http://127.0.0.1:36167/a?AccountSid=demo&ApiVersion=2010-04-01&CallSid=00dc1be2-a473-4fc0-b603-6a12d86a0ff6&CallStatus=ringing&" +
		"Called=2030&Caller=15551230000&CallerName=15551230000&CallerNumber=15551230000&Direction=inbound&From=15551230000&FromRealm=127.0.0.1&" +
		"SipCallId=00dc1be2-a473-4fc0-b603-6a12d86a0ff6&SipDomain=127.0.0.1&SipSourceIp=127.0.0.1&To=2030&ToRealm=127.0.0.1"
	for name, text := range map[string]string{"request": request, "digits": request + "&Digits=1234", "step": "callflow flow2030 of account demo"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hide(text)
			}
		})
	}
}
