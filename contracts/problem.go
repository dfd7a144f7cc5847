package contracts

import "strings"

// FieldErrorsMax is how many faults a problem names; whoever sent more is told of the rest next time.
const FieldErrorsMax = 50

// ProblemTypePrefix begins the type of every problem of an Orders service.
const ProblemTypePrefix = "/problems/"

// Problem is a problem document (RFC 9457), media type application/problem+json.
type Problem struct {
	Type     string       `json:"type"` // a URI reference below ProblemTypePrefix
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail,omitzero"`
	Instance string       `json:"instance,omitzero"` // the request id
	Errors   []FieldError `json:"errors,omitzero"`
	Present  *OrderView   `json:"present,omitzero"` // with 412: the order as it is now
	Moved    []Entry      `json:"moved,omitzero"`   // with log-moved: the orders that changed, as they are now, without contents
}

// FieldError names a field of the request by its JSON pointer (RFC 6901) and says what is wrong with
// it; it never repeats the value.
type FieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Error makes a Problem usable as an error.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, e := range p.Errors {
		b.WriteString("; " + e.Pointer + ": " + e.Detail)
	}
	return b.String()
}
