package postgres

import (
	"context"
	"encoding/binary"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
)

const (
	countRange = `SELECT count(*) FROM orders WHERE id >= $1 AND ($2::uuid IS NULL OR id < $2)`
	// Every so many orders a range begins; the first one begins where it was asked for.
	cutRange = `SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM orders
	WHERE id >= $1 AND ($2::uuid IS NULL OR id < $2)) x WHERE n > 0 AND n % $3 = 0 ORDER BY id`
	// rowHash is the beginning of the SHA-256 of "id version t|f fingerprint". It is computed when it is asked for, some 2 us
	// an order, and costs nothing at a write. Peers compare it: another text or hash makes all of both sides differ.
	// Cutting the hash before it becomes bits takes a third off.
	rowHash = `('x' || encode(substr(sha256(textsend(id::text || ' ' || version || CASE WHEN deleted THEN ' t ' ELSE ' f ' END || fingerprint)), 1, 16), 'hex'))::bit(128)`
	// hashOf makes two numbers of the hashes of the rows x: none come to 0.
	hashOf     = `COALESCE(bit_xor(x.h)::bit(64)::bigint, 0), COALESCE((bit_xor(x.h) << 64)::bit(64)::bigint, 0)`
	hashRanges = `SELECT width_bucket(id, $3::uuid[]), count(*), ` + hashOf + `
	FROM (SELECT id, ` + rowHash + ` AS h FROM orders WHERE id >= $1 AND ($2::uuid IS NULL OR id < $2)) x GROUP BY 1`
	lastLogged = `SELECT COALESCE(max(seq), 0) FROM log`
	headsOf    = `SELECT id FROM orders WHERE id >= $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id LIMIT $3`
)

// Ranges implements orders.Store.
func (s *Store) Ranges(ctx context.Context, q orders.RangeQuery) ([]orders.Range, int64, error) {
	select {
	case s.ranging <- struct{}{}:
		defer func() { <-s.ranging }()
	case <-ctx.Done():
		return nil, 0, translate(ctx.Err(), "fingerprint ranges")
	}
	var out []orders.Range
	var position int64
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		bounds := q.Bounds
		if bounds == nil {
			var err error
			if bounds, err = cut(ctx, tx, q); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(ctx, lastLogged).Scan(&position); err != nil {
			return err
		}
		out = rangesBetween(q, bounds)
		rows, err := tx.Query(ctx, hashRanges, q.From, orNull(q.To), rawIDs(bounds))
		if err != nil {
			return err
		}
		var at int
		var count, high, low int64
		_, err = pgx.ForEachRow(rows, []any{&at, &count, &high, &low}, func() error {
			out[at].Count = count
			binary.BigEndian.PutUint64(out[at].Hash[:8], uint64(high))
			binary.BigEndian.PutUint64(out[at].Hash[8:], uint64(low))
			return nil
		})
		return err
	})
	return out, position, translate(err, "fingerprint ranges")
}

// cut finds where ranges of about equal size begin, but for the first.
func cut(ctx context.Context, tx pgx.Tx, q orders.RangeQuery) ([]uuid.UUID, error) {
	if q.Parts == 1 {
		return nil, nil
	}
	var n int64
	if err := tx.QueryRow(ctx, countRange, q.From, orNull(q.To)).Scan(&n); err != nil {
		return nil, err
	}
	step := max(1, (n+int64(q.Parts)-1)/int64(q.Parts))
	rows, err := tx.Query(ctx, cutRange, q.From, orNull(q.To), step)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

func rangesBetween(q orders.RangeQuery, bounds []uuid.UUID) []orders.Range {
	out := make([]orders.Range, 0, len(bounds)+1)
	from := q.From
	for _, b := range bounds {
		out = append(out, orders.Range{From: from, To: b})
		from = b
	}
	return append(out, orders.Range{From: from, To: q.To})
}

// orNull makes of the zero id, which is no bound, a null.
func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// Heads implements orders.Store.
func (s *Store) Heads(ctx context.Context, from, to uuid.UUID, limit int) ([]*orders.Stored, error) {
	rows, err := s.pool.Query(ctx, headsOf, from, orNull(to), limit)
	if err != nil {
		return nil, translate(err, "list orders of a range")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, translate(err, "list orders of a range")
	}
	return s.load(ctx, ids, false)
}
