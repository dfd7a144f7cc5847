package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/peering"
)

const (
	peerRows = `SELECT p.peer, left_at, held_at, held_reason, proof, brake_tripped, brake_off_until, left_out, evidence, told,
	r.id, r.state, r.reason, r.decided_at IS NOT NULL
	FROM peers p LEFT JOIN reconciliations r ON r.peer = p.peer AND r.state IN ` + openStates + ` ORDER BY p.peer`
	// The first reason stays; later evidence is added.
	holdPeer = `UPDATE peers SET held_at = COALESCE(held_at, $2), held_reason = CASE WHEN held_at IS NULL THEN $3 ELSE held_reason END,
	evidence = $4 WHERE peer = $1 RETURNING held_at = $2`
	confirmOthers = `UPDATE reconciliations SET decided_by = $2, decided_at = $3, state = CASE state WHEN 'held' THEN 'requested' ELSE state END,
	except_ids = (SELECT COALESCE(array_agg(DISTINCT x), '{}') FROM unnest(except_ids || $4::uuid[]) x)
	WHERE peer <> $1 AND cause = 'restored' AND decided_at IS NULL AND state IN ` + openStates + `
	AND peer IN (SELECT peer FROM peers WHERE held_at IS NOT NULL)`
	leaveOutOfOthers = `UPDATE peers SET left_out = (SELECT COALESCE(array_agg(DISTINCT x), '{}') FROM unnest(left_out || $2::uuid[]) x)
	WHERE peer <> $1 AND held_at IS NOT NULL`
	lockEvidence = `SELECT evidence FROM peers WHERE peer = $1 FOR UPDATE`
	releasePeer  = `UPDATE peers SET held_at = NULL, held_reason = '', evidence = '', told = COALESCE(told, $2) WHERE peer = $1`
	setTold      = `UPDATE peers SET told = $2 WHERE peer = $1`
	// A lost epoch is over: nothing runs under it, so whatever number is claimed of it later tells nothing new.
	writeOff = `INSERT INTO written_off (key, n) SELECT key, 9223372036854775807 FROM unnest($1::text[]) key
	ON CONFLICT (key) DO UPDATE SET n = EXCLUDED.n`
	// A proof of a time that lies ahead is a clock's mistake, and stands in no newer one's way.
	recordProof  = `UPDATE peers SET proof = $2, proved_at = $3 WHERE peer = $1 AND (proved_at IS NULL OR proved_at <= $3 OR proved_at > now())`
	leaveOut     = `UPDATE peers SET left_out = (SELECT array_agg(DISTINCT x) FROM unnest(left_out || $2::uuid[]) x) WHERE peer = $1`
	leaveOutNone = `UPDATE peers SET left_out = '{}' WHERE peer = $1`

	sightings     = `SELECT key, n, at FROM sightings`
	saveSightings = `INSERT INTO sightings (key, n, at) SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[])
	ON CONFLICT (key) DO UPDATE SET n = EXCLUDED.n, at = EXCLUDED.at WHERE EXCLUDED.n > sightings.n`
	forgetSightings = `DELETE FROM sightings WHERE key IN (SELECT key FROM (SELECT key,
	row_number() OVER (PARTITION BY split_part(key, '.', 1) ORDER BY at DESC, key) AS nth FROM sightings) x WHERE nth > $1)`
	// The row of the log with a number is that of the change that got it, and its version has it (a head is marked); a row that
	// is not there, of a number up to which the log was cleaned up, has been.
	missingNumbers = `SELECT d.key, d.n FROM unnest($1::text[], $2::bigint[]) AS d (key, n)
	LEFT JOIN log l ON l.seq = d.n LEFT JOIN written_off w ON w.key = d.key
	WHERE (w.n IS NULL OR w.n < d.n) AND CASE WHEN l.seq IS NULL THEN d.n > (SELECT up_to FROM cleanup) ELSE position(',' || d.key || ':' || d.n || ',' IN ',' || replace(l.version, '!', '') || ',') = 0 END`
)

var _ peering.Store = (*Store)(nil)

