package postgres

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/outbox"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// open gives a test a migrated database of its own.
func open(t *testing.T, conns int) *Store {
	t.Helper()
	url := pgtest.Template(t, "schema", func(url string) error {
		s, err := Open(context.Background(), url, 2)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Migrate(context.Background())
		return err
	})
	s, err := Open(context.Background(), url, conns)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

var at = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func vector(t *testing.T, text string) ordersync.Vector {
	t.Helper()
	v, err := ordersync.ParseVector(text)
	require.NoError(t, err)
	return v
}

// write stores a version of an order with one link and one row of the log.
func write(t *testing.T, s *Store, id uuid.UUID, version, body string, link func(*orders.Link)) error {
	t.Helper()
	_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1}, func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		l := loaded[0].Link("b")
		was := l.State
		l.State, l.Due, l.Since = ordersync.Upd, true, at
		if link != nil {
			link(&l)
		}
		head := ordersync.Head{Version: vector(t, version), Fingerprint: "fp1:x"}
		return []orders.Change{{
			ID: id, New: !loaded[0].Known(), Write: true, Head: head, Seq: drawn.Numbers[0], UpdatedAt: at, Links: []orders.Link{l},
			Content: &orders.Content{Body: []byte(body), OrderNumber: "N", Status: "pending", Words: "Ada"},
			Log:     []orders.LogRow{{Seq: drawn.Numbers[0], OrderID: id, At: at, Event: orders.EventEdited, Peer: "b", Was: was, Becomes: l.State, Head: head, Wrote: true}},
			Hints:   []orders.Hint{{OrderID: id, Peer: "b", Version: version, State: l.State, At: at}},
		}}, nil
	})
	return err
}

func TestChangeSavesAllOrNothing(t *testing.T) {
	s := open(t, 1)
	id := uuid.New()
	refused := errors.New("not decided")
	_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1}, func([]*orders.Stored, orders.Drawn) ([]orders.Change, error) { return nil, refused })
	require.ErrorIs(t, err, refused)
	// A log row whose number is taken fails after the others were sent: nothing of them may stay.
	require.NoError(t, write(t, s, id, "a.x:1", `{"v":1}`, nil))
	other := uuid.New()
	_, err = s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{other}}, func([]*orders.Stored, orders.Drawn) ([]orders.Change, error) {
		head := ordersync.Head{Version: vector(t, "a.x:9"), Fingerprint: "fp1:x"}
		return []orders.Change{{
			ID: other, New: true, Write: true, Head: head, UpdatedAt: at, Content: &orders.Content{Body: []byte(`{}`)},
			Links: []orders.Link{{Peer: "b", Link: ordersync.Link{State: ordersync.Sync}, Since: at}}, // no state that may be stored
		}}, nil
	})
	require.Error(t, err)
	found, err := s.Load(t.Context(), []uuid.UUID{other, id}) // on the only connection, which is fit again
	require.NoError(t, err)
	require.False(t, found[0].Known())
	require.Empty(t, found[0].Links)
	require.JSONEq(t, `{"v":1}`, string(found[1].Body))
}

func TestHistoryKeepsEveryContent(t *testing.T) {
	s := open(t, 2)
	id := uuid.New()
	for i, v := range []string{"a.x:1", "a.x:2", "a.x:2,b.y:1"} {
		require.NoError(t, write(t, s, id, v, []string{`{"v":1}`, `{"v":2}`, `{"v":3}`}[i], nil))
	}
	for v, want := range map[string]string{"a.x:1": `{"v":1}`, "a.x:2": `{"v":2}`, "a.x:2,b.y:1": `{"v":3}`} {
		at, err := s.ContentAt(t.Context(), id, vector(t, v))
		require.NoError(t, err)
		require.JSONEq(t, want, string(at.Body), v)
	}
	unknown, err := s.ContentAt(t.Context(), id, vector(t, "a.x:7"))
	require.NoError(t, err)
	require.Nil(t, unknown)
	rows, err := s.Timeline(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, ordersync.None, rows[0].Was)
}

