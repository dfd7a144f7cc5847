package command

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// settle asks to settle collisions, as an admin.
func (s *side) settle(body contracts.CollisionSettlement) contracts.CollisionSettlementResult {
	s.t.Helper()
	var r contracts.CollisionSettlementResult
	s.want(http.StatusOK, "admin", "POST", "/admin/api/collisions/settle", body).into(s.t, &r)
	require.Equal(s.t, len(r.Cases), r.Settled+r.Proposed+r.Left)
	return r
}

// mergeable brings a new order into a collision that nobody has to decide: each side changed another field.
func mergeable(t *testing.T, s *side) *stage {
	t.Helper()
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["OK"](st)
	agreed := st.version()
	st.edit("ours")
	theirs := st.theirs("first")
	theirs.InternalNote = "theirs"
	s.put(http.StatusConflict, entry(t, st.id, "UPD", and(agreed, b(5)), theirs))
	return st
}

// oneOf is what is told of one order.
func oneOf(t *testing.T, r contracts.CollisionSettlementResult, id string) contracts.SettledCase {
	t.Helper()
	i := slices.IndexFunc(r.Cases, func(c contracts.SettledCase) bool { return c.ID == id })
	require.GreaterOrEqual(t, i, 0, "%s is not told of", id)
	return r.Cases[i]
}

// TestSettleCollisionsAsTheyWereSeen: a dry run changes nothing and tells what pins each case; the cases
// that have moved since are left and named, the others are settled, each with its entry in the audit.
func TestSettleCollisionsAsTheyWereSeen(t *testing.T) {
	s := startSide(t)
	contested, moves, merges := collide(t, s), mergeable(t, s), mergeable(t, s)
	dry := s.settle(contracts.CollisionSettlement{Take: "merged", OrderNumber: strings.ToLower(merges.o.OrderNumber), DryRun: true})
	require.EqualValues(t, 3, dry.Open)
	require.EqualValues(t, 3, dry.Matching)
	require.Equal(t, 2, dry.Settled)
	require.Empty(t, dry.Next)
	left := oneOf(t, dry, contested.id)
	require.False(t, left.Settled)
	require.Equal(t, []string{"/customerNote"}, left.Contested)
	require.Contains(t, left.Reason, "somebody has to decide")
	would := oneOf(t, dry, merges.id)
	require.Equal(t, contracts.SettledCase{ID: merges.id, Peer: "b", OrderNumber: merges.o.OrderNumber, Version: would.Version, Settled: true, Differs: 2}, would)
	_, tag := merges.collision()
	require.Equal(t, tag, `"`+would.Version+`"`)
	for _, st := range []*stage{contested, moves, merges} {
		require.Equal(t, "COLLISION", s.state(st.id), "nothing is done yet")
	}

	moves.edit("ours, later")
	var cases []contracts.ChosenCase
	for _, c := range dry.Cases {
		cases = append(cases, contracts.ChosenCase{ID: c.ID, Version: c.Version})
	}
	gone := newOrder(t, "").ID
	done := s.settle(contracts.CollisionSettlement{Take: "merged", Cases: append(cases, contracts.ChosenCase{ID: gone, Peer: "b"})})
	require.Equal(t, 1, done.Settled)
	require.Zero(t, done.Matching)
	require.Contains(t, oneOf(t, done, moves.id).Reason, "the case has moved")
	require.Empty(t, oneOf(t, done, moves.id).Contested)
	require.Contains(t, oneOf(t, done, gone).Reason, "there is no order")
	require.Equal(t, "COLLISION", s.state(moves.id))
	require.Equal(t, "COLLISION", s.state(contested.id))
	now := s.get(merges.id)
	require.Equal(t, "ours", now.CustomerNote)
	require.Equal(t, "theirs", now.InternalNote)

	// By what they have in common, and without looking first.
	require.Zero(t, s.settle(contracts.CollisionSettlement{Take: "theirs", OpenSeconds: 3600}).Settled)
	require.Zero(t, s.settle(contracts.CollisionSettlement{Take: "theirs", OrderNumber: "%"}).Settled)
	all := s.settle(contracts.CollisionSettlement{Take: "theirs", Peer: "b"})
	require.Equal(t, 2, all.Settled)
	require.Equal(t, "theirs", s.get(contested.id).CustomerNote)
	var page contracts.AuditPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/audit?action=order.resolved", nil).into(t, &page)
	var subjects []string
	for _, e := range page.Events {
		require.Equal(t, "admin:token", e.Actor)
		subjects = append(subjects, e.Subject)
	}
	require.ElementsMatch(t, []string{"order:" + contested.id, "order:" + moves.id, "order:" + merges.id}, subjects)
}

