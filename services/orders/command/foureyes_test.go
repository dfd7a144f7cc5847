package command

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// fourEyes starts a side on which two people settle a collision, and two who may.
func fourEyes(t *testing.T) (s *side, anna, ben *browser) {
	t.Helper()
	s = startSide(t, func(c *Config) { c.FourEyes = true })
	return s, s.person("anna", access.Operator), s.person("ben", access.Operator)
}

// ask calls the API as a person and demands a status.
func (b *browser) ask(status int, method, path string, body any) *answer {
	b.t.Helper()
	var data []byte
	if body != nil {
		var err error
		data, err = strictjson.Encode(body)
		require.NoError(b.t, err)
	}
	got := b.do(method, path, string(data))
	require.Equal(b.t, status, got.status, "%s %s: %s", method, path, got.body)
	return got
}

// propose has a person propose how to settle a case.
func (s *stage) propose(by *browser, r contracts.Resolution) (p contracts.Proposal) {
	s.t.Helper()
	by.ask(http.StatusAccepted, "POST", "/admin/api/collisions/"+s.id+"/resolve", r).into(s.t, &p)
	return p
}

// decide has a person approve or reject what is proposed for a case.
func (s *stage) decide(status int, by *browser, verb, proposal string) *answer {
	s.t.Helper()
	return by.ask(status, "POST", "/admin/api/collisions/"+s.id+"/"+verb, contracts.ProposalDecision{Proposal: proposal})
}

// audited is what the audit tells of an order, newest first.
func (s *stage) audited() (out []string) {
	s.t.Helper()
	var page contracts.AuditPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/audit?order="+s.id, nil).into(s.t, &page)
	for _, e := range page.Events {
		if e.Actor != "client" {
			out = append(out, e.Action+" "+e.Actor+" "+e.Detail)
		}
	}
	return out
}

// TestTwoPeopleSettleACollision: one proposes, and only another one approves.
func TestTwoPeopleSettleACollision(t *testing.T) {
	s, anna, ben := fourEyes(t)
	viktor := s.person("viktor", access.Viewer)
	st := collide(t, s)
	p := st.propose(anna, contracts.Resolution{Take: "theirs"})
	require.Equal(t, "user:anna", p.By)
	require.Equal(t, "COLLISION", s.state(st.id), "nothing is done yet")
	require.Equal(t, "ours", s.get(st.id).CustomerNote)

	c, _ := st.collision()
	require.True(t, c.FourEyes)
	require.Equal(t, &p, c.Proposal)
	var page contracts.AdminOrderPage
	viktor.ask(http.StatusOK, "GET", "/admin/api/collisions", nil).into(t, &page)
	require.Equal(t, "user:anna", page.Orders[0].ProposedBy)

	require.Contains(t, st.decide(http.StatusForbidden, anna, "approve", p.ID).problem(t).Detail, "proposed themselves")
	st.decide(http.StatusForbidden, viktor, "approve", p.ID)
	st.decide(http.StatusPreconditionFailed, ben, "approve", uuid.NewString())
	require.Equal(t, []string{"/proposal"}, pointers(st.decide(http.StatusUnprocessableEntity, ben, "approve", "x").problem(t)))
	st.decide(http.StatusOK, ben, "approve", p.ID)
	require.Equal(t, "theirs", s.get(st.id).CustomerNote)
	require.Equal(t, "UPD", s.state(st.id))
	require.Equal(t, []string{"order.resolved user:ben proposed by user:anna", "collision.proposed user:anna take theirs"}, st.audited())
	st.decide(http.StatusNotFound, ben, "approve", p.ID)
	st.decide(http.StatusNotFound, ben, "reject", p.ID)
	require.Zero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM proposals"))
}

