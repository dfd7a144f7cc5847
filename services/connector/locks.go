package connector

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// locks holds one lock for each order that somebody works on.
type locks struct {
	mu   sync.Mutex
	held map[uuid.UUID]*lock
}

type lock struct {
	turn  chan struct{} // holds one while it is taken
	users int           // who has it or waits
}

// lock takes the locks of orders, and returns what gives them back.
func (l *locks) lock(ctx context.Context, ids []uuid.UUID) (unlock func(), err error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	for i, id := range ids {
		if err := l.take(ctx, id); err != nil {
			l.release(ids[:i])
			return nil, err
		}
	}
	return func() { l.release(ids) }, nil
}

func (l *locks) take(ctx context.Context, id uuid.UUID) error {
	l.mu.Lock()
	one := l.held[id]
	if one == nil {
		one = &lock{turn: make(chan struct{}, 1)}
		l.held[id] = one
	}
	one.users++
	l.mu.Unlock()
	select {
	case one.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.leave(id, one)
		return ctx.Err()
	}
}

func (l *locks) leave(id uuid.UUID, one *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(l.held, id)
	}
}

func (l *locks) release(ids []uuid.UUID) {
	for _, id := range ids {
		l.mu.Lock()
		one := l.held[id]
		l.mu.Unlock()
		<-one.turn
		l.leave(id, one)
	}
}
