package command

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// operator runs a command as an admin and demands an exit code.
func (s *side) operator(code int, cmd func() *cobra.Command, args ...string) string {
	s.t.Helper()
	out, err := run(s.t, s, "admin", cmd, args...)
	require.Equal(s.t, code, cli.ExitCode(err), "%v: %v\n%s", args, err, out)
	return out
}

func TestCollisionsCommand(t *testing.T) {
	s := startSide(t)
	require.Equal(t, "ID  NUMBER  PEER  STATE  FOR  REASON\n", s.operator(0, cli.Collisions, "list"))
	one, two, three := collide(t, s), collide(t, s), collide(t, s)

	out := s.operator(0, cli.Collisions, "list")
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 4)
	require.Contains(t, out, one.id+"  "+one.o.OrderNumber+"  b     COLLISION  ")
	require.ElementsMatch(t, []string{one.id, two.id, three.id}, strings.Fields(s.operator(0, cli.Collisions, "list", "-q", "--peer", "b")))
	require.Len(t, strings.Fields(s.operator(0, cli.Collisions, "list", "-q", "--limit", "2")), 2)
	require.Empty(t, s.operator(0, cli.Collisions, "list", "-q", "--older", "1h"))
	var page contracts.AdminOrderPage
	require.NoError(t, json.Unmarshal([]byte(s.operator(0, cli.Collisions, "list", "-o", "json", "--number", one.o.OrderNumber)), &page))
	require.Len(t, page.Orders, 3)

	out = s.operator(0, cli.Collisions, "show", one.id)
	require.Regexp(t, `(?m)^!\s+/customerNote\s+agreed\s+ours\s+theirs\s+both\s+-$`, out)
	c, tag := one.collision()
	require.Contains(t, out, strings.Trim(tag, `"`))
	var shown contracts.Collision
	require.NoError(t, json.Unmarshal([]byte(s.operator(0, cli.Collisions, "show", one.id, "-o", "json")), &shown))
	require.Equal(t, c.Theirs.Version, shown.Theirs.Version)
	s.operator(cli.ExitNotFound, cli.Collisions, "show", newOrder(t, "").ID)

	// As it was seen: a case that has moved is left alone.
	one.edit("ours, further")
	out, err := run(t, s, "admin", cli.Collisions, "resolve", one.id, "--take", "theirs", "--yes", "--if-match", tag)
	require.Equal(t, cli.ExitPerson, cli.ExitCode(err), out)
	require.Contains(t, out, "412")
	require.Equal(t, "COLLISION", s.state(one.id))
	s.operator(0, cli.Collisions, "resolve", one.id, "--take", "theirs", "--yes")
	require.Equal(t, "theirs", s.get(one.id).CustomerNote)

	picked := collide(t, s)
	s.operator(0, cli.Collisions, "resolve", picked.id, "--pick", "/customerNote=theirs", "--yes")
	require.Equal(t, "theirs", s.get(picked.id).CustomerNote)

	// Nobody is there to be asked, so it must be said.
	s.operator(cli.ExitUsage, cli.Collisions, "resolve", "--all", "--take", "ours")
	require.Equal(t, "COLLISION", s.state(two.id))
	// What both changed is no machine's to decide.
	out, err = run(t, s, "admin", cli.Collisions, "resolve", two.id, "--take", "merged", "--yes")
	require.Equal(t, cli.ExitPerson, cli.ExitCode(err))
	require.Contains(t, out, "/customerNote")
	file := filepath.Join(t.TempDir(), "order.json")
	given := three.o
	given.CustomerNote = "given"
	body, err := strictjson.Encode(given)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, body, 0o600))
	s.operator(0, cli.Collisions, "resolve", three.id, "--file", file, "--yes")
	require.Equal(t, "given", s.get(three.id).CustomerNote)
	var done contracts.ErrorSettlementResult
	require.NoError(t, json.Unmarshal([]byte(s.operator(0, cli.Collisions, "resolve", "--all", "--take", "ours", "--yes", "-o", "json")), &done))
	require.Equal(t, contracts.ErrorSettlementResult{Settled: 1, Failed: []contracts.SettlementFailure{}}, done)
	require.Empty(t, s.operator(0, cli.Collisions, "list", "-q"))
	s.operator(cli.ExitNotFound, cli.Collisions, "resolve", two.id, "--take", "ours", "--yes")

	for _, wrong := range [][]string{
		{"resolve"},
		{"resolve", one.id},
		{"resolve", one.id, "--take", "mine"},
		{"resolve", one.id, "--take", "ours", "--pick", "/customerNote=ours"},
		{"resolve", one.id, "--pick", "/customerNote=mine"},
		{"resolve", one.id, "--pick", "/customerNote=ours", "--pick", "/customerNote=theirs"},
		{"resolve", one.id, two.id, "--pick", "/customerNote=ours"},
		{"resolve", one.id, "--all", "--take", "ours"},
		{"show"},
		{"list", "-o", "yaml"},
		{"list", "--nothing"},
		{"shwo"},
		{"resolve", one.id, two.id, "--take", "ours", "--if-match", "x"},
	} {
		s.operator(cli.ExitUsage, cli.Collisions, wrong...)
	}
}