// TestSettleDeletions: what is taken may be a deletion, and is told as one.
func TestSettleDeletions(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	c, _ := st.collision()
	st.put(http.StatusConflict, entry(t, st.id, "DEL", and(c.Base.Version, b(8)), nil))
	require.Contains(t, oneOf(t, s.settle(contracts.CollisionSettlement{Take: "merged"}), st.id).Reason, "nothing to merge")
	require.True(t, oneOf(t, s.settle(contracts.CollisionSettlement{Take: "theirs", DryRun: true}), st.id).Deleted)
	require.False(t, oneOf(t, s.settle(contracts.CollisionSettlement{Take: "ours", DryRun: true}), st.id).Deleted)
	require.Equal(t, 1, s.settle(contracts.CollisionSettlement{Take: "theirs"}).Settled)
	s.want(http.StatusGone, "client", "GET", "/orders/"+st.id, nil)
}

// TestOneCallSettlesABoundedNumber, and says where to go on, so that what is left does not stand in the way.
func TestOneCallSettlesABoundedNumber(t *testing.T) {
	s := startSide(t)
	const n = contracts.CasesMax + 1
	var theirs []contracts.Entry
	for i := range n {
		made := s.create(newOrder(t, "ours")).Order
		made.CustomerNote = "theirs"
		theirs = append(theirs, entry(t, made.ID, "NEW", b(int64(i+1)), &made))
	}
	s.put(http.StatusConflict, theirs[:contracts.CasesMax]...)
	s.put(http.StatusConflict, theirs[contracts.CasesMax:]...)
	first := s.settle(contracts.CollisionSettlement{Take: "merged", DryRun: true})
	require.EqualValues(t, n, first.Matching)
	require.Len(t, first.Cases, contracts.CasesMax)
	require.Zero(t, first.Settled)
	rest := s.settle(contracts.CollisionSettlement{Take: "merged", DryRun: true, After: first.Next})
	require.Len(t, rest.Cases, 1)
	require.Empty(t, rest.Next)
	require.EqualValues(t, n, rest.Matching)

	anna := s.person("anna", access.Operator)
	page := string(anna.form("/admin/collisions", "step", "all", "take", "merged").body)
	require.Contains(t, page, fmt.Sprintf("%d of %d open collisions match", n, n))
	require.Contains(t, page, first.Next, "the next ones can be looked at")
	page = string(anna.form("/admin/collisions", "step", "all", "take", "merged", "after", first.Next).body)
	require.Equal(t, 1, strings.Count(page, `data-label="Outcome"`))

	// The command goes on by itself.
	out := s.operator(cli.ExitPerson, cli.Collisions, "resolve", "--all", "--take", "merged", "--yes")
	require.Equal(t, n, strings.Count(out, "left: both changed"))
	out = s.operator(0, cli.Collisions, "resolve", "--all", "--number", "web-", "--take", "theirs", "--yes")
	require.Contains(t, out, fmt.Sprintf("resolved %d orders", n))
}