// PeerRows implements peering.Store.
func (s *Store) PeerRows(ctx context.Context) ([]peering.PeerRow, error) {
	rows, err := s.pool.Query(ctx, peerRows)
	if err != nil {
		return nil, translate(err, "read peers")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (peering.PeerRow, error) {
		var p peering.PeerRow
		var left, held, off *time.Time
		var reason, evidence string
		var proof, told []byte
		var tripped int16
		var leftOut []uuid.UUID
		var open openRow
		if err := row.Scan(&p.Peer, &left, &held, &reason, &proof, &tripped, &off, &leftOut, &evidence, &told, &open.id, &open.state, &open.reason, &open.confirmed); err != nil {
			return p, err
		}
		lost, err := parseVersion(evidence)
		if err != nil {
			return p, err
		}
		for _, d := range lost.Dots() {
			p.Evidence = append(p.Evidence, d.Key)
		}
		p.Open = open.one()
		if told != nil {
			p.Told = &peering.Told{}
			if err := json.Unmarshal(told, p.Told); err != nil {
				return p, err
			}
		}
		for _, id := range leftOut {
			p.LeftOut = append(p.LeftOut, id.String())
		}
		if left != nil {
			p.Left = left.UTC()
		}
		if held != nil {
			p.Held = &contracts.Hold{At: held.UTC(), Reason: reason}
		}
		p.Brake = orders.BrakeState{Deletions: tripped&1 != 0, Replacements: tripped&2 != 0}
		if off != nil {
			p.Brake.OffUntil = off.UTC()
		}
		if proof != nil {
			p.Proof = &contracts.Proof{}
			return p, json.Unmarshal(proof, p.Proof)
		}
		return p, nil
	})
	return list, translate(err, "read peers")
}

// openRow is the open reconciliation of a peer, or nulls.
type openRow struct {
	id            *uuid.UUID
	state, reason *string
	confirmed     bool
}

func (o openRow) one() *peering.OpenOne {
	if o.id == nil {
		return nil
	}
	return &peering.OpenOne{ID: o.id.String(), State: *o.state, Reason: *o.reason, Confirmed: o.confirmed}
}

// Hold implements peering.Store.
func (s *Store) Hold(ctx context.Context, peers []string, hold contracts.Hold, evidence []ordersync.Dot, most int) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, peer := range slices.Sorted(slices.Values(peers)) { // one order of locks for all
			if err := holdLink(ctx, tx, peer, hold, evidence, most); err != nil {
				return err
			}
		}
		return nil
	})
	return translate(err, "hold links")
}

func holdLink(ctx context.Context, tx pgx.Tx, peer string, hold contracts.Hold, evidence []ordersync.Dot, most int) error {
	all, err := lockedEvidence(ctx, tx, peer)
	if err != nil {
		return err
	}
	for _, d := range evidence {
		if len(all.Dots()) < most {
			all = all.With(d)
		}
	}
	var first bool
	if err := tx.QueryRow(ctx, holdPeer, peer, hold.At, hold.Reason, all.String()).Scan(&first); err != nil || !first {
		return err
	}
	if _, err := tx.Exec(ctx, endOpen, peer, hold.At, "the link is held"); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return insertReconciliation(ctx, tx, &contracts.Reconciliation{
		ID: id.String(), Peer: peer, Cause: "restored", State: "requested", RequestedBy: "service", RequestedAt: hold.At,
	})
}

// ConfirmOthers implements peering.Store. Their plans are made again: nobody has seen them, so they pass no brake.
func (s *Store) ConfirmOthers(ctx context.Context, r *contracts.Reconciliation) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(lockPeerRows)
	b.Queue(confirmOthers, r.Peer, r.DecidedBy, r.DecidedAt, r.Except)
	b.Queue(leaveOutOfOthers, r.Peer, r.Except)
	b.Queue("COMMIT")
	err := s.pool.SendBatch(ctx, b).Close()
	return translate(err, "confirm the plans of the other links")
}