// TestMergedTakesWhatNobodyContests.
func TestMergedTakesWhatNobodyContests(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["OK"](st)
	agreed := st.version()
	st.edit("ours")
	theirs := st.theirs("first")
	theirs.InternalNote = "theirs"
	s.put(http.StatusConflict, entry(t, st.id, "UPD", and(agreed, b(5)), theirs))
	out := s.operator(0, cli.Collisions, "show", st.id)
	require.Regexp(t, `(?m)^\s+/internalNote\s+.*theirs\s+theirs\s+theirs$`, out)
	s.operator(0, cli.Collisions, "resolve", st.id, "--take", "merged", "--yes")
	now := s.get(st.id)
	require.Equal(t, "ours", now.CustomerNote)
	require.Equal(t, "theirs", now.InternalNote)
}

func TestErrorsCommand(t *testing.T) {
	s := startSide(t)
	refused := func() *stage {
		st := &stage{side: s, o: newOrder(t, "first")}
		st.id = st.o.ID
		before["ERROR_SYNCED"](st)
		return st
	}
	one, two, three := refused(), refused(), refused()
	out := s.operator(0, cli.Errors, "list")
	require.Contains(t, out, one.id+"  "+one.o.OrderNumber+"  b     ERROR_SYNCED  ")
	require.Contains(t, out, "no such customer")
	require.Empty(t, s.operator(0, cli.Errors, "list", "-q", "--reason", "another"))
	require.Regexp(t, `(?m)^3\s+b\s+no such customer$`, s.operator(0, cli.Errors, "reasons"))

	s.operator(0, cli.Errors, "retry", one.id, "--yes")
	require.Equal(t, "NEW", s.state(one.id))
	s.operator(cli.ExitNotFound, cli.Errors, "retry", one.id, "--yes")
	s.operator(cli.ExitUsage, cli.Errors, "retry", "--all")
	s.operator(cli.ExitUsage, cli.Errors, "retry", "--yes")
	out = s.operator(0, cli.Errors, "retry", "--all", "--reason", "customer", "--yes")
	require.Contains(t, out, "resolved 2 orders")
	require.Equal(t, "NEW", s.state(two.id))
	require.Equal(t, "NEW", s.state(three.id))
	require.Empty(t, s.operator(0, cli.Errors, "list", "-q"))

	// What this side refuses still cannot be taken; dropped, ours becomes the newest.
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["ERROR"](st)
	var done contracts.ErrorSettlementResult
	require.NoError(t, json.Unmarshal([]byte(s.operator(cli.ExitPerson, cli.Errors, "retry", st.id, "--yes", "-o", "json")), &done))
	require.Equal(t, st.id, done.Failed[0].ID)
	s.operator(0, cli.Errors, "drop", st.id, "--yes")
	require.Equal(t, "first", s.get(st.id).CustomerNote)
	require.Equal(t, "UPD", s.state(st.id))
}

