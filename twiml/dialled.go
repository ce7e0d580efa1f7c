package twiml

import (
	"fmt"
	"time"

	"fspivot/dialplan"
)

// dialled is what became of a Dial.
type dialled struct {
	status   string
	bridged  bool
	begun    bool           // somebody was dialled
	leg      string         // UUID of the leg that was joined, or tried last; "": none was made
	duration time.Duration  // of the joined leg, from its answer
	timed    bool           // duration is known
	cause    dialplan.Cause // of the end
}

func (d dialled) parameters(params map[string]string) {
	params["DialCallStatus"] = d.status
	params["DialBridged"] = fmt.Sprint(d.bridged)
	if d.leg != "" {
		params["DialCallSid"] = d.leg
	}
	if d.timed {
		params["DialCallDuration"] = wholeSeconds(d.duration)
	}
}

// attendedTransfer is the switch's word for a caller who was moved elsewhere. Source: twiml.md 4.6.2.
const attendedTransfer = dialplan.Cause("ATTENDED_TRANSFER")

// judge reads the result of a bridge from its completion and from what was seen of the legs, whose ids are in dialling
// order. gone tells that the caller's side ended. An answered leg is completed, whatever ended it. Source: twiml.md
// 4.6.1, appendix B; pivot.md 13; testdata/captures/bridge_*.jsonl.
func judge(done dialplan.Completion, ids []string, legs map[string]*dialplan.Leg, now time.Time, gone bool) dialled {
	b := done.Bridged()
	joined, last := seen(ids, legs, b.Leg)
	d := dialled{
		cause: b.Cause, bridged: b.Answered || joined != nil, begun: !gone || !done.Dropped || last != nil,
	}
	switch {
	case d.bridged:
		d.status = "completed"
	case gone:
		d.status = "canceled"
	default:
		d.status = statusOf(b.Cause)
		for _, leg := range legs {
			if leg != nil && leg.Cause != "" {
				d.status = better(d.status, statusOf(leg.Cause))
			}
		}
		for _, cause := range b.Causes { // a leg's last event may come behind the bridge's end
			d.status = better(d.status, statusOf(cause))
		}
	}
	switch {
	case joined != nil:
		ended := joined.Ended
		if ended.IsZero() {
			ended = now // its last event was not waited for
		}
		d.leg, d.duration, d.timed = joined.UUID, ended.Sub(joined.Answered), true
	case b.Leg != "":
		d.leg = b.Leg
	case !gone && statusOf(b.Cause) != "failed":
		d.leg = ids[len(ids)-1] // it rang, though its last event may not have been waited for
	case last != nil:
		d.leg = last.UUID
	case gone:
		d.leg = ids[0]
	}
	return d
}

// seen picks from the legs the one that was joined, which the switch may have named, else the first that answered, and
// the last one that was made.
func seen(ids []string, legs map[string]*dialplan.Leg, named string) (joined, last *dialplan.Leg) {
	for _, id := range ids {
		leg := legs[id]
		if leg == nil {
			continue
		}
		if !leg.Answered.IsZero() || !leg.Ended.IsZero() {
			last = leg
		}
		switch {
		case leg.Answered.IsZero():
		case id == named, joined == nil && leg.Cause != "LOSE_RACE":
			joined = leg
		}
	}
	return joined, last
}

// statusOf is a leg's status by the cause of its end, for one that was not joined while the caller stayed: a leg that
// was cancelled then rang too long. Source: twiml.md, appendix B.
func statusOf(cause dialplan.Cause) string {
	switch cause {
	case dialplan.UserBusy, dialplan.CallRejected:
		return "busy"
	case dialplan.NoAnswer, "NO_USER_RESPONSE", dialplan.AllottedTimeout, "PROGRESS_TIMEOUT", "RECOVERY_ON_TIMER_EXPIRE",
		"ORIGINATOR_CANCEL", "LOSE_RACE":
		return "no-answer"
	}
	return "failed"
}

// better is the one of two failures that tells more.
func better(a, b string) string {
	for _, status := range []string{"busy", "no-answer"} {
		if a == status || b == status {
			return status
		}
	}
	return "failed"
}
