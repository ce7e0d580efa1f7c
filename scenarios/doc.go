// Package scenarios has the end-to-end tests: whole calls, with the service, a web application and a switch. Every one
// runs on the simulated switch, and, where FSPIVOT_FREESWITCH names the binary of an installed FreeSWITCH, on that one as
// well: `make test-freeswitch`. What passes on one alone is not done.
//
// Start reading at stage in stage_test.go; a scenario is a function that gets one.
package scenarios