func TestPauseAndResumeCommands(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	require.Equal(t, "b paused\n", s.operator(0, cli.Pause, "b"))
	require.True(t, s.peerStatus().Paused)
	require.Contains(t, s.operator(cli.ExitPerson, cli.Status), "paused: nothing is sent to b")
	require.Contains(t, s.operator(0, cli.Resume, "b", "-o", "json"), `"paused": false`)
	require.False(t, s.peerStatus().Paused)
	s.operator(cli.ExitNotFound, cli.Pause, "c")
	s.operator(cli.ExitUsage, cli.Pause)
	out, err := run(t, s, "client", cli.Pause, "b")
	require.Equal(t, cli.ExitFailed, cli.ExitCode(err), out)
	execute(t, s.cfg.DatabaseURL, "UPDATE peers SET brake_tripped = 3")
	require.Eventually(t, func() bool { return s.peerStatus().Brake.Deletions }, time.Minute, 10*time.Millisecond)
	s.operator(cli.ExitUsage, cli.Brake, "b", "--off", "10m")
	s.operator(0, cli.Brake, "b", "--off", "10m", "--yes")
	require.False(t, s.peerStatus().Brake.Deletions)
	require.NotNil(t, s.peerStatus().Brake.OffUntil)
}

func TestExplainCommand(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["OK"](st)
	out := s.operator(0, cli.Explain, st.id)
	require.Contains(t, out, st.o.OrderNumber)
	require.Regexp(t, `(?m)^towards b\s+b acknowledged this version\s+for `, out)
	require.Regexp(t, `(?m)created here\s+client`, out)
	require.Contains(t, out, "acknowledged by b")

	st.edit("ours")
	require.Contains(t, s.operator(0, cli.Explain, st.id), "No bridge to b is running.")
	s.operator(0, cli.Pause, "b")
	require.Contains(t, s.operator(0, cli.Explain, st.id), "Paused: nothing is sent to b until it is resumed.")
	execute(t, s.cfg.DatabaseURL, "UPDATE peers SET held_at = now(), held_reason = 'b knows more'")
	require.Eventually(t, func() bool { return s.peerStatus().Held != nil }, time.Minute, 10*time.Millisecond)
	require.Contains(t, s.operator(0, cli.Explain, st.id), "The link to b is held until someone confirms the plan: b knows more")
	var e struct {
		Standing []struct{ Peer, State, Why string }
		Story    []struct{ Text string }
	}
	require.NoError(t, json.Unmarshal([]byte(s.operator(0, cli.Explain, st.id, "-o", "json")), &e))
	require.Equal(t, "UPD", e.Standing[0].State)
	require.Len(t, e.Story, 3)

	// Another side, on which it collides and is deleted.
	s = startSide(t)
	c := collide(t, s)
	out = s.operator(cli.ExitPerson, cli.Explain, c.id)
	require.Contains(t, out, "in collision: changed here and at b")
	require.Contains(t, out, "Resolve it: orderbridge collisions show")
	require.Contains(t, out, "received from b: up/up (COLLISION)")
	gone := &stage{side: s, o: newOrder(t, "first")}
	gone.id = gone.o.ID
	before["DEL_SYNCED"](gone)
	require.Contains(t, s.operator(0, cli.Explain, gone.id), "deleted here, acknowledged by b")
	s.operator(cli.ExitNotFound, cli.Explain, newOrder(t, "").ID)
}