// TestKeptContentStaysWithItsVersion: a link that is saved without having loaded the other side's
// content keeps it; with another version it goes.
func TestKeptContentStaysWithItsVersion(t *testing.T) {
	s := open(t, 2)
	id := uuid.New()
	theirs := ordersync.Head{Version: vector(t, "b.y:1"), Fingerprint: "fp1:t"}
	require.NoError(t, write(t, s, id, "a.x:1", `{"v":1}`, nil))
	require.NoError(t, keepTheirs(t, s, id, func(l *orders.Link) {
		l.State, l.Theirs, l.TheirsBody, l.TheirsUpdatedAt = ordersync.Collision, &theirs, []byte(`{"theirs":1}`), at
	}))
	require.NoError(t, write(t, s, id, "a.x:2", `{"v":2}`, func(l *orders.Link) {
		require.Equal(t, "b.y:1", l.Theirs.Version.String())
		require.Nil(t, l.TheirsBody, "it was not asked for")
		l.State = ordersync.Collision
	}))
	kept := func() orders.Link {
		found, err := s.Load(t.Context(), []uuid.UUID{id})
		require.NoError(t, err)
		return found[0].Link("b")
	}
	require.JSONEq(t, `{"theirs":1}`, string(kept().TheirsBody))
	require.Equal(t, at, kept().TheirsUpdatedAt.UTC())
	newer := ordersync.Head{Version: vector(t, "b.y:2"), Deleted: true, Fingerprint: "fp1:d"}
	require.NoError(t, write(t, s, id, "a.x:3", `{"v":3}`, func(l *orders.Link) { l.State, l.Theirs = ordersync.Collision, &newer }))
	require.Nil(t, kept().TheirsBody)
	require.True(t, kept().Theirs.Deleted)
	require.NoError(t, write(t, s, id, "a.x:4", `{"v":4}`, func(l *orders.Link) { l.State, l.Theirs = ordersync.Upd, nil }))
	require.Nil(t, kept().Theirs)
}

// keepTheirs stores what is kept of the other side's version.
func keepTheirs(t *testing.T, s *Store, id uuid.UUID, link func(*orders.Link)) error {
	t.Helper()
	_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1}, func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		l := loaded[0].Link("b")
		link(&l)
		return []orders.Change{{ID: id, Seq: drawn.Numbers[0], Links: []orders.Link{l}}}, nil
	})
	return err
}

// TestChangesOfOneOrderQueueUp: each sees what the one before it saved.
func TestChangesOfOneOrderQueueUp(t *testing.T) {
	s := open(t, 4)
	id := uuid.New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1}, func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
					st := loaded[0]
					l := st.Link("b")
					l.State, l.Since = ordersync.New, at
					count := int64(1)
					if st.Known() {
						count += st.Head.Version.Dots()[0].N
					}
					head := ordersync.Head{Version: ordersync.Vector{}.With(ordersync.Dot{Key: "a.x", N: count}), Fingerprint: "fp1:x"}
					return []orders.Change{{ID: id, New: !st.Known(), Write: true, Head: head, Seq: drawn.Numbers[0], UpdatedAt: at, Links: []orders.Link{l}, Content: &orders.Content{Body: []byte(`{}`)}}}, nil
				})
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
	found, err := s.Load(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Equal(t, "a.x:100", found[0].Head.Version.String())
}

func TestOutbox(t *testing.T) {
	s := open(t, 2)
	a, b := uuid.New(), uuid.New()
	require.NoError(t, write(t, s, a, "a.x:1", `{}`, nil))
	require.NoError(t, write(t, s, b, "a.x:2", `{}`, nil))
	hints, err := s.PendingHints(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, hints, 2)
	rest, err := s.PendingHints(t.Context(), hints[0].OutboxID, 10)
	require.NoError(t, err)
	require.Equal(t, hints[1:], rest)
	due, err := s.DueOrders(t.Context(), "b", at.Add(time.Second), outbox.DueLink{}, 10)
	require.NoError(t, err)
	require.Empty(t, due, "their hints wait in the outbox")
	require.NoError(t, s.DeleteHints(t.Context(), []int64{hints[0].OutboxID, hints[1].OutboxID}))
	due, err = s.DueOrders(t.Context(), "b", at.Add(time.Second), outbox.DueLink{}, 1)
	require.NoError(t, err)
	require.Len(t, due, 1)
	next, err := s.DueOrders(t.Context(), "b", at.Add(time.Second), due[0], 1)
	require.NoError(t, err)
	require.Len(t, next, 1)
	require.ElementsMatch(t, []uuid.UUID{a, b}, []uuid.UUID{due[0].OrderID, next[0].OrderID})
	next, err = s.DueOrders(t.Context(), "b", at.Add(time.Second), next[0], 1)
	require.NoError(t, err)
	require.Empty(t, next)
	due, err = s.DueOrders(t.Context(), "b", at, outbox.DueLink{}, 10)
	require.NoError(t, err)
	require.Empty(t, due, "too young to have lost a hint")
	n, err := s.HintAgain(t.Context(), "b", []uuid.UUID{a, uuid.New()})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	c, err := s.Counts(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, c.Orders)
	require.EqualValues(t, 1, c.Outbox)
	require.EqualValues(t, 2, c.Due["b"])
	require.EqualValues(t, 2, c.States["b"][ordersync.Upd])
	require.Equal(t, at, c.Oldest["b"].Since.UTC())

	// The oldest is found in whichever state it is, and only what is due counts.
	for since, due := range map[time.Time]bool{at.Add(-time.Hour): true, at.Add(-2 * time.Hour): false} {
		id := uuid.New()
		require.NoError(t, write(t, s, id, "a.x:9", `{}`, func(l *orders.Link) { l.State, l.Since, l.Due = ordersync.Collision, since, due }))
		if due {
			a = id
		}
	}
	c, err = s.Counts(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, c.Due["b"])
	require.Equal(t, orders.Oldest{ID: a, State: ordersync.Collision, Since: at.Add(-time.Hour)}, orders.Oldest{
		ID: c.Oldest["b"].ID, State: c.Oldest["b"].State, Since: c.Oldest["b"].Since.UTC(),
	})
}

