package command

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

// fresh makes entries of side b about new orders, and their texts.
func fresh(t *testing.T, n int) (list []contracts.Entry) {
	t.Helper()
	for i := range n {
		o := newOrder(t, "theirs")
		list = append(list, entry(t, o.ID, "NEW", b(int64(i+1)), &o))
	}
	return list
}

// async sends entries as side b, and returns where to ask about them.
func (s *side) async(entries ...contracts.Entry) string {
	s.t.Helper()
	a := s.want(http.StatusAccepted, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: entries}, "Prefer", "respond-async")
	require.Equal(s.t, "respond-async", a.header.Get("Preference-Applied"))
	require.NotEmpty(s.t, a.header.Get("Retry-After"))
	return a.header.Get("Location")
}

func (s *side) accepted(where string) contracts.Accepted {
	s.t.Helper()
	var b contracts.Accepted
	a := s.want(http.StatusOK, "peer", "GET", where, nil)
	a.into(s.t, &b)
	require.Equal(s.t, b.EndedAt == nil, a.header.Get("Retry-After") != "", "who asks again is told when")
	require.Equal(s.t, b.Next != "", a.header.Get("Link") != "")
	return b
}

// ended waits for a batch's end and returns it with all answers, page by page.
func (s *side) ended(where string) (contracts.Accepted, []contracts.Entry) {
	s.t.Helper()
	var first contracts.Accepted
	require.Eventually(s.t, func() bool { first = s.accepted(where); return first.EndedAt != nil }, 60*time.Second, 10*time.Millisecond)
	var answers []contracts.Entry
	for page := first; ; page = s.accepted(page.Next) {
		if page.Answers != nil {
			require.Equal(s.t, "a", page.Answers.Side)
			require.LessOrEqual(s.t, len(page.Answers.Entries), contracts.BatchEntriesMax)
			answers = append(answers, page.Answers.Entries...)
		}
		if page.Next == "" {
			return first, answers
		}
	}
}

func TestALargeBatchIsAppliedLater(t *testing.T) {
	s := startSide(t)
	ours := newOrder(t, "ours")
	s.create(ours)
	entries := fresh(t, 1201)
	theirs := ours
	theirs.CustomerNote = "theirs"
	entries[700] = entry(t, ours.ID, "NEW", b(9000), &theirs)
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = sent(t, e)
	}
	texts[10] = strings.Replace(texts[10], `"quantity":2`, `"quantity":0`, 1)
	texts[1200] = `{"itemId":"no uuid"}`
	body := `{"side":"b","entries":[` + strings.Join(texts, ",") + `]}`
	a := s.want(http.StatusAccepted, "peer", "PUT", "/orders/transactions", body)
	require.Empty(t, a.header.Get("Preference-Applied"), "nobody asked for it")
	var accepted contracts.Accepted
	a.into(t, &accepted)
	require.EqualValues(t, 1201, accepted.Entries)
	require.Equal(t, "/orders/transactions/batches/"+accepted.ID, a.header.Get("Location"))

	done, answers := s.ended(a.header.Get("Location"))
	require.Equal(t, "done", done.State)
	require.Equal(t, []int64{1201, 1201, 1, 2}, []int64{done.Entries, done.Settled, done.Collided, done.Refused})
	require.Len(t, answers, len(entries))
	for i, answer := range answers {
		switch i {
		case 10, 1200:
			require.Equal(t, "ERROR", answer.State)
			require.NotEmpty(t, answer.Refused.Reason)
		case 700:
			require.Equal(t, "COLLISION", answer.State)
			require.Equal(t, "ours", answer.Order.CustomerNote, "what the peer does not have")
		default:
			require.Equal(t, "OK", answer.State)
			require.Equal(t, entries[i].ItemID, answer.ItemID)
			require.Equal(t, entries[i].Version, answer.AnswerTo)
		}
	}
	require.Equal(t, 1199, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM orders"), "all but the two that were refused")
	require.Equal(t, 3, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_pieces WHERE body = ''"), "contents are not kept longer than needed")

	// The same pieces at once get the same answers, and change nothing.
	const newest = "SELECT max(seq) FROM orders"
	seq := count(t, s.cfg.DatabaseURL, newest)
	require.Equal(t, answers[:10], s.put(http.StatusOK, entries[:10]...))
	require.Equal(t, seq, count(t, s.cfg.DatabaseURL, newest))
}

func TestWhoPrefersItIsAnsweredLater(t *testing.T) {
	s := startSide(t)
	list := fresh(t, 3)
	for i, prefer := range []string{"respond-async", "wait=10, Respond-Async", `return=minimal, respond-async; x="y"`} {
		a := s.want(http.StatusAccepted, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: list[i : i+1]}, "Prefer", prefer)
		done, answers := s.ended(a.header.Get("Location"))
		require.Equal(t, "done", done.State)
		require.Equal(t, list[i].ItemID, answers[0].ItemID)
	}
	// Only who sent it may ask.
	where := s.async(fresh(t, 1)...)
	s.ended(where)
	s.want(http.StatusNotFound, "bridge", "GET", where, nil)
	s.want(http.StatusForbidden, "client", "GET", where, nil)
	s.want(http.StatusNotFound, "peer", "GET", "/orders/transactions/batches/"+uuid.NewString(), nil)
	s.want(http.StatusNotFound, "peer", "GET", "/orders/transactions/batches/7", nil)
	s.want(http.StatusBadRequest, "peer", "GET", where+"?page=0", nil)
	require.Nil(t, s.accepted(where+"?page=2").Answers)

	// The own bridge's answers are taken the same way.
	o := s.create(newOrder(t, "ours"))
	ack := entry(t, o.ID, "OK", o.Sync.Version, &o.Order)
	ack.AnswerTo, ack.Order = o.Sync.Version, nil
	a := s.want(http.StatusAccepted, "bridge", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{ack}}, "Prefer", "respond-async")
	require.Eventually(t, func() bool { return s.get(o.ID).Sync.Links[0].State == "OK" }, time.Minute, 10*time.Millisecond)
	s.want(http.StatusOK, "bridge", "GET", a.header.Get("Location"), nil)

	// What is wrong with the batch as a whole is told at once.
	twice := []contracts.Entry{list[0], list[0]}
	s.want(http.StatusUnprocessableEntity, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: twice}, "Prefer", "respond-async").problem(t)
	s.want(http.StatusForbidden, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "c", Entries: list}, "Prefer", "respond-async").problem(t)
}