func TestReconciliationsCommand(t *testing.T) {
	s := startSide(t)
	kept := s.create(newOrder(t, "x"))
	id := strings.Fields(s.operator(0, cli.Reconciliations, "start", "--dry-run"))[1]
	require.Contains(t, s.operator(0, cli.Reconciliations, "list"), id)
	require.Contains(t, s.operator(0, cli.Reconciliations, "show", id), "requested, a dry run")
	require.Equal(t, id, s.claim(false).ID)
	report := equalReport(1)
	report.Plan = []contracts.PlannedOrder{{ID: kept.ID, Kind: "onlyHere", Effect: "createsThere"}}
	s.progress(id, "r1", "held", report)
	out := s.operator(cli.ExitPerson, cli.Reconciliations, "show", id, "--wait")
	require.Contains(t, out, kept.ID)
	require.Contains(t, out, "createsThere")
	s.operator(cli.ExitUsage, cli.Reconciliations, "confirm", id)
	require.Contains(t, s.operator(0, cli.Reconciliations, "confirm", id, "--except", kept.ID, "--yes"), "confirmed")
	job := s.claim(false)
	require.Equal(t, []string{kept.ID}, job.Except)
	s.progress(id, "r1", "done", equalReport(1))
	require.Contains(t, s.operator(0, cli.Reconciliations, "show", id, "--wait"), "proved equal")
	var list contracts.ReconciliationList
	require.NoError(t, json.Unmarshal([]byte(s.operator(0, cli.Reconciliations, "list", "-o", "json", "--peer", "b")), &list))
	require.Equal(t, "done", list.Reconciliations[0].State)

	ended := make(chan string)
	go func() {
		defer close(ended)
		for s.claim(false) == nil {
			time.Sleep(10 * time.Millisecond)
		}
		var list contracts.ReconciliationList
		s.want(http.StatusOK, "admin", "GET", "/admin/api/reconciliations?limit=1", nil).into(t, &list)
		unequal := equalReport(1)
		unequal.Equal = false
		s.progress(list.Reconciliations[0].ID, "r1", "done", unequal)
	}()
	s.operator(cli.ExitPerson, cli.Reconciliations, "start", "b", "--wait")
	<-ended
	id = strings.Fields(s.operator(0, cli.Reconciliations, "start", "b"))[1]
	require.Contains(t, s.operator(0, cli.Reconciliations, "drop", id, "--yes"), "dropped")
	s.operator(cli.ExitPerson, cli.Reconciliations, "drop", id, "--yes")
	s.operator(cli.ExitNotFound, cli.Reconciliations, "show", newOrder(t, "").ID)
	s.operator(cli.ExitUsage, cli.Reconciliations, "start", "c")
}

// TestStatusIsWatched until it is interrupted, also while the side is away.
func TestStatusIsWatched(t *testing.T) {
	s := startSide(t)
	var calls int
	ctx, cancel := context.WithCancel(t.Context())
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		switch calls {
		case 2:
			w.WriteHeader(http.StatusBadGateway)
			return
		case 4:
			cancel()
		}
		_, err := w.Write(s.do("admin", "GET", "/admin/api/status", nil).body)
		require.NoError(t, err)
	}))
	defer front.Close()
	cmd := cli.Status()
	var out, errs strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	t.Setenv("ORDERBRIDGE_TOKEN", "x")
	cmd.SetArgs([]string{"--url", front.URL, "--watch", "--every", "100ms"})
	require.NoError(t, cmd.ExecuteContext(ctx))
	require.Equal(t, 2, strings.Count(out.String(), "towards"))
	require.Contains(t, errs.String(), "502")
}

// TestNothingSteersTheTerminal: what the other side wrote is shown without what a terminal obeys.
func TestNothingSteersTheTerminal(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["UPD"](st)
	first := st.timeline(st.id)[0].Version
	e := strings.Replace(sent(t, entry(t, st.id, "UPD", and(first, b(3)), st.theirs("theirs"))), `"customerNote":"theirs"`, `"customerNote":"a\u001b[2Jb\u202ec\u0007"`, 1)
	s.want(http.StatusConflict, "peer", "PUT", "/orders/transactions", `{"side":"b","entries":[`+e+`]}`)
	for _, args := range [][]string{{"list"}, {"show", st.id}} {
		out := s.operator(0, cli.Collisions, args...)
		require.NotContains(t, out, "\x1b")
		require.NotContains(t, out, "\u202e")
		require.NotContains(t, out, "\a")
	}
	require.Contains(t, s.operator(0, cli.Collisions, "show", st.id), "a\uFFFD[2Jb\uFFFDc\uFFFD")
}
