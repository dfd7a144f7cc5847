package postgres

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// openWith gives a test a migrated database with a locale of its own.
func openWith(t *testing.T, locale string) *Store {
	t.Helper()
	u, err := url.Parse(pgtest.Open(t))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), u.String())
	require.NoError(t, err)
	name := "locale_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' "+locale)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := conn.Exec(context.Background(), "DROP DATABASE "+name)
		require.NoError(t, err)
		require.NoError(t, conn.Close(context.Background()))
	})
	u.Path = "/" + name
	s, err := Open(t.Context(), u.String(), 2)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	return s
}

// known are orders as people know them: number, customer, and texts that must find each.
var known = []struct {
	number, customer string
	by               []string
}{
	{"WEB-I1", "Özdemir", []string{"özdemir", "ÖZDEMIR", "Özd", norm.NFD.String("özdemir"), "web-i1", "WEB-I1"}},
	{"WEB-2", norm.NFD.String("Émile Zola"), []string{"émile", "ÉMILE", "zola", "émile z"}},
	{"WEB-3", "Иван Петров", []string{"иван", "ИВАН", "петр"}},
	{"WEB-4", "Łukasz\u00a0Gołąb", []string{"łukasz", "ŁUK", "gołąb"}},
	{"WEB-5", "Ὀδυσσεύς", []string{"ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"}},
	{"ÄB-1", "Weiß & Co", []string{"äb-1", "ÄB", "äb-", norm.NFD.String("ÄB-1"), "WEISS", "weiß"}},
	{norm.NFD.String("é'1\\2"), "O'Connor", []string{"É'1\\", "é'1\\2", "o'connor"}},
}