// TestAllOrNothingIsNotPutOff: what depends on the present place in the log is done now or refused.
func TestAllOrNothingIsNotPutOff(t *testing.T) {
	s := startSide(t)
	few := fresh(t, 2)
	a := s.want(http.StatusOK, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: few}, "Prefer", "respond-async", "If-Match", `"0"`)
	require.Empty(t, a.header.Get("Preference-Applied"))
	many := fresh(t, contracts.BatchEntriesMax+1)
	a = s.want(http.StatusRequestEntityTooLarge, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: many}, "If-Match", `"0"`)
	require.Equal(t, "/problems/too-large", a.problem(t).Type)
	require.Equal(t, 2, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM orders"))
	over := `{"side":"b","entries":["` + strings.Repeat("x", contracts.AcceptedBytesMax/2) + `","` + strings.Repeat("x", contracts.AcceptedBytesMax/2) + `"]}`
	s.want(http.StatusRequestEntityTooLarge, "peer", "PUT", "/orders/transactions", over).problem(t)
	require.Zero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_batches"))
}

// hold locks an order until it is released, so that whatever is to change it waits.
func hold(t *testing.T, s *side, id string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.cfg.DatabaseURL)
	require.NoError(t, err)
	tx, err := conn.Begin(context.Background())
	require.NoError(t, err)
	_, err = tx.Exec(context.Background(), "SELECT FROM orders WHERE id = $1 FOR UPDATE", id)
	require.NoError(t, err)
	release = func() { conn.Close(context.Background()) }
	t.Cleanup(release)
	return release
}

// TestAnAcceptedBatchOutlivesTheProcess that works on it, whether it was stopped or died.
func TestAnAcceptedBatchOutlivesTheProcess(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	ours := s.create(newOrder(t, "ours"))
	entries := fresh(t, 1001)
	theirs := ours.Order
	theirs.CustomerNote = "theirs"
	entries[600] = entry(t, ours.ID, "UPD", and(ours.Sync.Version, b(9000)), &theirs)
	release := hold(t, s, ours.ID)
	where := s.async(entries...)
	halfway := func() bool { b := s.accepted(where); return b.State == "running" && b.Settled == 500 }
	require.Eventually(t, halfway, time.Minute, 10*time.Millisecond, "the second piece waits for the order")
	s.stop()
	require.Equal(t, 500, count(t, s.cfg.DatabaseURL, "SELECT sum(entries) FROM accepted_pieces WHERE answers IS NOT NULL"))
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_batches WHERE leased_by = '' AND attempts = 0"), "it is given back")
	// As a process leaves it that died a moment ago.
	execute(t, s.cfg.DatabaseURL, "UPDATE accepted_batches SET leased_by = 'a dead one', leased_until = now() + interval '1 second'")
	s.start()
	require.True(t, halfway())
	release()
	done, answers := s.ended(where)
	require.Equal(t, "done", done.State)
	require.Len(t, answers, 1001)
	require.Equal(t, "theirs", s.get(ours.ID).CustomerNote)
	for i, e := range entries {
		require.Equal(t, e.ItemID, answers[i].ItemID)
	}
}

