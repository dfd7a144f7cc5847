package connector

import (
	"context"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// limited makes no more calls about single orders at once than the system wants. Lists, of which there is one at a
// time, wait for such calls while they are read, and are not counted.
type limited struct {
	foreign.System
	slots chan struct{}
}

func newLimited(s foreign.System) *limited {
	return &limited{s, make(chan struct{}, max(1, s.Traits().Concurrency))}
}

func (l *limited) take(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *limited) release() { <-l.slots }

// Get implements foreign.System.
func (l *limited) Get(ctx context.Context, id string) (*foreign.Document, error) {
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	return l.System.Get(ctx, id)
}

// Find implements foreign.System.
func (l *limited) Find(ctx context.Context, reference uuid.UUID) ([]string, error) {
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	return l.System.Find(ctx, reference)
}

// Create implements foreign.System.
func (l *limited) Create(ctx context.Context, reference uuid.UUID, edit *foreign.Edit) (string, error) {
	if err := l.take(ctx); err != nil {
		return "", err
	}
	defer l.release()
	return l.System.Create(ctx, reference, edit)
}

// Update implements foreign.System.
func (l *limited) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	if err := l.take(ctx); err != nil {
		return err
	}
	defer l.release()
	return l.System.Update(ctx, was, edit)
}
