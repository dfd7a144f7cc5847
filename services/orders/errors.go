package orders

import (
	"errors"
	"fmt"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// Kind tells what went wrong in a way that every edge can translate.
type Kind uint8

// The kinds. An error that is no *Error is internal.
const (
	Internal    Kind = iota
	Invalid          // the content breaks a rule; Fields name where
	NotFound         // there is no such order, or no such case
	Gone             // the order was deleted
	Stale            // it has changed since; Present is what it is now
	Exists           // there is one already
	Conflict         // the state of the order does not allow it
	Forbidden        // not for this caller
	KeyReused        // the idempotency key was used for another request
	Unavailable      // the database cannot be reached, or is busy
	BrokerUnavailable
	Held       // the link to the peer is held until a person has looked
	Starting   // the peer has not told this process yet what it has seen of the side
	CursorLost // the cursor's place in the log is not there any more
	TooMany    // of what its sender may have under way
	LogMoved   // orders have changed after the cursor; Moved is what they are now
	// OutsideRefused and OutsideUnavailable are of the system behind this side: it does not take a content, or nobody
	// can say now.
	OutsideRefused
	OutsideUnavailable
	Replayed // the idempotency key was used for the same request before; never leaves the service
)

// Error is a failure with a message fit for the caller.
type Error struct {
	Kind    Kind
	Message string
	Fields  []contracts.FieldError
	Present *Stored       // with Stale
	Moved   []Present     // with LogMoved, without contents
	After   time.Duration // with OutsideUnavailable: when it makes sense to try again
	cause   error
}

// Error implements error.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap gives the cause, which is for the log and not for the caller.
func (e *Error) Unwrap() error { return e.cause }

// Errorf makes an Error.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error with a cause.
func Wrap(kind Kind, cause error, message string) *Error {
	return &Error{Kind: kind, Message: message, cause: cause}
}

// KindOf finds the kind of an error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
