package outbox

import (
	"sync"

	"go.uber.org/zap"
)

// outage logs that hints cannot be published: each cause once, and the end of it, but not each attempt.
type outage struct {
	log *zap.Logger

	mu     sync.Mutex
	causes map[string]bool // empty while there is none
	failed int             // attempts
}

// add counts hints that could not be published.
func (o *outage) add(message string, hints int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed += hints
	if o.causes[err.Error()] {
		return
	}
	if o.causes == nil {
		o.causes = map[string]bool{}
	}
	o.causes[err.Error()] = true
	o.log.Warn(message, zap.Error(err))
}

// end notes that JetStream takes hints.
func (o *outage) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.causes) == 0 {
		return
	}
	o.log.Info("JetStream takes hints again", zap.Int("failed_attempts", o.failed))
	o.causes, o.failed = nil, 0
}
