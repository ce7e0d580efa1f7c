// Package dialplan is what can be done to a channel: FreeSWITCH's applications as types, dial strings built from parsed
// parts, and results read back into types. It is the only package that writes an application's argument.
//
// The switch expands ${…} in every argument, and ${name(args)} runs a command, so foreign text is a program to it.
// Arguments are therefore made of the types of this package (Text, Value, File, Digits, Number, …) whose constructors
// cannot yield such a pair, and every argument passes one gate, wire, before it is sent. Source: docs/reference/esl.md,
// "Text from strangers is code to the switch".
//
// Channel is the live call: it belongs to one goroutine, has none of its own (but WaitFor's, which ends with it), and is
// where to start reading; Application is the other half.
package dialplan
