//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const chunkSize = 200 // ids asked for at once

// Which of some orders are there: at a version, or as anything else than before.
const (
	atVersion   = `SELECT o.id FROM unnest($1::uuid[], $2::text[]) u (id, mark) JOIN orders o ON o.id = u.id WHERE o.version = u.mark`
	pastVersion = `SELECT o.id FROM unnest($1::uuid[], $2::text[]) u (id, mark) JOIN orders o ON o.id = u.id WHERE o.version <> u.mark`
	pastTime    = `SELECT o.id FROM unnest($1::uuid[], $2::text[]) u (id, mark) JOIN orders o ON o.id = u.id WHERE o.updated_at <> u.mark::timestamptz`
)

// ask finds those of the ids for which the query is true.
func ask(ctx context.Context, conn *pgx.Conn, query string, marks map[uuid.UUID]string) ([]uuid.UUID, error) {
	list, texts := make([]uuid.UUID, 0, len(marks)), make([]string, 0, len(marks))
	for id, mark := range marks {
		list, texts = append(list, id), append(texts, mark)
	}
	rows, err := conn.Query(ctx, query, list, texts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// awaitVersions returns when every order has been seen with its version, and tells when the first one
// was. It goes chunk after chunk; of the present one it asks for a single order until that is there, and
// then for all, so that asking costs little of what it measures.
func awaitVersions(ctx context.Context, conn *pgx.Conn, ids []uuid.UUID, versions []string) (first time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	for from := 0; from < len(ids); from += chunkSize {
		missing := map[uuid.UUID]string{}
		for i := from; i < min(from+chunkSize, len(ids)); i++ {
			missing[ids[i]] = versions[i]
		}
		for len(missing) > 0 {
			if err := awaitOne(ctx, conn, missing); err != nil {
				return first, fmt.Errorf("wait for %d orders from number %d on: %w", len(missing), from, err)
			}
			if first.IsZero() {
				first = time.Now()
			}
			found, err := ask(ctx, conn, atVersion, missing)
			if err != nil {
				return first, err
			}
			for _, id := range found {
				delete(missing, id)
			}
		}
	}
	return first, nil
}

// awaitOne returns when one of the orders, whichever, is there.
func awaitOne(ctx context.Context, conn *pgx.Conn, missing map[uuid.UUID]string) error {
	one := make(map[uuid.UUID]string, 1)
	for id, version := range missing {
		one[id] = version
		break
	}
	for {
		found, err := ask(ctx, conn, atVersion, one)
		if err != nil || len(found) > 0 {
			return err
		}
		time.Sleep(pollEvery)
	}
}

// watcher looks every millisecond for edits that are on their way.
type watcher struct {
	conn  *pgx.Conn
	query string

	mu      sync.Mutex
	missing map[uuid.UUID]string // and what each was before
	seen    map[uuid.UUID]time.Time
}

func newWatcher(conn *pgx.Conn, query string) *watcher {
	return &watcher{conn: conn, query: query, missing: map[uuid.UUID]string{}, seen: map[uuid.UUID]time.Time{}}
}

// expect tells of an edit that is about to begin.
func (w *watcher) expect(id uuid.UUID, before string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missing[id] = before
}

// run looks until the edits are over and all have been seen.
func (w *watcher) run(ctx context.Context, over <-chan struct{}) error {
	const every = time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	ended := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			over, ended = nil, true
		case <-tick.C:
		}
		left, err := w.look(ctx)
		if err != nil || ended && left == 0 {
			return err
		}
	}
}

func (w *watcher) look(ctx context.Context) (left int, err error) {
	w.mu.Lock()
	asked := make(map[uuid.UUID]string, len(w.missing))
	for id, before := range w.missing {
		asked[id] = before
	}
	w.mu.Unlock()
	if len(asked) == 0 {
		return 0, nil
	}
	found, err := ask(ctx, w.conn, w.query, asked)
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range found {
		w.seen[id] = now
		delete(w.missing, id)
	}
	return len(w.missing), err
}
