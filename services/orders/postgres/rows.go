package postgres

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// result gathers what the loads read into one row for each id asked for.
type result struct {
	list    []*orders.Stored // in the order of the ids
	byID    map[uuid.UUID]*loaded
	unmoved bool // contents of one of them were where earlier versions had them
}

// loaded is one order as it was read, with the numbers of its contents. A decision makes of Stored what is stored
// after it; the rest stays as it was.
type loaded struct {
	orders.Stored
	deleted bool
	content int64  // 0 where there is none
	theirs  []kept // for each link
}

// kept is what is kept of a peer's version.
type kept struct {
	peer    string
	head    *ordersync.Head
	content int64 // 0 where there is none
}

func newResult(ids []uuid.UUID) *result {
	r := &result{list: make([]*orders.Stored, len(ids)), byID: make(map[uuid.UUID]*loaded, len(ids))}
	all := make([]loaded, len(ids))
	for i, id := range ids {
		all[i].ID = id
		r.list[i], r.byID[id] = &all[i].Stored, &all[i]
	}
	return r
}

func (r *result) readHeads(rows pgx.Rows) error {
	for rows.Next() {
		var h loaded
		var version string
		if err := rows.Scan(raw(&h.ID), &h.Seq, &h.Head.Deleted, &h.UpdatedAt, &version, &h.Head.Fingerprint, &h.PlacedAt, &h.content, &h.Body); err != nil {
			return err
		}
		var err error
		if h.Head.Version, err = parseVersion(version); err != nil {
			return err
		}
		h.deleted = h.Head.Deleted
		r.unmoved = r.unmoved || h.content == unmoved
		*r.byID[h.ID] = h
	}
	return rows.Err()
}

func (r *result) readBodies(rows pgx.Rows) error {
	for rows.Next() {
		var id uuid.UUID
		var body []byte
		if err := rows.Scan(raw(&id), &body); err != nil {
			return err
		}
		r.byID[id].Body = body
	}
	return rows.Err()
}

func (r *result) readLinks(rows pgx.Rows) error {
	for rows.Next() {
		var id uuid.UUID
		l := orders.Link{Stored: true}
		var state int16
		var agreed string
		var theirsAt *time.Time
		var version, fingerprint *string
		var deleted *bool
		var content int64
		var old bool
		if err := rows.Scan(raw(&id), &l.Peer, &state, &l.Due, &l.Since, &agreed, &version, &fingerprint, &deleted,
			&theirsAt, &l.Reason, &content, &old, &l.TheirsBody); err != nil {
			return err
		}
		r.unmoved = r.unmoved || old
		st := r.byID[id]
		l.State = ordersync.State(state)
		var err error
		if l.Agreed, err = parseVersion(agreed); err != nil {
			return err
		}
		if l.State.Settled() {
			l.Agreed = st.Head.Version
		}
		if version != nil {
			theirs := ordersync.Head{Fingerprint: *fingerprint, Deleted: *deleted}
			if theirs.Version, err = parseVersion(*version); err != nil {
				return err
			}
			l.Theirs = &theirs
			if theirsAt != nil {
				l.TheirsUpdatedAt = *theirsAt
			}
		}
		st.Links = append(st.Links, l)
		if l.Theirs != nil {
			st.theirs = append(st.theirs, kept{peer: l.Peer, head: l.Theirs, content: content})
		}
	}
	return rows.Err()
}

// raw is an id as the driver writes and reads it in binary; as a uuid.UUID it would go by way of text.
func raw(id *uuid.UUID) *[16]byte { return (*[16]byte)(id) }

// rawIDs are ids as the driver writes them in binary.
func rawIDs(ids []uuid.UUID) [][16]byte {
	out := make([][16]byte, len(ids))
	for i := range ids {
		out[i] = ids[i]
	}
	return out
}

// columns are the arrays of a statement over unnest, one value a row in each.
type columns []column

type column interface {
	any() any
	len() int
}

type col[T any] struct{ v []T }

func (c *col[T]) any() any { return c.v }

func (c *col[T]) len() int { return len(c.v) }

func (c *col[T]) add(v T) { c.v = append(c.v, v) }

func (c columns) args() []any {
	out := make([]any, len(c))
	for i := range c {
		out[i] = c[i].any()
	}
	return out
}

type contentColumns struct {
	seq  col[int64]
	body col[[]byte]
}

func (c *contentColumns) add(seq int64, body []byte) {
	c.seq.add(seq)
	c.body.add(body)
}