// TestAProposalIsVoidOnceTheCaseMoves, on either side, and a new one takes its place.
func TestAProposalIsVoidOnceTheCaseMoves(t *testing.T) {
	s, anna, ben := fourEyes(t)
	st := collide(t, s)
	given := st.o
	given.CustomerNote = "agreed by phone"
	p := st.propose(anna, contracts.Resolution{Order: &given})
	st.edit("ours, later")
	c, _ := st.collision()
	require.True(t, c.Proposal.Void)
	require.Equal(t, "agreed by phone", c.Proposal.Order.CustomerNote)
	var page contracts.AdminOrderPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/collisions", nil).into(t, &page)
	require.Empty(t, page.Orders[0].ProposedBy)
	require.Contains(t, st.decide(http.StatusPreconditionFailed, ben, "approve", p.ID).problem(t).Detail, "the proposal is void")
	require.Contains(t, string(ben.do("GET", "/admin/collisions/"+st.id+"?peer=b", "").body), "This proposal is void")
	require.Equal(t, "ours, later", s.get(st.id).CustomerNote)

	p = st.propose(anna, contracts.Resolution{Order: &given})
	c, _ = st.collision()
	st.put(http.StatusConflict, entry(t, st.id, "UPD", and(c.Theirs.Version, b(99)), st.theirs("theirs, later")))
	st.decide(http.StatusPreconditionFailed, ben, "approve", p.ID)

	// What ben proposes is his, and anna approves it.
	older := st.propose(anna, contracts.Resolution{Take: "ours"})
	p = st.propose(ben, contracts.Resolution{Order: &given})
	st.decide(http.StatusPreconditionFailed, ben, "approve", older.ID)
	st.decide(http.StatusForbidden, ben, "approve", p.ID)
	st.decide(http.StatusOK, anna, "approve", p.ID)
	require.Equal(t, "agreed by phone", s.get(st.id).CustomerNote)
}

// TestAProposalIsRejected by another one, or withdrawn; the case stays open.
func TestAProposalIsRejected(t *testing.T) {
	s, anna, ben := fourEyes(t)
	st := collide(t, s)
	st.decide(http.StatusNoContent, ben, "reject", st.propose(anna, contracts.Resolution{Take: "ours"}).ID)
	p := st.propose(anna, contracts.Resolution{Take: "theirs"})
	st.decide(http.StatusNoContent, anna, "reject", p.ID)
	st.decide(http.StatusNotFound, ben, "approve", p.ID)
	require.Equal(t, "COLLISION", s.state(st.id))
	require.Equal(t, []string{
		"collision.rejected user:anna proposed by user:anna", "collision.proposed user:anna take theirs",
		"collision.rejected user:ben proposed by user:anna", "collision.proposed user:anna take ours",
	}, st.audited())
}

// TestTheAuditTellsWhatWasProposed, and in place of whose.
func TestTheAuditTellsWhatWasProposed(t *testing.T) {
	s, anna, ben := fourEyes(t)
	st := collide(t, s)
	given := st.o
	given.CustomerNote = "agreed by phone"
	st.propose(anna, contracts.Resolution{Take: "theirs"})
	st.propose(anna, contracts.Resolution{Order: &given})
	st.propose(ben, contracts.Resolution{Take: "ours"})
	require.Equal(t, []string{
		"collision.proposed user:ben take ours, in place of user:anna's", "collision.proposed user:anna an order", "collision.proposed user:anna take theirs",
	}, st.audited())
}

// TestAProposalThatCannotBeReadIsVoid: it blocks neither the case nor its page, and can be rejected.
func TestAProposalThatCannotBeReadIsVoid(t *testing.T) {
	s, anna, ben := fourEyes(t)
	st := collide(t, s)
	p := st.propose(anna, contracts.Resolution{Take: "ours"})
	execute(t, s.cfg.DatabaseURL, `UPDATE proposals SET resolution = '{"take":"ours","of":"a later release"}'`)
	c, _ := st.collision()
	require.Equal(t, &contracts.Proposal{ID: p.ID, By: p.By, At: p.At, Void: true}, c.Proposal)
	require.Contains(t, string(ben.do("GET", "/admin/collisions/"+st.id+"?peer=b", "").body), "it cannot be read")
	require.Contains(t, st.decide(http.StatusPreconditionFailed, ben, "approve", p.ID).problem(t).Detail, "cannot be read")
	require.Equal(t, "COLLISION", s.state(st.id))
	st.decide(http.StatusNoContent, ben, "reject", p.ID)
	c, _ = st.collision()
	require.Nil(t, c.Proposal)
}

