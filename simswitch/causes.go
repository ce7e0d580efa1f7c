package simswitch

import (
	"strconv"
	"strings"
)

// cause is one hangup cause: its Q.850 (or FreeSWITCH's own) number and the SIP status of a call that it ends before
// the answer. Source: switch_types.h, mod_sofia.c hangup_cause_to_sip.
type cause struct {
	number, sip int
}

const (
	normalClearing   = "NORMAL_CLEARING"
	originatorCancel = "ORIGINATOR_CANCEL"
	outOfOrder       = "DESTINATION_OUT_OF_ORDER"
)

var causes = map[string]cause{
	"ALLOTTED_TIMEOUT":               {602, 480},
	"ATTENDED_TRANSFER":              {601, 480},
	"BEARERCAPABILITY_NOTAUTH":       {57, 403},
	"BEARERCAPABILITY_NOTAVAIL":      {58, 503},
	"BLIND_TRANSFER":                 {600, 480},
	"CALL_REJECTED":                  {21, 603},
	"CHAN_NOT_IMPLEMENTED":           {66, 480},
	outOfOrder:                       {27, 502},
	"EXCHANGE_ROUTING_ERROR":         {25, 483},
	"FACILITY_NOT_IMPLEMENTED":       {69, 501},
	"FACILITY_REJECTED":              {29, 501},
	"INCOMING_CALL_BARRED":           {54, 403},
	"INCOMPATIBLE_DESTINATION":       {88, 488},
	"INTERWORKING":                   {127, 480},
	"INVALID_GATEWAY":                {608, 484},
	"INVALID_NUMBER_FORMAT":          {28, 484},
	"INVALID_PROFILE":                {609, 502},
	"INVALID_URL":                    {607, 484},
	"LOSE_RACE":                      {502, 480},
	"MANAGER_REQUEST":                {503, 480},
	"MEDIA_TIMEOUT":                  {604, 480},
	"NETWORK_OUT_OF_ORDER":           {38, 503},
	"NONE":                           {0, 480},
	"NORMAL_CIRCUIT_CONGESTION":      {34, 503},
	normalClearing:                   {16, 480},
	"NORMAL_TEMPORARY_FAILURE":       {41, 503},
	"NORMAL_UNSPECIFIED":             {31, 480},
	"NO_ANSWER":                      {19, 480},
	"NO_ROUTE_DESTINATION":           {3, 404},
	"NO_ROUTE_TRANSIT_NET":           {2, 404},
	"NO_USER_RESPONSE":               {18, 408},
	"NUMBER_CHANGED":                 {22, 410},
	originatorCancel:                 {487, 487},
	"OUTGOING_CALL_BARRED":           {52, 403},
	"PICKED_OFF":                     {605, 480},
	"PROGRESS_TIMEOUT":               {607, 480},
	"RECOVERY_ON_TIMER_EXPIRE":       {102, 504},
	"REDIRECTION_TO_NEW_DESTINATION": {23, 410},
	"REQUESTED_CHAN_UNAVAIL":         {44, 503},
	"SERVICE_NOT_IMPLEMENTED":        {79, 501},
	"SERVICE_UNAVAILABLE":            {63, 480},
	"SUBSCRIBER_ABSENT":              {20, 480},
	"SUCCESS":                        {142, 480},
	"SWITCH_CONGESTION":              {42, 503},
	"UNALLOCATED_NUMBER":             {1, 404},
	"USER_BUSY":                      {17, 486},
	"USER_CHALLENGE":                 {702, 480},
	"USER_NOT_REGISTERED":            {606, 480},
}

// q850 is a cause's number for other switches: FreeSWITCH's own become normal clearing.
func q850(cause string) int {
	if n := causes[cause].number; n <= 127 {
		return n
	}
	return 16
}

// parseCause reads a cause's name or number; what is neither is NORMAL_CLEARING.
func parseCause(text string) string {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil {
		for name, c := range causes {
			if c.number == n {
				return name
			}
		}
		return normalClearing
	}
	if name := strings.ToUpper(text); causes[name] != (cause{}) {
		return name
	}
	return normalClearing
}

// causeOfSIP is what FreeSWITCH makes of a SIP status. Source: sofia_glue.c sofia_glue_sip_cause_to_freeswitch.
func causeOfSIP(status int) string {
	switch status {
	case 200:
		return normalClearing
	case 401, 402, 403, 407, 603, 608:
		return "CALL_REJECTED"
	case 404:
		return "UNALLOCATED_NUMBER"
	case 485, 604:
		return "NO_ROUTE_DESTINATION"
	case 408, 504:
		return "RECOVERY_ON_TIMER_EXPIRE"
	case 410:
		return "NUMBER_CHANGED"
	case 480:
		return "NO_USER_RESPONSE"
	case 400, 481, 500, 503:
		return "NORMAL_TEMPORARY_FAILURE"
	case 486, 600:
		return "USER_BUSY"
	case 484:
		return "INVALID_NUMBER_FORMAT"
	case 488, 606:
		return "INCOMPATIBLE_DESTINATION"
	case 502:
		return "NETWORK_OUT_OF_ORDER"
	case 405:
		return "SERVICE_UNAVAILABLE"
	case 406, 415, 501:
		return "SERVICE_NOT_IMPLEMENTED"
	case 482, 483:
		return "EXCHANGE_ROUTING_ERROR"
	case 487:
		return originatorCancel
	}
	return "NORMAL_UNSPECIFIED"
}

// sipPhrases are the phrases of the statuses that dialled parties refuse with.
var sipPhrases = map[int]string{
	404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated",
	503: "Service Unavailable", 603: "Decline",
}

// dialStatus is the variable DIALSTATUS for the end of a dial. Source: switch_ivr_originate.c.
func dialStatus(cause string) string {
	switch cause {
	case originatorCancel:
		return "CANCEL"
	case "USER_BUSY":
		return "BUSY"
	case "NO_ANSWER":
		return "NOANSWER"
	case "CALL_REJECTED":
		return "DONTCALL"
	}
	return cause
}