func lockedEvidence(ctx context.Context, tx pgx.Tx, peer string) (ordersync.Vector, error) {
	var text string
	if err := tx.QueryRow(ctx, lockEvidence, peer).Scan(&text); err != nil {
		return ordersync.Vector{}, err
	}
	return parseVersion(text)
}

// ReleaseLink implements peering.Store.
func (s *Store) ReleaseLink(ctx context.Context, peer string) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		evidence, err := lockedEvidence(ctx, tx, peer)
		if err != nil {
			return err
		}
		keys, _ := columnsOf(evidence.Dots())
		if _, err := tx.Exec(ctx, writeOff, keys); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, mayBeAnother, peer); err != nil {
			return err
		}
		nothing, err := json.Marshal(peering.Told{At: time.Now().UTC()})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, releasePeer, peer, nothing)
		return err
	})
	return translate(err, "release a link")
}

// SetTold implements peering.Store.
func (s *Store) SetTold(ctx context.Context, peer string, told *peering.Told) error {
	text, err := json.Marshal(told)
	if err == nil {
		_, err = s.pool.Exec(ctx, setTold, peer, text)
	}
	return translate(err, "store what a peer has seen")
}

func columnsOf(dots []ordersync.Dot) (keys []string, numbers []int64) {
	for _, d := range dots {
		keys, numbers = append(keys, d.Key), append(numbers, d.N)
	}
	return keys, numbers
}

// RecordProof implements peering.Store.
func (s *Store) RecordProof(ctx context.Context, peer string, p contracts.Proof) error {
	text, err := json.Marshal(p)
	if err == nil {
		_, err = s.pool.Exec(ctx, recordProof, peer, text, p.At)
	}
	return translate(err, "record a proof")
}

// CountOrders implements peering.Store. Of very many it is an estimate, which a share of them may go by.
func (s *Store) CountOrders(ctx context.Context) (n int64, err error) {
	err = s.pool.QueryRow(ctx, countOrders).Scan(&n, nil)
	return n, translate(err, "count orders")
}

// LeaveOut implements peering.Store.
func (s *Store) LeaveOut(ctx context.Context, peer string, ids []string) error {
	_, err := s.pool.Exec(ctx, leaveOut, peer, ids)
	return translate(err, "leave orders out")
}

// LeaveOutNone implements peering.Store.
func (s *Store) LeaveOutNone(ctx context.Context, peer string) error {
	_, err := s.pool.Exec(ctx, leaveOutNone, peer)
	return translate(err, "leave no order out")
}

// Sightings implements peering.Store.
func (s *Store) Sightings(ctx context.Context) ([]peering.Sighting, error) {
	rows, err := s.pool.Query(ctx, sightings)
	if err != nil {
		return nil, translate(err, "read sightings")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x peering.Sighting, err error) {
		err = row.Scan(&x.Key, &x.N, &x.At)
		return x, err
	})
	return list, translate(err, "read sightings")
}

// SaveSightings implements peering.Store.
func (s *Store) SaveSightings(ctx context.Context, list []peering.Sighting, keep int) error {
	keys, numbers, times := make([]string, len(list)), make([]int64, len(list)), make([]time.Time, len(list))
	for i, x := range list {
		keys[i], numbers[i], times[i] = x.Key, x.N, x.At
	}
	_, err := s.pool.Exec(ctx, saveSightings, keys, numbers, times)
	if err == nil {
		_, err = s.pool.Exec(ctx, forgetSightings, keep)
	}
	return translate(err, "keep sightings")
}

// Missing implements peering.Store.
func (s *Store) Missing(ctx context.Context, dots []ordersync.Dot) ([]ordersync.Dot, error) {
	keys, numbers := columnsOf(dots)
	rows, err := s.pool.Query(ctx, missingNumbers, keys, numbers)
	if err != nil {
		return nil, translate(err, "look numbers up")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d ordersync.Dot, err error) {
		err = row.Scan(&d.Key, &d.N)
		return d, err
	})
	return list, translate(err, "look numbers up")
}

// notFound tells a row that is not there from a failure.
func notFound(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return orders.Errorf(orders.NotFound, "there is no such %s", what)
	}
	return err
}
