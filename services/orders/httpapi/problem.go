package httpapi

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
)

// problemOf is the one table from the kind of an error to what the caller sees.
var problemOf = map[orders.Kind]struct {
	status int
	slug   string
}{
	orders.Internal:           {http.StatusInternalServerError, "internal"},
	orders.Invalid:            {http.StatusUnprocessableEntity, "invalid"},
	orders.NotFound:           {http.StatusNotFound, "not-found"},
	orders.Gone:               {http.StatusGone, "gone"},
	orders.Stale:              {http.StatusPreconditionFailed, "stale"},
	orders.Exists:             {http.StatusConflict, "exists"},
	orders.Conflict:           {http.StatusConflict, "conflict"},
	orders.Forbidden:          {http.StatusForbidden, "forbidden"},
	orders.KeyReused:          {http.StatusUnprocessableEntity, "idempotency-key-reused"},
	orders.Unavailable:        {http.StatusServiceUnavailable, "unavailable"},
	orders.BrokerUnavailable:  {http.StatusServiceUnavailable, "unavailable"},
	orders.CursorLost:         {http.StatusGone, "cursor-lost"},
	orders.TooMany:            {http.StatusTooManyRequests, "too-many-requests"},
	orders.LogMoved:           {http.StatusConflict, "log-moved"},
	orders.Held:               {http.StatusServiceUnavailable, "held"},
	orders.OutsideRefused:     {http.StatusUnprocessableEntity, "outside-refused"},
	orders.OutsideUnavailable: {http.StatusServiceUnavailable, "outside-unavailable"},
	orders.Starting:           {http.StatusServiceUnavailable, "unavailable"},
}

// titles are the problem types, below /problems/.
var titles = map[string]string{
	"internal":               "Something went wrong here",
	"invalid":                "The content is not valid",
	"malformed":              "The request cannot be read",
	"not-found":              "Not found",
	"gone":                   "Deleted",
	"cursor-lost":            "This place in the log is not there any more",
	"log-moved":              "The log has moved on",
	"held":                   "The link is held until a person has looked",
	"stale":                  "Changed since",
	"exists":                 "Exists already",
	"conflict":               "The order's state does not allow it",
	"forbidden":              "Forbidden",
	"unauthorized":           "Unauthorized",
	"idempotency-key-reused": "Idempotency key used for another request",
	"outside-refused":        "The system behind this side refuses it",
	"outside-unavailable":    "The system behind this side cannot be asked now",
	"unavailable":            "Unavailable, try again",
	"precondition-required":  "Say which version you have seen",
	"timeout":                "Too slow",
	"too-many-requests":      "Too many requests",
	"too-large":              "Too large",
	"media-type":             "Unsupported media type",
	"method-not-allowed":     "Method not allowed",
}

// WriteProblem answers with a problem document (RFC 9457).
func WriteProblem(w http.ResponseWriter, r *http.Request, status int, slug, detail string, fields ...contracts.FieldError) {
	writeProblem(w, r, &contracts.Problem{Type: contracts.ProblemTypePrefix + slug, Title: titles[slug], Status: status, Detail: detail, Errors: fields})
}

func writeProblem(w http.ResponseWriter, r *http.Request, p *contracts.Problem) {
	p.Instance = RequestID(r.Context())
	body, err := strictjson.Encode(p)
	if err != nil { // plain texts and numbers always encode
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("ETag")
	if p.Present != nil { // a condition failed: this is the version to look at
		h.Set("ETag", p.Present.Sync.ETag)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if p.Type == contracts.ProblemTypePrefix+"held" { // a person's time, not a machine's
		h.Set("Retry-After", "10")
	}
	if (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests) && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the caller is gone; there is nobody to tell
}

// Fail answers with what an error means to the caller. The text of an internal error goes to the log
// only.
func Fail(w http.ResponseWriter, r *http.Request, log *zap.Logger, err error) {
	var malformed *contracts.Problem
	if errors.As(err, &malformed) {
		if malformed.Type == "" || malformed.Type == "about:blank" {
			malformed.Type, malformed.Title = contracts.ProblemTypePrefix+"malformed", titles["malformed"]
		}
		writeProblem(w, r, malformed)
		return
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		WriteProblem(w, r, http.StatusRequestEntityTooLarge, "too-large", "the body may have "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
		return
	}
	known := problemOf[orders.KindOf(err)]
	p := &contracts.Problem{Type: contracts.ProblemTypePrefix + known.slug, Title: titles[known.slug], Status: known.status, Detail: Detail(r, log, err)}
	if e, ok := errors.AsType[*orders.Error](err); ok {
		p.Errors = e.Fields
		if e.After > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.After.Seconds()))))
		}
		if e.Present != nil {
			p.Present = viewOf(e.Present)
		}
		for i := range e.Moved {
			p.Moved = append(p.Moved, movedEntry(&e.Moved[i]))
		}
	}
	writeProblem(w, r, p)
}

// Detail is what the caller is told of an error. What is no business of theirs goes to the log.
func Detail(r *http.Request, log *zap.Logger, err error) string {
	switch orders.KindOf(err) {
	case orders.Internal:
		log.Error("request failed", zap.Error(err), zap.String("request_id", RequestID(r.Context())))
		return "see the log of this side for the request id"
	case orders.Unavailable:
		log.Warn("request not possible now", zap.Error(err), zap.String("request_id", RequestID(r.Context())))
		return "the database cannot be reached, or is busy"
	case orders.BrokerUnavailable:
		log.Warn("request not possible now", zap.Error(err), zap.String("request_id", RequestID(r.Context())))
		return "the broker cannot be reached, or is not ready yet"
	}
	e, _ := errors.AsType[*orders.Error](err) // any other kind comes from one
	return e.Message
}