func TestUnreachableDatabaseIsUnavailableAndTellsNothing(t *testing.T) {
	s, err := Open(t.Context(), "postgres://orders:hunter2@127.0.0.1:1/orders?sslmode=disable", 1)
	require.NoError(t, err)
	defer s.Close()
	err = s.Ping(t.Context())
	require.Equal(t, orders.Unavailable, orders.KindOf(err))
	require.NotContains(t, err.Error(), "hunter2")
	_, err = s.Load(t.Context(), []uuid.UUID{uuid.New()})
	require.Equal(t, orders.Unavailable, orders.KindOf(err))
	_, err = Open(t.Context(), "postgres://orders:hunter2@host:notaport/x", 1)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

// TestCountsOfVeryMuchAreToldAgain: what takes long to count is not counted for each page, and what does not
// is.
func TestCountsOfVeryMuchAreToldAgain(t *testing.T) {
	s := open(t, 1)
	collide := func(n int) {
		_, err := s.pool.Exec(t.Context(), `INSERT INTO links (order_id, peer, state, due, since, agreed)
			SELECT gen_random_uuid(), 'b', 6, false, now(), '' FROM generate_series(1, $1)`, n)
		require.NoError(t, err)
	}
	collisions := func() int64 {
		c, err := s.Counts(t.Context())
		require.NoError(t, err)
		return c.States["b"][ordersync.Collision]
	}
	collide(openMany - 1)
	require.EqualValues(t, openMany-1, collisions())
	collide(1)
	require.EqualValues(t, openMany, collisions(), "of few it is always of the moment")
	require.WithinRange(t, s.open.until, time.Now().Add(-time.Minute), time.Now().Add(openTrust))

	s.open.until = time.Now().Add(time.Hour)
	collide(1)
	require.EqualValues(t, openMany, collisions())
	s.open.until = time.Now()
	require.EqualValues(t, openMany+1, collisions())

	// Who is told that something has changed does not hear of it as it was before.
	look := func() {
		_, err := s.Mark(t.Context())
		require.NoError(t, err)
	}
	look()
	collisions()
	s.open.until = time.Now().Add(time.Hour)
	look()
	require.True(t, s.open.until.After(time.Now()), "nothing has changed")
	collide(1)
	look()
	require.EqualValues(t, openMany+2, collisions())
}

// TestOpenCountIsTrusted: a count that took long is trusted too, and one that was begun before a change is not.
func TestOpenCountIsTrusted(t *testing.T) {
	many := orders.Counts{States: map[string]map[ordersync.State]int64{"b": {ordersync.Upd: openMany, ordersync.OK: 1}}}
	var k openCount
	kept := func(c orders.Counts, cost time.Duration) bool {
		_, _, turn := k.again()
		k.keep(c, cost, turn)
		last, _, _ := k.again()
		return last != nil
	}
	require.True(t, kept(many, 10*time.Second))
	require.WithinRange(t, k.until, time.Now(), time.Now().Add(openTrust))
	_, _, turn := k.again()
	k.looked("another")
	k.keep(many, time.Second, turn)
	last, counts, _ := k.again()
	require.Nil(t, last)
	require.True(t, counts, "who counts is waited for")
	require.True(t, kept(many, time.Second))
	many.States["b"][ordersync.Upd]--
	require.False(t, kept(many, time.Second))
	_, counts, _ = k.again()
	require.False(t, counts)
}

// TestAValueThatNoColumnHoldsIsInvalid: it is a fault of who brings it, and none of this side.
func TestAValueThatNoColumnHoldsIsInvalid(t *testing.T) {
	s := open(t, 2)
	for _, name := range []string{"\x00", "\xff"} {
		_, err := s.User(t.Context(), name)
		require.Equal(t, orders.Invalid, orders.KindOf(err), "%q: %v", name, err)
	}
}
