package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
)

// afterFound does something once a page of changes was found, and before its orders are read.
type afterFound struct{ do func() }

type foundKey struct{}

func (a *afterFound) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, foundKey{}, strings.Contains(q.SQL, "FROM log g"))
}

func (a *afterFound) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if do := a.do; do != nil && ctx.Value(foundKey{}) == true {
		a.do = nil
		do()
	}
}

// TestAPageByChangeEndsWhereItWasFound, though its last order changes again before it is read.
func TestAPageByChangeEndsWhereItWasFound(t *testing.T) {
	s := open(t, 1)
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	for _, id := range ids {
		require.NoError(t, write(t, s, id, "a.x:1", "{}", nil))
	}
	trace := &afterFound{do: func() { require.NoError(t, write(t, s, ids[1], "a.x:2", "{}", nil)) }}
	cfg := s.pool.Config()
	cfg.ConnConfig.Tracer = trace
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	traced := &Store{pool: pool}

	page, _, err := traced.List(t.Context(), orders.Query{Changed: true, Limit: 2})
	require.NoError(t, err)
	require.Nil(t, trace.do, "the order was changed in between")
	require.Len(t, page, 2)
	require.Equal(t, ids[1], page[1].ID)
	next, _, err := traced.List(t.Context(), orders.Query{Changed: true, Limit: 2, After: orders.Place{Seq: page[1].Seq}})
	require.NoError(t, err)
	require.Len(t, next, 1)
	require.Equal(t, ids[0], next[0].ID, "and nothing that was there already")
}