// TestNobodySettlesACollisionAlone: no other call does it, and a token is a person of its own.
func TestNobodySettlesACollisionAlone(t *testing.T) {
	s, anna, _ := fourEyes(t)
	contested, merges, refused := collide(t, s), mergeable(t, s), &stage{side: s, o: newOrder(t, "first")}
	refused.id = refused.o.ID
	before["ERROR"](refused)
	many := contracts.CollisionSettlement{Take: "merged", DryRun: true}
	dry := s.settle(many)
	require.Equal(t, 1, dry.Proposed)
	require.Zero(t, dry.Settled)
	require.True(t, oneOf(t, dry, merges.id).Proposed)
	c, _ := merges.collision()
	require.Nil(t, c.Proposal)
	many.DryRun = false
	require.Equal(t, 1, s.settle(many).Proposed)
	require.Equal(t, "COLLISION", s.state(merges.id))
	c, _ = merges.collision()
	require.Equal(t, "admin:token", c.Proposal.By)
	require.Equal(t, "theirs", c.Proposal.Order.InternalNote, "as it was merged then")
	s.want(http.StatusForbidden, "admin", "POST", "/admin/api/collisions/"+merges.id+"/approve", contracts.ProposalDecision{Proposal: c.Proposal.ID})

	// What asks for an error settles no collision.
	var done contracts.ErrorSettlementResult
	ask := contracts.ErrorSettlement{Peer: "b", IDs: []string{contested.id}, Take: "ours"}
	s.want(http.StatusOK, "admin", "POST", "/admin/api/errors/settle", ask).into(t, &done)
	require.Zero(t, done.Settled)
	require.Contains(t, done.Failed[0].Reason, "a second person")
	s.want(http.StatusNotFound, "admin", "POST", "/admin/api/errors/"+contested.id+"/retry", nil)
	require.Equal(t, "COLLISION", s.state(contested.id))
	// An error one person settles alone.
	ask.IDs = []string{refused.id}
	s.want(http.StatusOK, "admin", "POST", "/admin/api/errors/settle", ask).into(t, &done)
	require.Equal(t, 1, done.Settled)

	merges.decide(http.StatusOK, anna, "approve", c.Proposal.ID)
	require.Equal(t, "theirs", s.get(merges.id).InternalNote)

	// What cannot be done is not proposed.
	contested.resolve(http.StatusConflict, contracts.Resolution{Take: "merged"})
	contested.resolve(http.StatusPreconditionFailed, contracts.Resolution{Take: "ours"}, "If-Match", `"x"`)
	bad := contested.o
	bad.Lines = nil
	require.Contains(t, pointers(contested.resolve(http.StatusUnprocessableEntity, contracts.Resolution{Order: &bad}).problem(t)), "/order/lines")
	c, _ = contested.collision()
	require.Nil(t, c.Proposal)
}