// TestABatchOfAPeerThatLeftIsGivenUp: it was accepted while the peer was in the settings.
func TestABatchOfAPeerThatLeftIsGivenUp(t *testing.T) {
	t.Parallel()
	s := startSide(t)
	ours := s.create(newOrder(t, "ours"))
	theirs := ours.Order
	theirs.CustomerNote = "theirs"
	release := hold(t, s, ours.ID)
	s.async(entry(t, ours.ID, "UPD", and(ours.Sync.Version, b(9000)), &theirs))
	s.stop()
	release()
	execute(t, s.cfg.DatabaseURL, "UPDATE accepted_batches SET peer = 'c', leased_by = '', leased_until = '-infinity'")
	s.start()
	require.Eventually(t, func() bool {
		return count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_batches WHERE ended_at IS NOT NULL AND failure LIKE '%c has left%'") == 1
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, "ours", s.get(ours.ID).CustomerNote)
	require.Equal(t, 0, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM links WHERE peer = 'c'"))
}

func TestFewBatchesAreOpenAtOnce(t *testing.T) {
	s := startSide(t)
	ours := s.create(newOrder(t, "ours"))
	release := hold(t, s, ours.ID)
	theirs := ours.Order
	theirs.CustomerNote = "theirs"
	first := s.async(entry(t, ours.ID, "UPD", and(ours.Sync.Version, b(9000)), &theirs))
	var wheres []string
	list := fresh(t, contracts.AcceptedOpenMax)
	for i := range contracts.AcceptedOpenMax - 1 {
		wheres = append(wheres, s.async(list[i]))
	}
	last := contracts.Batch{Side: "b", Entries: list[contracts.AcceptedOpenMax-1:]}
	a := s.want(http.StatusTooManyRequests, "peer", "PUT", "/orders/transactions", last, "Prefer", "respond-async")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Equal(t, "/problems/too-many-requests", a.problem(t).Type)
	require.Equal(t, wheres[0], s.async(list[0]), "sent again, it is the same batch")
	require.Equal(t, "accepted", s.accepted(wheres[0]).State)
	release()
	for _, where := range append(wheres, first) {
		done, _ := s.ended(where)
		require.Equal(t, "done", done.State)
	}
	done, _ := s.ended(s.async(last.Entries...))
	require.Equal(t, "done", done.State)
	require.NotEqual(t, wheres[0], s.async(list[0]), "and once it has ended, another")
}

// TestAHeldLinkHoldsAcceptedBatches: they wait, and are not given up, until a person has looked.
func TestAHeldLinkHoldsAcceptedBatches(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	ours := s.create(newOrder(t, "ours"))
	entries := fresh(t, 501)
	theirs := ours.Order
	entries[0] = entry(t, ours.ID, "UPD", and(ours.Sync.Version, b(9000)), &theirs)
	release := hold(t, s, ours.ID)
	where := s.async(entries...)
	require.Eventually(t, func() bool { return s.accepted(where).State == "running" }, time.Minute, 10*time.Millisecond)
	execute(t, s.cfg.DatabaseURL, "UPDATE peers SET held_at = now(), held_reason = 'a test'")
	require.Eventually(t, func() bool { return s.peerStatus().Held != nil }, time.Minute, 10*time.Millisecond)
	release()
	require.Eventually(t, func() bool { return s.accepted(where).Settled == 500 }, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		return count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_batches WHERE leased_by = '' AND attempts = 0") == 1
	}, time.Minute, 10*time.Millisecond, "the second piece was tried and waits")
	require.Equal(t, "running", s.accepted(where).State)
	execute(t, s.cfg.DatabaseURL, "UPDATE peers SET held_at = NULL, held_reason = ''")
	done, answers := s.ended(where)
	require.Equal(t, "done", done.State)
	require.Len(t, answers, 501)
}

// TestABatchThatCannotBeAppliedFails: what was applied of it stays, and it is told how far it came.
func TestABatchThatCannotBeAppliedFails(t *testing.T) {
	s := startSide(t)
	ours := s.create(newOrder(t, "ours"))
	entries := fresh(t, 1100)
	theirs := ours.Order
	entries[600] = entry(t, ours.ID, "UPD", and(ours.Sync.Version, b(9000)), &theirs)
	execute(t, s.cfg.DatabaseURL, "UPDATE orders SET version = 'nobody can read this'")
	where := s.async(entries...)
	require.Eventually(t, func() bool { return s.accepted(where).Settled == 500 }, time.Minute, 10*time.Millisecond)
	execute(t, s.cfg.DatabaseURL, "UPDATE accepted_batches SET attempts = 19")
	failed, answers := s.ended(where)
	require.Equal(t, "failed", failed.State)
	require.NotContains(t, failed.Failure, "nobody can read this", "what is wrong inside is for the log")
	require.EqualValues(t, 500, failed.Settled)
	require.Len(t, answers, 500)
	require.Zero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_pieces WHERE body <> ''"))
	done, _ := s.ended(s.async(fresh(t, 1)...))
	require.Equal(t, "done", done.State, "the next one goes on")

	store, err := postgres.Open(t.Context(), s.cfg.DatabaseURL, 2)
	require.NoError(t, err)
	defer store.Close()
	execute(t, s.cfg.DatabaseURL, "UPDATE accepted_batches SET ended_at = now() - interval '25 hours' WHERE failure <> ''")
	require.NoError(t, store.ForgetBatches(t.Context(), 24*time.Hour))
	s.want(http.StatusNotFound, "peer", "GET", where, nil)
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_batches"))
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM accepted_pieces"))
}
