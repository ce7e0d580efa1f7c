package kazoojson

import "slices"

// ModuleInfo is one line of the table of modules.
type ModuleInfo struct {
	Name   string
	Does   string
	Status string
	Source string // section of docs/reference
}

type entry struct {
	info  ModuleInfo
	parse func(*Data) module
}

var registry map[string]entry

func init() {
	registry = map[string]entry{}
	for _, e := range []entry{
		{ModuleInfo{"answer", "answers the call", "complete", "callflow-modules-a-d.md, answer"}, parseAnswer},
		{ModuleInfo{"branch_variable", "branches on a variable's value", "complete", "callflow-modules-a-d.md, branch_variable"}, parseBranchVariable},
		{ModuleInfo{"callflow", "runs another stored callflow, then its own `_`", "complete", "callflow-modules-a-d.md, callflow"}, parseCallflowNode},
		{ModuleInfo{"collect_dtmf", "collects digits under a name", "complete", "callflow-modules-a-d.md, collect_dtmf"}, parseCollectDTMF},
		{ModuleInfo{"dead_air", "answers and keeps silent until hangup", "complete", "callflow-modules-a-d.md, dead_air"}, parseDeadAir},
		{ModuleInfo{"flush_dtmf", "forgets a collection of digits", "complete", "callflow-modules-e-o.md, flush_dtmf"}, parseFlushDTMF},
		{ModuleInfo{"hangup", "ends the call", "complete", "callflow-modules-e-o.md, hangup"}, parseHangup},
		{ModuleInfo{"noop", "waits until everything queued has been played", "complete", "callflow-modules-e-o.md, noop"}, parseNoop},
		{ModuleInfo{"pivot", "asks a web server what to do", "complete but cdr_url and debug records; fallback_url and fallback_method are our own", "pivot.md"}, parsePivot},
		{ModuleInfo{"play", "plays media", "complete", "callflow-modules-p-r.md 4"}, parsePlay},
		{ModuleInfo{"record_caller", "records the caller and delivers the file", "complete; the file is WAV", "callflow-modules-p-r.md 9"}, parseRecordCaller},
		{ModuleInfo{"resources", "calls a number through carriers", "the routes of dial.resources; no flags, carrier or caller-id documents, From URI, media bypass, calls back into the platform", "callflow-modules-p-r.md 10"}, parseResources},
		{ModuleInfo{"response", "rejects the call with a SIP status", "complete", "callflow-modules-p-r.md 11"}, parseResponse},
		{ModuleInfo{"send_dtmf", "sends tones to the caller", "complete", "callflow-modules-s-z.md, send_dtmf"}, parseSendDTMF},
		{ModuleInfo{"set_variable", "sets the call priority or the group", "complete", "callflow-modules-s-z.md, set_variable"}, parseSetVariable},
		{ModuleInfo{"set_variables", "sets variables that later pivot requests carry", "complete", "callflow-modules-s-z.md, set_variables"}, parseSetVariables},
		{ModuleInfo{"sleep", "waits", "complete", "callflow-modules-s-z.md, sleep"}, parseSleep},
		{ModuleInfo{"tts", "speaks a text", "complete; language is not used yet", "callflow-modules-s-z.md, tts"}, parseTTS},
		{ModuleInfo{"wait_for_hangup", "waits until the caller hangs up", "complete", "callflow-modules-s-z.md, wait_for_hangup"}, parseWaitForHangup},
	} {
		registry[e.info.Name] = e
	}
}

// Modules lists what there is, by name: check, the README's table and the hostile-text test walk it.
func Modules() []ModuleInfo {
	list := make([]ModuleInfo, 0, len(registry))
	for _, e := range registry {
		list = append(list, e.info)
	}
	slices.SortFunc(list, func(a, b ModuleInfo) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}
