package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/peering"
)

const (
	// peersLock is the advisory lock of who changes which peers there are; the number is arbitrary but fixed.
	peersLock   = 0x6f726465727365
	lockPeers   = `SELECT pg_advisory_lock($1)`
	unlockPeers = `SELECT pg_advisory_unlock($1)`
	// Rows are locked in order of name, as rounds do.
	noteLeaving = `WITH leaving AS (SELECT peer FROM peers WHERE NOT peer = ANY($1) AND left_at IS NULL ORDER BY peer FOR UPDATE)
		UPDATE peers SET left_at = now() FROM leaving WHERE peers.peer = leaving.peer`
	peersBack    = `SELECT peer FROM peers WHERE peer = ANY($1) AND left_at IS NOT NULL ORDER BY peer`
	addPeers     = `INSERT INTO peers (peer) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`
	newPeers     = `SELECT x FROM unnest($1::text[]) x WHERE NOT EXISTS (SELECT FROM peers WHERE peer = x) ORDER BY x`
	hasLeft      = `SELECT left_at IS NOT NULL FROM peers WHERE peer = $1`
	dropHints    = `DELETE FROM outbox WHERE peer = $1`
	dropProposed = `DELETE FROM proposals WHERE peer = $1`
	dropBatches  = `DELETE FROM accepted_batches WHERE peer = $1`
	forgetLinks  = `SELECT removed, last FROM forget_links($1, $2, $3)`
	dropPeer     = `DELETE FROM peers WHERE peer = $1`

	// A step removes so many links in a transaction of its own; between two of them there is room for others.
	forgetStep = 1000
)

// SetPeers implements peering.Store.
func (s *Store) SetPeers(ctx context.Context, peers []string) (back []string, err error) {
	err = s.lockingPeers(ctx, func(conn *pgxpool.Conn) (err error) {
		if _, err = conn.Exec(ctx, noteLeaving, peers); err != nil {
			return err
		}
		if back, err = oneColumn[string](conn.Query(ctx, peersBack, peers)); err != nil {
			return err
		}
		// Of one that is new there are rows where a process with other settings went on after it was forgotten.
		unknown, err := oneColumn[string](conn.Query(ctx, newPeers, peers))
		if err != nil {
			return err
		}
		for _, peer := range slices.Concat(back, unknown) {
			if err := forgetRows(ctx, conn, peer); err != nil {
				return err
			}
			if _, err := conn.Exec(ctx, dropPeer, peer); err != nil {
				return err
			}
		}
		_, err = conn.Exec(ctx, addPeers, peers)
		return err
	})
	return back, translate(err, "set peers")
}

// ForgetPeer implements peering.Store. It removes the row of the peer last: what is broken off is begun again.
func (s *Store) ForgetPeer(ctx context.Context, peer string, hints peering.Hints) error {
	err := s.lockingPeers(ctx, func(conn *pgxpool.Conn) error {
		var left bool
		err := conn.QueryRow(ctx, hasLeft, peer).Scan(&left)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return orders.Errorf(orders.NotFound, "nothing is stored of a peer %s", peer)
		case err != nil:
			return err
		case !left:
			return orders.Errorf(orders.Conflict, "%s is a peer of this side: take it out of the settings of each of its services first", peer)
		}
		if err := hints.DeleteConsumer(ctx, peer); err != nil {
			return err
		}
		if err := forgetRows(ctx, conn, peer); err != nil {
			return err
		}
		if err := hints.PurgeHints(ctx, peer); err != nil { // nothing is left to publish more of them
			return err
		}
		_, err = conn.Exec(ctx, dropPeer, peer)
		return err
	})
	return translate(err, "forget a peer")
}

// lockingPeers keeps other processes of this side from changing which peers there are meanwhile.
func (s *Store) lockingPeers(ctx context.Context, do func(*pgxpool.Conn) error) error {
	return s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, lockPeers, peersLock); err != nil {
			return err
		}
		defer func() {
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if _, err := conn.Exec(ending, unlockPeers, peersLock); err != nil {
				_ = conn.Conn().Close(ending) // and the lock ends with the connection
			}
		}()
		return do(conn)
	})
}

// forgetRows removes what is stored of a peer, but for its own row.
func forgetRows(ctx context.Context, conn *pgxpool.Conn, peer string) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(dropHints, peer)
	b.Queue(dropProposed, peer)
	b.Queue(dropBatches, peer)
	b.Queue(endOpen, peer, time.Now().UTC(), "the peer was forgotten")
	b.Queue("COMMIT")
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	for after := uuid.Nil; ; {
		var removed int64
		var last *uuid.UUID
		if err := conn.QueryRow(ctx, forgetLinks, peer, after, forgetStep).Scan(&removed, &last); err != nil {
			return err
		}
		if last == nil {
			return nil
		}
		after = *last
	}
}
