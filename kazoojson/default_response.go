package kazoojson

import (
	"context"

	"fspivot/dialplan"
)

const (
	asDialed      = "prompt://system_media/fault-can_not_be_completed_as_dialed"
	atThisTime    = "prompt://system_media/fault-can_not_be_completed_at_this_time"
	troubleNotice = "prompt://system_media/fault-facility_trouble"
	busyTone      = "tone_stream://%(500,500,480,620);loops=25"
	fastTone      = "tone_stream://%(250,250,480,620);loops=25"
)

type defaultResponse struct {
	code   int // 0: none
	phrase string
	media  string // "": none
}

// defaultResponses are what a caller gets whose dial failed where the flow says nothing of it, by cause. Source:
// callflow-modules-p-r.md, appendix A; callflow-engine.md 8.2.
var defaultResponses = map[dialplan.Cause]defaultResponse{
	"UNALLOCATED_NUMBER":             {404, "Not Found", asDialed},
	"NO_ROUTE_DESTINATION":           {404, "Not Found", asDialed},
	"NO_ROUTE_TRANSIT_NET":           {404, "Not Found", ""},
	"NORMAL_CLEARING":                {0, "", busyTone},
	"USER_BUSY":                      {486, "Busy Here", busyTone},
	"NO_USER_RESPONSE":               {408, "Request Timeout", fastTone},
	"NO_ANSWER":                      {480, "Temporarily Unavailable", ""},
	"SUBSCRIBER_ABSENT":              {480, "Temporarily Unavailable", ""},
	"NORMAL_UNSPECIFIED":             {480, "Temporarily Unavailable", ""},
	"CALL_REJECTED":                  {603, "Decline", fastTone},
	"NUMBER_CHANGED":                 {410, "Gone", ""},
	"REDIRECTION_TO_NEW_DESTINATION": {410, "Gone", ""},
	"EXCHANGE_ROUTING_ERROR":         {483, "Too Many Hops", troubleNotice},
	"DESTINATION_OUT_OF_ORDER":       {502, "Bad Gateway", asDialed},
	"INVALID_NUMBER_FORMAT":          {484, "Address Incomplete", asDialed},
	"FACILITY_REJECTED":              {510, "Not Extended", ""},
	"NORMAL_CIRCUIT_CONGESTION":      {503, "Service Unavailable", ""},
	"NETWORK_OUT_OF_ORDER":           {503, "Service Unavailable", ""},
	"SWITCH_CONGESTION":              {503, "Service Unavailable", ""},
	"REQUESTED_CHAN_UNAVAIL":         {503, "Service Unavailable", ""},
	"NORMAL_TEMPORARY_FAILURE":       {503, "Service Unavailable", atThisTime},
	"OUTGOING_CALL_BARRED":           {403, "Forbidden", ""},
	"INCOMING_CALL_BARRED":           {403, "Forbidden", ""},
	"BEARERCAPABILITY_NOTAUTH":       {403, "Forbidden", ""},
	"BEARERCAPABILITY_NOTAVAIL":      {403, "Forbidden", ""},
	"BEARERCAPABILITY_NOTIMPL":       {488, "Not Acceptable Here", ""},
	"INCOMPATIBLE_DESTINATION":       {488, "Not Acceptable Here", troubleNotice},
	"FACILITY_NOT_IMPLEMENTED":       {501, "Not Implemented", ""},
	"SERVICE_NOT_IMPLEMENTED":        {501, "Not Implemented", troubleNotice},
	"MANDATORY_IE_MISSING":           {400, "Bad Request", troubleNotice},
	"MANDATORY_IE_LENGTH_ERROR":      {400, "Bad Request", troubleNotice},
	"RECOVERY_ON_TIMER_EXPIRE":       {504, "Gateway Timeout", fastTone},
	"MEDIA_TIMEOUT":                  {504, "Gateway Timeout", fastTone},
	"ORIGINATOR_CANCEL":              {487, "Request Terminated", ""},
	"PROGRESS_TIMEOUT":               {486, "Busy Here", atThisTime},
	"UNKNOWN":                        {500, "Internal Server Error", ""},
}

// failWith gives the caller the default response for a cause, where there is one.
func (c *runner) failWith(ctx context.Context, cause dialplan.Cause) error {
	r, ok := defaultResponses[cause]
	if !ok {
		return nil
	}
	return c.respond(ctx, r.code, r.phrase, r.media)
}
