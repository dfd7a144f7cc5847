package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

const (
	saveProposal = `INSERT INTO proposals (order_id, peer, id, ours, theirs, resolution, proposed_by, proposed_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (order_id, peer) DO UPDATE SET id = excluded.id, ours = excluded.ours,
	theirs = excluded.theirs, resolution = excluded.resolution, proposed_by = excluded.proposed_by, proposed_at = excluded.proposed_at`
	// Proposals of a case come one after the other, so that each knows which one it replaces.
	lockProposals = `SELECT FROM orders WHERE id = $1 FOR UPDATE`
	proposedBy    = `SELECT proposed_by FROM proposals WHERE order_id = $1 AND peer = $2 FOR UPDATE`
	findProposal  = `SELECT id, ours, theirs, resolution, proposed_by, proposed_at FROM proposals WHERE order_id = $1 AND peer = $2`
	takeProposal  = `DELETE FROM proposals WHERE id = $1`
	// Those that are not void.
	waitingProposals = `SELECT p.order_id, p.peer, p.proposed_by FROM proposals p JOIN orders o ON o.id = p.order_id
	JOIN links l ON l.order_id = p.order_id AND l.peer = p.peer
	WHERE p.order_id = ANY($1) AND l.state = 6 AND o.version = p.ours AND l.theirs_version = p.theirs`
	forgetProposals = `DELETE FROM proposals p WHERE NOT EXISTS (SELECT FROM links l WHERE l.order_id = p.order_id AND l.peer = p.peer
	AND l.state = 6)`
)

// Propose implements orders.Store.
func (s *Store) Propose(ctx context.Context, p *orders.Proposal) error {
	body, err := strictjson.Encode(p.Resolution)
	if err != nil {
		return fmt.Errorf("encode the proposal for order %s: %w", p.OrderID, err)
	}
	return s.recordedAs(ctx, "keep a proposal", func(tx pgx.Tx) (access.Event, error) {
		var before string
		b := &pgx.Batch{}
		b.Queue(lockProposals, p.OrderID)
		b.Queue(proposedBy, p.OrderID, p.Peer).QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&before); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
		b.Queue(saveProposal, p.OrderID, p.Peer, p.ID, p.Ours, p.Theirs, body, p.By.Actor, p.At)
		err := tx.SendBatch(ctx, b).Close()
		return proposalEvent(p, "collision.proposed", p.By, p.At, inPlaceOf(p, before)), err
	})
}

// inPlaceOf tells what is proposed, and whose proposal it replaces if that was another one's (empty: nobody's).
func inPlaceOf(p *orders.Proposal, before string) string {
	detail := "an order"
	if p.Resolution.Take != "" {
		detail = "take " + p.Resolution.Take
	}
	if before != "" && before != p.By.Actor {
		detail += ", in place of " + before + "'s"
	}
	return detail
}

// Proposal implements orders.Store. What cannot be read blocks no case.
func (s *Store) Proposal(ctx context.Context, id uuid.UUID, peer string) (*orders.Proposal, error) {
	p := orders.Proposal{OrderID: id, Peer: peer}
	var body []byte
	err := s.pool.QueryRow(ctx, findProposal, id, peer).Scan(&p.ID, &p.Ours, &p.Theirs, &body, &p.By.Actor, &p.At)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, translate(err, "find a proposal")
	}
	if err := strictjson.Decode(body, &p.Resolution); err != nil {
		p.Resolution = contracts.Resolution{}
	}
	return &p, nil
}

// Reject implements orders.Store.
func (s *Store) Reject(ctx context.Context, p *orders.Proposal, by orders.By, at time.Time) error {
	e := proposalEvent(p, "collision.rejected", by, at, "proposed by "+p.By.Actor)
	return s.recorded(ctx, "reject a proposal", e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, takeProposal, p.ID)
		if err != nil {
			return err
		}
		return taken(tag)
	})
}

// taken tells that a proposal was not there any more when it was taken away.
func taken(tag pgconn.CommandTag) error {
	if tag.RowsAffected() == 0 {
		return orders.Errorf(orders.Stale, "the proposal has been replaced, rejected or approved meanwhile")
	}
	return nil
}

func proposalEvent(p *orders.Proposal, action string, by orders.By, at time.Time, detail string) access.Event {
	return access.Event{At: at, Actor: by.Actor, Action: action, Subject: "order:" + p.OrderID.String(), Detail: detail, RequestID: by.RequestID}
}

// WaitingProposals tells of which orders a resolution towards a peer waits for a second person, and who
// proposed it.
func (s *Store) WaitingProposals(ctx context.Context, ids []uuid.UUID) (map[orders.CaseKey]string, error) {
	rows, err := s.pool.Query(ctx, waitingProposals, rawIDs(ids))
	if err != nil {
		return nil, translate(err, "list proposals")
	}
	out := map[orders.CaseKey]string{}
	var key orders.CaseKey
	var by string
	_, err = pgx.ForEachRow(rows, []any{&key.ID, &key.Peer, &by}, func() error {
		out[key] = by
		return nil
	})
	return out, translate(err, "list proposals")
}

// ForgetProposals drops those of collisions that are over.
func (s *Store) ForgetProposals(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, forgetProposals)
	return translate(err, "drop proposals")
}