func (c *contentColumns) columns() columns { return columns{&c.seq, &c.body} }

type logColumns struct {
	seq                                                  col[int64]
	orderID                                              col[[16]byte]
	at                                                   col[time.Time]
	wasSince                                             col[*time.Time]
	event, received, was, becomes, rule                  col[int16]
	peer, version, fingerprint, actor, requestID, reason col[string]
	deleted, wrote                                       col[bool]
	content, replaced, dropped                           col[*int64]
}

func (l *logColumns) columns() columns {
	return columns{
		&l.seq, &l.orderID, &l.at, &l.event, &l.peer, &l.received, &l.was, &l.wasSince, &l.becomes, &l.rule,
		&l.version, &l.fingerprint, &l.deleted, &l.wrote, &l.actor, &l.requestID, &l.reason, &l.content, &l.replaced, &l.dropped,
	}
}

type orderColumns struct {
	id                   col[[16]byte]
	seq                  col[int64]
	deleted              col[bool]
	updatedAt            col[time.Time]
	version, fingerprint col[string]
	number, status       col[*string]
	words, folded, ref   col[*string] // folded is the number as it is searched for, ref that of a third system
	placedAt             col[*time.Time]
	content              col[*int64]
}

func (o *orderColumns) columns() columns {
	return columns{&o.id, &o.seq, &o.deleted, &o.updatedAt, &o.version, &o.fingerprint, &o.content, &o.number, &o.status, &o.words, &o.folded, &o.placedAt, &o.ref}
}

type linkColumns struct {
	orderID                          col[[16]byte]
	peer, agreed, reason             col[string]
	state                            col[int16]
	due                              col[bool]
	since                            col[time.Time]
	theirsAt                         col[*time.Time]
	theirsVersion, theirsFingerprint col[*string]
	theirsDeleted                    col[*bool]
	theirs                           col[*int64]
}

func (l *linkColumns) columns() columns {
	return columns{
		&l.orderID, &l.peer, &l.state, &l.due, &l.since, &l.agreed, &l.theirsVersion,
		&l.theirsFingerprint, &l.theirsDeleted, &l.theirsAt, &l.theirs, &l.reason,
	}
}

type outboxColumns struct {
	orderID       col[[16]byte]
	peer, version col[string]
	state         col[int16]
	at            col[time.Time]
}

func (o *outboxColumns) columns() columns {
	return columns{&o.orderID, &o.peer, &o.version, &o.state, &o.at}
}

// writes are all rows that changes ask to save, by statement.
type writes struct {
	contents             contentColumns
	log                  logColumns
	newOrders, oldOrders orderColumns
	newLinks, oldLinks   linkColumns
	outbox               outboxColumns
	hints                []orders.Hint
	carried              [][16]byte  // orders whose intents end,
	sent                 []time.Time // and when these were sent
}