// TestSearchInEveryLocale: what is found does not depend on what a database knows of capitals.
func TestSearchInEveryLocale(t *testing.T) {
	for name, locale := range map[string]string{
		"C": "LOCALE 'C'", "C.UTF-8": "LOCALE 'C.UTF-8'",
		"ICU": "LOCALE_PROVIDER icu ICU_LOCALE 'und' LOCALE 'C.UTF-8'", "Turkish": "LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'",
	} {
		t.Run(name, func(t *testing.T) {
			s := openWith(t, locale)
			var ids []uuid.UUID
			for i, k := range known {
				ids = append(ids, uuid.New())
				require.NoError(t, s.add(t, ids[i], orders.Content{OrderNumber: k.number, Status: "pending", Body: []byte("{}"), Words: orders.Fold(k.customer), PlacedAt: at}))
			}
			find := func(text string) (found []uuid.UUID) {
				t.Helper()
				q := orders.Query{Search: text, Limit: 10}
				list, _, err := s.List(t.Context(), q)
				require.NoError(t, err)
				for _, st := range list {
					found = append(found, st.ID)
				}
				// The indexes find the same as looking at each.
				var all bool
				var indexes []uuid.UUID
				statement, args := indexed(q)
				require.NoError(t, s.pool.QueryRow(t.Context(), statement, args...).Scan(&all, &indexes))
				require.ElementsMatch(t, found, indexes, text)
				return found
			}
			for i, k := range known {
				for _, text := range k.by {
					require.Equal(t, []uuid.UUID{ids[i]}, find(text), text)
				}
			}
			require.Len(t, find("web"), 5)
			for _, text := range []string{"#", "=folded", "'", `\`, "#äb", strings.Repeat("ᾷ", 254), strings.Repeat("'", 254), strings.Repeat("水 ", 127)} {
				require.Empty(t, find(text), text)
			}
		})
	}
}

// add stores an order that nobody knows.
func (s *Store) add(t *testing.T, id uuid.UUID, content orders.Content) error {
	_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1}, func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		head := ordersync.Head{Version: vector(t, "a.x:1"), Fingerprint: "fp1:x"}
		return []orders.Change{{
			ID: id, New: !loaded[0].Known(), Write: true, Head: head, Seq: drawn.Numbers[0], UpdatedAt: at, Content: &content,
			Log: []orders.LogRow{{Seq: drawn.Numbers[0], OrderID: id, At: at, Event: orders.EventCreated, Head: head, Wrote: true}},
		}}, nil
	})
	return err
}

// TestADeletionLeavesWhatIsSearchedFor: a change without content keeps words and time.
func TestADeletionLeavesWhatIsSearchedFor(t *testing.T) {
	s, id := open(t, 1), uuid.New()
	require.NoError(t, s.add(t, id, orders.Content{OrderNumber: "ÄB", Status: "pending", Body: []byte("{}"), Words: "ada", PlacedAt: at}))
	_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1}, func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		head := ordersync.Head{Version: vector(t, "a.x:2"), Deleted: true}
		return []orders.Change{{ID: id, Write: true, Head: head, Seq: drawn.Numbers[0], UpdatedAt: at}}, nil
	})
	require.NoError(t, err)
	for _, text := range []string{"äb", "ada"} {
		list, _, err := s.List(t.Context(), orders.Query{Search: text, Deleted: true, Limit: 2})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.True(t, list[0].PlacedAt.Equal(at))
	}
}

// What earlier versions stored: they neither folded nor knew when an order was placed.
const (
	insertBefore = `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, content, old_body, words)
	VALUES ($1, nextval('log_seq'), false, now(), 'a.x:1', '', $2, 'pending', -1, $3, to_tsvector('simple', $4::text))`
	updateBefore = `UPDATE orders SET old_body = $2, words = to_tsvector('simple', $3::text) WHERE id = $1`
)

// TestOrdersOfAnEarlierVersionAreIndexed: what a service of the version before stored, or stores meanwhile, is
// prepared step by step, and once only.
func TestOrdersOfAnEarlierVersionAreIndexed(t *testing.T) {
	s := openWith(t, "LOCALE 'C'")
	ids := make([]uuid.UUID, 5)
	for i := range ids {
		ids[i] = uuid.New()
		_, err := s.pool.Exec(t.Context(), insertBefore, ids[i], "ÄB-"+ids[i].String()[:2], `{"customer":{"name":"Özdemir","email":"O@X.de"},"placedAt":"2026-11-21T09:14:27.318204Z"}`, "Özdemir O@X.de")
		require.NoError(t, err)
	}
	require.NoError(t, s.add(t, uuid.New(), orders.Content{OrderNumber: "NEW", Status: "pending", Body: []byte("{}"), Words: "new", PlacedAt: at}))
	find := func(text string) int {
		t.Helper()
		list, _, err := s.List(t.Context(), orders.Query{Search: text, Limit: 10})
		require.NoError(t, err)
		return len(list)
	}
	step := func() int {
		t.Helper()
		n, err := s.Index(t.Context(), 2)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 5, find("o@x.de"), "as before")
	require.Zero(t, find("özdemir"))
	require.Equal(t, []int{2, 2, 1, 0}, []int{step(), step(), step(), step()})
	require.Equal(t, []int{5, 5, 5}, []int{find("özdemir"), find("äb"), find("o@x.de")})
	loaded, err := s.Load(t.Context(), ids[:1])
	require.NoError(t, err)
	require.True(t, loaded[0].PlacedAt.Equal(time.Date(2026, 11, 21, 9, 14, 27, 318204000, time.UTC)))

	_, err = s.pool.Exec(t.Context(), updateBefore, ids[0], `{"customer":{"name":"Émile"},"placedAt":"never"}`, "Émile")
	require.NoError(t, err)
	require.Zero(t, find("émile"))
	require.Equal(t, []int{1, 0}, []int{step(), step()})
	require.Equal(t, []int{4, 1}, []int{find("özdemir"), find("émile")})
}

// TestReplicasMigrateOneAfterTheOther: while one makes indexes, the others wait for it and do not keep it
// from that.
func TestReplicasMigrateOneAfterTheOther(t *testing.T) {
	target := pgtest.Open(t)
	done := make(chan error)
	const replicas = 4
	for range replicas {
		s, err := Open(t.Context(), target, 3)
		require.NoError(t, err)
		defer s.Close()
		go func() {
			_, err := s.Migrate(t.Context())
			done <- err
		}()
	}
	for range replicas {
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(2 * time.Minute):
			t.Fatal("they wait for each other")
		}
	}
}

// TestCasesByNumberInEveryCase: collisions are found by how their numbers begin, whatever a database knows of
// capitals.
func TestCasesByNumberInEveryCase(t *testing.T) {
	s := openWith(t, "LOCALE 'C'")
	for _, number := range []string{"ÄB-1", "WEB-2"} {
		id := uuid.New()
		require.NoError(t, s.add(t, id, orders.Content{OrderNumber: number, Status: "pending", Body: []byte("{}"), PlacedAt: at}))
		_, err := s.pool.Exec(t.Context(), `INSERT INTO links (order_id, peer, state, due, since, agreed) VALUES ($1, 'b', 6, false, now(), '')`, id)
		require.NoError(t, err)
	}
	for number, want := range map[string]int64{"": 2, "äb": 1, "ÄB-": 1, norm.NFD.String("Äb"): 1, "web": 1, "Web-2": 1, "b": 0, `'\`: 0} {
		rows, n, err := s.OpenCases(t.Context(), orders.CaseFilter{Peers: []string{"b"}, Number: number}, 10)
		require.NoError(t, err)
		require.EqualValues(t, want, n.Matching, number)
		require.Len(t, rows, int(want))
	}
}
