package outbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// readHintRight lets the service read single hints.
const readHintRight = "$JS.API.DIRECT.GET." + contracts.HintStream + ".>"

// denied remembers which rights of the service an external broker does not grant: the request gets no answer, and
// only the connection learns why.
type denied struct {
	mu     sync.Mutex
	rights map[string]bool
}

// note logs a refusal, each right once. It reports whether the error is one.
func (d *denied) note(err error, log *zap.Logger) bool {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return false
	}
	right := rightOf(err.Error())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rights == nil {
		d.rights = map[string]bool{}
	}
	if !d.rights[right] {
		d.rights[right] = true
		log.Error("broker denies a right that the service needs, add it to the broker's configuration", zap.String("right", right), zap.Error(err))
	}
	return true
}

// rightOf finds the right that a refusal is about; the subject, or all of the text, if it is none of the service's.
func rightOf(text string) string {
	_, subject, quoted := strings.Cut(text, `"`)
	if !quoted {
		return text
	}
	subject, _, _ = strings.Cut(subject, `"`)
	for _, right := range slices.Concat(serviceRights.publish, serviceRights.subscribe) {
		if server.SubjectMatchesFilter(subject, right) {
			return right
		}
	}
	return subject
}

// has reports whether a right is known to be missing.
func (d *denied) has(right string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rights[right]
}

// explains reports whether a request may have got no answer because a right is missing.
func (d *denied) explains(err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.rights) > 0 && errors.Is(err, context.DeadlineExceeded)
}

// forget is for a new connection, which may have other rights.
func (d *denied) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rights = nil
}