// collect gathers the rows of changes of orders that were loaded.
func (r *result) collect(changes []orders.Change) *writes {
	// In one order everywhere, so that two batches of new orders wait for each other, not in a circle.
	slices.SortFunc(changes, func(x, y orders.Change) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	w := &writes{}
	for i := range changes {
		w.add(r.byID[changes[i].ID], &changes[i])
	}
	return w
}

// add gathers the rows of a change. A content has the number of the change that writes or keeps it; none does both.
func (w *writes) add(was *loaded, c *orders.Change) {
	content := was.content
	if c.Content != nil {
		content = c.Seq
		w.contents.add(content, c.Content.Body)
	}
	for i := range c.Log {
		row := &c.Log[i]
		w.log.add(row)
		w.log.content.add(numberOrNull(content, row.Wrote && !row.Head.Deleted))
		w.log.replaced.add(numberOrNull(was.content, row.Wrote && (c.Content != nil || row.Head.Deleted && !was.deleted)))
		w.log.dropped.add(numberOrNull(was.keptOf(row.Peer).content, row.DropsTheirs))
	}
	switch {
	case c.Write && c.New:
		w.newOrders.add(c, content)
	case c.Write:
		w.oldOrders.add(c, content)
	}
	for i := range c.Links {
		l := &c.Links[i]
		to := &w.oldLinks
		if !l.Stored {
			to = &w.newLinks
		}
		to.add(c.ID, l, w.keep(was.keptOf(l.Peer), l, c.Seq))
	}
	if !c.Sent.IsZero() {
		w.carried, w.sent = append(w.carried, c.ID), append(w.sent, c.Sent)
	}
	for _, h := range c.Hints {
		w.hints = append(w.hints, h)
		w.outbox.orderID.add(h.OrderID)
		w.outbox.peer.add(h.Peer)
		w.outbox.version.add(h.Version)
		w.outbox.state.add(stateCode(h.State))
		w.outbox.at.add(h.At)
	}
}

// keep returns the number of the content that is kept beside a link from here on: the one that was kept, for as long
// as the version is the same, else a new one.
func (w *writes) keep(was kept, l *orders.Link, seq int64) int64 {
	switch {
	case l.Theirs == nil:
		return 0
	case was.content != 0 && was.head.Fingerprint == l.Theirs.Fingerprint && was.head.Version.Compare(l.Theirs.Version) == ordersync.Equal:
		return was.content
	case l.TheirsBody == nil:
		return 0
	}
	w.contents.add(seq, l.TheirsBody)
	return seq
}

// keptOf is what was kept of a peer's version.
func (l *loaded) keptOf(peer string) kept {
	for _, k := range l.theirs {
		if k.peer == peer {
			return k
		}
	}
	return kept{}
}

func (l *logColumns) add(r *orders.LogRow) {
	l.seq.add(r.Seq)
	l.orderID.add(r.OrderID)
	l.at.add(r.At)
	l.event.add(int16(r.Event))
	l.peer.add(r.Peer)
	l.received.add(stateCode(r.Received))
	l.was.add(stateCode(r.Was))
	l.wasSince.add(timeOrNull(r.WasSince))
	l.becomes.add(stateCode(r.Becomes))
	l.rule.add(int16(r.Rule))
	l.version.add(r.Head.Version.String())
	l.fingerprint.add(r.Head.Fingerprint)
	l.deleted.add(r.Head.Deleted)
	l.wrote.add(r.Wrote)
	l.actor.add(r.Actor)
	l.requestID.add(r.RequestID)
	l.reason.add(r.Reason)
}

func (o *orderColumns) add(c *orders.Change, content int64) {
	o.id.add(c.ID)
	o.seq.add(c.Seq)
	o.deleted.add(c.Head.Deleted)
	o.updatedAt.add(c.UpdatedAt)
	o.version.add(c.Head.Version.String())
	o.fingerprint.add(c.Head.Fingerprint)
	o.content.add(numberOrNull(content, true))
	switch {
	case c.Content != nil:
		o.number.add(&c.Content.OrderNumber)
		o.status.add(&c.Content.Status)
		o.words.add(&c.Content.Words)
		folded := orders.Fold(c.Content.OrderNumber)
		o.folded.add(&folded)
		o.placedAt.add(&c.Content.PlacedAt)
		o.ref.add(&c.Content.ExternalRef)
	case c.New:
		unknown := "" // only the deletion is known
		o.number.add(&unknown)
		o.status.add(&unknown)
		o.words.add(&unknown)
		o.folded.add(&unknown)
		o.placedAt.add(&unplaced)
		o.ref.add(&unknown)
	default:
		o.number.add(nil)
		o.status.add(nil)
		o.words.add(nil)
		o.folded.add(nil)
		o.placedAt.add(nil)
		o.ref.add(nil)
	}
}

func (l *linkColumns) add(id uuid.UUID, k *orders.Link, theirs int64) {
	l.orderID.add(id)
	l.peer.add(k.Peer)
	l.state.add(stateCode(k.State))
	l.due.add(k.Due)
	l.since.add(k.Since)
	l.agreed.add(k.Agreed.String())
	l.reason.add(k.Reason)
	l.theirs.add(numberOrNull(theirs, true))
	l.theirsAt.add(timeOrNull(k.TheirsUpdatedAt))
	if k.Theirs == nil {
		l.theirsVersion.add(nil)
		l.theirsFingerprint.add(nil)
		l.theirsDeleted.add(nil)
		return
	}
	version := k.Theirs.Version.String()
	l.theirsVersion.add(&version)
	l.theirsFingerprint.add(&k.Theirs.Fingerprint)
	l.theirsDeleted.add(&k.Theirs.Deleted)
}

// numberOrNull is the number of a content where there is one and it matters.
func numberOrNull(n int64, matters bool) *int64 {
	if n == 0 || !matters {
		return nil
	}
	return &n
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// parseVersion reads a version that this side stored.
func parseVersion(text string) (ordersync.Vector, error) {
	v, err := ordersync.ParseVector(text)
	if err != nil {
		return v, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return v, nil
}
