package twiml

import (
	"context"
	"slices"
	"strings"
)

// verb is a verb of a document, ready to run.
type verb interface {
	run(ctx context.Context, s *session) (outcome, error)
}

// VerbInfo tells of a verb or noun: what the README's table and the hostile-text test walk.
type VerbInfo struct {
	Name       string
	Parent     string   // element in which it stands
	Status     string   // begins with "complete" or "parsed:"; then what is missing
	Attributes []string // sorted
	Source     string

	parse func(*element) verb // nil: recognised only
}

// registry is sorted by name and parent.
var registry []VerbInfo

func words(s string) []string {
	list := strings.Fields(s)
	slices.Sort(list)
	return list
}

const (
	recordingAttributes = "recordingUrl recordStoreMethod storageUrl storageUrlMethod recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent"
	callbackAttributes  = "statusCallback statusCallbackMethod statusCallbackEvent"
	legAttributes       = "url method sendDigits " + callbackAttributes +
		" machineDetection machineDetectionTimeout machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold machineDetectionSilenceTimeout" +
		" amdStatusCallback amdStatusCallbackMethod"
)

func init() {
	const complete = "complete"
	add := func(name, parent, status, attributes, source string, parse func(*element) verb) {
		registry = append(registry, VerbInfo{name, parent, status, words(attributes), "twiml.md " + source, parse})
	}
	const (
		legs    = "complete but for url, statusCallback, sendDigits and machineDetection, which are parsed: the leg is rung without them"
		later   = "parsed: skipped with a record"
		leftOut = "parsed: the target is left out"
	)
	add("Application", "Dial", leftOut, "url method customerId copyParentTo "+callbackAttributes, "4.7", nil)
	add("Client", "Dial", legs+"; Parameter is ignored", legAttributes+" clientNotificationUrl", "4.7", nil)
	add("Conference", "Dial", "parsed: the Dial fails", "", "4.8", nil)
	add("Connect", "Response", later, "action method", "4.17", nil)
	add("Device", "Dial", legs, legAttributes, "4.7", nil)
	add("Dial", "Response", "complete but for referUrl, recordingTrack, trim, DialSip… parameters and what its nouns miss; recordingStatusCallback is Media's",
		"action method timeout timeLimit hangupOnStar hangupOn callerId callerName fromDisplayName record trim recordingTrack answerOnBridge ringTone sequential strategy "+
			"referUrl referMethod callReason recordingConfigurationId events continueOnFail collect_dtmf "+recordingAttributes, "4.6", parseDial)
	add("Echo", "Response", later, "timeout", "4.14", nil)
	add("Enqueue", "Response", later, "action method waitUrl waitUrlMethod maxQueueSize workflowSid", "4.9", nil)
	add("Gather", "Response", "complete but for speech, which hears nothing",
		"action method timeout numDigits maxDigits minDigits validDigits invalidDigitsAction finishOnKey actionOnEmptyResult input language hints speechTimeout bargeIn "+
			"speechModel enhanced profanityFilter maxSpeechTime debug partialResultCallback partialResultCallbackMethod", "4.4", parseGather)
	add("Hangup", "Response", complete, "", "4.12", parseHangup)
	add("Leave", "Response", later, "", "4.9", nil)
	add("Number", "Dial", legs, legAttributes+" byoc codecs sessionTimeout", "4.7", nil)
	add("Pause", "Gather", complete, "length", "4.3", parsePause)
	add("Pause", "Response", complete, "length", "4.3", parsePause)
	add("Pay", "Response", later, "input action bankAccountType timeout maxAttempts securityCode postalCode minPostalCodeLength paymentConnector paymentMethod "+
		"tokenType chargeAmount currency description validCardTypes language statusCallback statusCallbackMethod", "4.18", nil)
	add("Play", "Gather", complete, "loop digits terminators", "4.2", parsePlay)
	add("Play", "Response", complete, "loop digits terminators", "4.2", parsePlay)
	add("Queue", "Dial", "parsed: the Dial fails", "url method reservationSid postWorkActivitySid", "4.9", nil)
	add("Record", "Response", "complete but for trim, recordingTrack and transcribe; recordingStatusCallback is Media's",
		"action method timeout finishOnKey maxLength playBeep trim transcribe transcribeCallback recordingConfigurationId recordingTrack "+recordingAttributes, "4.5", parseRecord)
	add("Redirect", "Response", complete, "method", "4.10", parseRedirect)
	add("Refer", "Response", later, "action method", "4.15", nil)
	add("Reject", "Response", complete, "reason prompt", "4.11", parseReject)
	add("Say", "Gather", "complete; SSML is degraded to text and silence", "loop voice language terminators engine", "4.1", parseSay)
	add("Say", "Response", "complete; SSML is degraded to text and silence", "loop voice language terminators engine", "4.1", parseSay)
	add("Set", "Response", complete, "", "4.13", parseSet)
	add("Sim", "Dial", leftOut, "", "4.7", nil)
	add("Sip", "Dial", legs+"; Uri and Headers are ignored", legAttributes+" username password codecs sessionTimeout", "4.7", nil)
	add("Sms", "Response", later, "to from action method statusCallback", "4.19", nil)
	add("Start", "Response", later, "action method", "4.16", nil)
	add("Stop", "Response", later, "", "4.16", nil)
	add("User", "Dial", legs, legAttributes, "4.7", nil)
	add("Variable", "Redirect", complete, "key value", "4.10", nil)
	add("Variable", "Set", complete, "key value", "4.13", nil)
	add("Verto", "Dial", legs, legAttributes, "4.7", nil)
	add("WhatsApp", "Dial", leftOut, "url method "+callbackAttributes, "4.7", nil)
	slices.SortFunc(registry, compareVerbs)
}

func compareVerbs(a, b VerbInfo) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.Parent, b.Parent)
}

// Verbs gives all verbs and nouns, sorted by name.
func Verbs() []VerbInfo {
	list := slices.Clone(registry)
	for i := range list {
		list[i].Attributes = slices.Clone(list[i].Attributes)
	}
	return list
}

func lookup(parent, name string) (VerbInfo, bool) {
	i, ok := slices.BinarySearchFunc(registry, VerbInfo{Name: name, Parent: parent}, compareVerbs)
	if !ok {
		return VerbInfo{}, false
	}
	return registry[i], true
}

// declare gives an element that is no verb of its own the attributes listed for it, and reports others.
func declare(e *element, parent string) {
	if entry, ok := lookup(parent, e.name()); ok {
		e.declared = entry.Attributes
		e.unknown()
	}
}

// unknown stands where a document has a verb that is not known or not supported.
type unknown struct{ name string }

func (u *unknown) run(ctx context.Context, s *session) (outcome, error) {
	if s.Settings.UnknownVerb == HangUpOnIt {
		s.Timeline.Error("12200", "hanging up at "+clip(u.name))
		return (&Hangup{}).run(ctx, s)
	}
	return next, nil
}