func TestSettleRefuses(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	many := make([]contracts.ChosenCase, contracts.CasesMax+1)
	for i := range many {
		many[i].ID = uuid.NewString()
	}
	for body, pointer := range map[*contracts.CollisionSettlement]string{
		{Take: "both"}:                                                               "/take",
		{Take: "ours", Peer: "c"}:                                                    "/peer",
		{Take: "ours", OpenSeconds: -1}:                                              "/openSeconds",
		{Take: "ours", OpenSeconds: 1 << 60}:                                         "/openSeconds",
		{Take: "ours", After: "x"}:                                                   "/after",
		{Take: "ours", OrderNumber: "a\x00"}:                                         "/orderNumber",
		{Take: "ours", Cases: many}:                                                  "/cases",
		{Take: "ours", Cases: many[:1], Peer: "b"}:                                   "/cases",
		{Take: "ours", Cases: many[:0]}:                                              "/cases",
		{Take: "ours", Cases: []contracts.ChosenCase{{ID: st.id, Peer: "c"}}}:        "/cases/0/peer",
		{Take: "ours", Cases: []contracts.ChosenCase{{ID: "x"}}}:                     "/cases/0/id",
		{Take: "ours", OrderNumber: strings.Repeat("x", contracts.OrderNumberMax+1)}: "/orderNumber",
	} {
		p := s.want(http.StatusUnprocessableEntity, "admin", "POST", "/admin/api/collisions/settle", body).problem(t)
		require.Equal(t, []string{pointer}, pointers(p))
	}
	require.Equal(t, "COLLISION", s.state(st.id))
	s.want(http.StatusForbidden, "client", "POST", "/admin/api/collisions/settle", contracts.CollisionSettlement{Take: "ours"})
}

// TestTakeMerged settles a single case by what merging makes of it, in one call.
func TestTakeMerged(t *testing.T) {
	s := startSide(t)
	contested, st := collide(t, s), mergeable(t, s)
	p := contested.resolve(http.StatusConflict, contracts.Resolution{Take: "merged"}).problem(t)
	require.Contains(t, p.Detail, "/customerNote")
	_, tag := st.collision()
	st.edit("ours, later")
	st.resolve(http.StatusPreconditionFailed, contracts.Resolution{Take: "merged"}, "If-Match", tag).problem(t)
	_, tag = st.collision()
	st.resolve(http.StatusOK, contracts.Resolution{Take: "merged"}, "If-Match", tag)
	require.Equal(t, "theirs", s.get(st.id).InternalNote)
	require.Equal(t, "ours, later", s.get(st.id).CustomerNote)
}

// failing makes the database fail at changes of one order.
func (s *side) failing(id string) {
	s.t.Helper()
	execute(s.t, s.cfg.DatabaseURL, `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'secret'; END $$;
		CREATE TRIGGER fail BEFORE UPDATE ON links FOR EACH ROW WHEN (OLD.order_id = '`+id+`') EXECUTE FUNCTION fail()`)
}

// TestSettlingTellsWhatWasDoneBeforeItFailed: the rest is left, with the reason.
func TestSettlingTellsWhatWasDoneBeforeItFailed(t *testing.T) {
	s := startSide(t)
	cases := []*stage{collide(t, s), collide(t, s), collide(t, s)}
	ask := contracts.CollisionSettlement{Take: "ours"}
	for _, st := range cases {
		_, tag := st.collision()
		ask.Cases = append(ask.Cases, contracts.ChosenCase{ID: st.id, Version: strings.Trim(tag, `"`)})
	}
	s.failing(cases[1].id)
	done := s.settle(ask)
	require.Equal(t, 1, done.Settled)
	require.Equal(t, 2, done.Left)
	require.True(t, oneOf(t, done, cases[0].id).Settled)
	require.Equal(t, "it stopped here, look at it again: see the log of this side for the request id", oneOf(t, done, cases[1].id).Reason)
	require.Equal(t, "not tried: it stopped at another one", oneOf(t, done, cases[2].id).Reason)
	require.Equal(t, "COLLISION", s.state(cases[2].id))
	ask.Cases = ask.Cases[1:]
	s.want(http.StatusInternalServerError, "admin", "POST", "/admin/api/collisions/settle", ask).problem(t)
}