// TestProposalsOfWhatIsOverAreDropped: the content of an order is not kept for nothing.
func TestProposalsOfWhatIsOverAreDropped(t *testing.T) {
	s, anna, _ := fourEyes(t)
	open, over := collide(t, s), collide(t, s)
	open.propose(anna, contracts.Resolution{Take: "ours"})
	over.propose(anna, contracts.Resolution{Take: "ours"})
	c, _ := over.collision()
	over.put(http.StatusOK, entry(t, over.id, "UPD", and(c.Ours.Version, c.Theirs.Version, b(99)), over.theirs("settled there")))
	require.Equal(t, "OK", s.state(over.id))
	s.stop()
	s.start()
	require.Eventually(t, func() bool { return count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM proposals") == 1 }, time.Minute, 10*time.Millisecond)
	c, _ = open.collision()
	require.NotNil(t, c.Proposal)
}

// TestThePagesOfAProposal: it is shown with its outcome, and offered to another one than who made it.
func TestThePagesOfAProposal(t *testing.T) {
	s, anna, ben := fourEyes(t)
	viktor := s.person("viktor", access.Viewer)
	st := collide(t, s)
	at := "/admin/collisions/" + st.id
	_, tag := st.collision()
	require.Contains(t, string(anna.form(at+"/preview?peer=b", "version", tag, "take", "theirs").body), "Propose</button>")
	sent := anna.form(at+"/resolve?peer=b", "version", tag, "take", "theirs")
	require.Equal(t, http.StatusSeeOther, sent.status, "%s", sent.body)
	require.Contains(t, sent.header.Get("Location"), "done=proposed")
	require.Contains(t, string(anna.do("GET", sent.header.Get("Location"), "").body), "Someone else has to approve it")
	require.Contains(t, string(viktor.do("GET", "/admin/collisions", "").body), "needs approval")

	look := func(b *browser) string { return string(b.do("GET", at+"?peer=b", "").body) }
	require.NotContains(t, look(anna), "Approve</button>")
	require.Contains(t, look(anna), "Withdraw</button>")
	require.NotContains(t, look(viktor), "Reject</button>")
	require.Contains(t, look(viktor), "Proposed by <bdi>anna</bdi>")
	page := look(ben)
	require.Contains(t, page, "The version of b replaces ours")
	require.Regexp(t, `data-label="Here now"><bdi>ours</bdi></td><td data-label="Becomes"><b><bdi>theirs</bdi>`, page)
	proposal := fieldsOf(t, []byte(page)).Get("proposal")
	require.Equal(t, http.StatusForbidden, anna.form(at+"/approve?peer=b", "proposal", proposal).status)
	require.Equal(t, http.StatusSeeOther, ben.form(at+"/reject?peer=b", "proposal", proposal).status)
	require.NotContains(t, look(ben), "Proposed by")

	// Many at once are proposed too.
	preview := anna.form("/admin/collisions", "step", "all", "take", "theirs")
	require.Contains(t, string(preview.body), "1 would be proposed to a second person, 0 stay open")
	form := fieldsOf(t, preview.body)
	sent = anna.do("POST", "/admin/collisions", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Contains(t, string(sent.body), "1 of 1 proposed")
	proposal = fieldsOf(t, []byte(look(ben))).Get("proposal")
	require.Equal(t, http.StatusSeeOther, ben.form(at+"/approve?peer=b", "proposal", proposal).status)
	require.Equal(t, "theirs", s.get(st.id).CustomerNote)
}

func TestProposalCommands(t *testing.T) {
	s, anna, _ := fourEyes(t)
	st := collide(t, s)
	require.Contains(t, s.operator(0, cli.Collisions, "resolve", st.id, "--take", "ours", "--yes"), "proposed for 1 order; someone else has to approve it")
	require.Contains(t, s.operator(0, cli.Collisions, "resolve", "--all", "--take", "theirs", "--yes", "-o", "json"), `"proposed": 1`)
	require.Contains(t, s.operator(0, cli.Collisions, "list"), "needs approval, proposed by admin:token")
	require.Contains(t, s.operator(0, cli.Collisions, "show", st.id), "to take theirs by admin:token")
	s.operator(cli.ExitFailed, cli.Collisions, "approve", st.id, "--yes")
	s.operator(0, cli.Collisions, "reject", st.id, "--yes")
	s.operator(cli.ExitNotFound, cli.Collisions, "approve", st.id, "--yes")
	st.propose(anna, contracts.Resolution{Take: "theirs"})
	s.operator(cli.ExitUsage, cli.Collisions, "approve", st.id)
	require.Contains(t, s.operator(0, cli.Collisions, "approve", st.id, "--yes"), "approved and resolved")
	require.Equal(t, "theirs", s.get(st.id).CustomerNote)
}
