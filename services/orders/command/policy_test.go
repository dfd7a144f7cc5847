package command

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func preview(s *side, policy, rules, query string) contracts.PolicyPreview {
	s.t.Helper()
	var out contracts.PolicyPreview
	s.want(http.StatusOK, "admin", "POST", "/admin/api/conflict-policy/preview"+query, contracts.PolicyTrial{Policy: policy, Rules: rules}).into(s.t, &out)
	require.Len(s.t, out.Cases, out.Looked)
	var settled, differ int
	for _, c := range out.Cases {
		require.Equal(s.t, s.cfg.others()[0].name, c.Peer)
		require.False(s.t, c.At.IsZero())
		if c.Settles {
			settled++
		}
		if c.Differs {
			differ++
		}
	}
	require.Equal(s.t, []int{settled, differ}, []int{out.Settled, out.Differ})
	return out
}

// TestPolicyPreview: four collisions, two of which people have settled, on one side; what a policy would
// have made of them, both sides tell alike.
func TestPolicyPreview(t *testing.T) {
	p := startPair(t, "manual", "manual", "")
	collide := func(a, b func(*contracts.Order)) contracts.Order {
		o := p.agreed()
		edit(p.a, o, a)
		edit(p.b, o, b)
		p.cross(o.ID)
		require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID))
		return o
	}
	settle := func(o contracts.Order, by func(contracts.Collision) contracts.Resolution) {
		st := &stage{side: p.a, id: o.ID}
		c, tag := st.collision()
		st.resolve(http.StatusOK, by(c), "If-Match", tag)
		p.settle(o.ID)
		p.same(o.ID)
	}
	asMerged := collide(note("of a"), quantity(7))
	settle(asMerged, func(c contracts.Collision) contracts.Resolution { return contracts.Resolution{Order: c.Merged} })
	require.Equal(t, "of a", p.b.get(asMerged.ID).CustomerNote)
	asOurs := collide(note("of a"), quantity(7))
	settle(asOurs, func(contracts.Collision) contracts.Resolution { return contracts.Resolution{Take: "ours"} })
	edit(p.a, asOurs, note("later")) // what came after the case does not count
	p.settle(asOurs.ID)
	contested := collide(note("of a"), note("of b"))
	gone := p.agreed()
	for _, s := range []*side{p.a, p.b} {
		s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+gone.ID, nil, "If-Match", "*")
	}
	p.cross(gone.ID)

	type verdict struct {
		open, settles, differs bool
		contested              []string
	}
	for name, s := range map[string]*side{"settled here": p.a, "settled there": p.b} {
		t.Run(name, func(t *testing.T) {
			for trial, want := range map[[2]string]map[string]verdict{
				{"merge", ""}: {
					asMerged.ID: {settles: true}, asOurs.ID: {settles: true, differs: true},
					contested.ID: {open: true, contested: []string{"/customerNote"}}, gone.ID: {open: true, settles: true},
				},
				{"merge", "/customerNote=side:a"}: {
					asMerged.ID: {settles: true}, asOurs.ID: {settles: true, differs: true},
					contested.ID: {open: true, settles: true, contested: []string{"/customerNote"}}, gone.ID: {open: true, settles: true},
				},
				{"manual", "/customerNote=side:b"}: {
					asMerged.ID: {}, asOurs.ID: {},
					contested.ID: {open: true, settles: true, contested: []string{"/customerNote"}}, gone.ID: {open: true},
				},
			} {
				got := map[string]verdict{}
				for _, c := range preview(s, trial[0], trial[1], "").Cases {
					v := verdict{open: c.Open, settles: c.Settles, differs: c.Differs}
					if len(c.Contested) > 0 {
						v.contested = c.Contested
					}
					got[c.ID] = v
				}
				require.Equal(t, want, got, trial)
			}
			require.Equal(t, 1, preview(s, "merge", "", "?limit=1").Looked)
			three := preview(s, "merge", "", "?limit=3")
			require.Equal(t, []bool{true, true, false}, []bool{three.Cases[0].Open, three.Cases[1].Open, three.Cases[2].Open}, "open ones first")
			require.Equal(t, asOurs.ID, three.Cases[2].ID, "then the one that ended last")
		})
	}
	require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(contested.ID), "nothing is changed by a preview")
}

func TestConflictPolicyIsTold(t *testing.T) {
	p := startPair(t, "merge", "merge", "/shippingAddress=side:b,\n/lines/*/quantity=max")
	for s, owner := range map[*side]string{p.a: "theirs-always", p.b: "ours-always"} {
		var got contracts.ConflictPolicy
		s.want(http.StatusOK, "admin", "GET", "/admin/api/conflict-policy", nil).into(t, &got)
		require.Equal(t, contracts.ConflictPolicy{
			Policy: "merge", Rules: "/shippingAddress=side:b /lines/*/quantity=max",
			Fields: []contracts.FieldRule{{Pattern: "/shippingAddress", Policy: owner, Side: "b"}, {Pattern: "/lines/*/quantity", Policy: "max"}},
		}, got)
	}
	for body, pointer := range map[string]string{
		`{"policy":"newest"}`:                          "/policy",
		`{"policy":"merge","rules":"/status=max"}`:     "/rules",
		`{"policy":"merge","rules":"/status=side:c"}`:  "/rules",
		`{"policy":"manual","rules":"/id=side:a"}`:     "/rules",
		`{"policy":"manual","rules":"/colour=side:a"}`: "/rules",
	} {
		problem := p.a.want(http.StatusUnprocessableEntity, "admin", "POST", "/admin/api/conflict-policy/preview", body).problem(t)
		require.Equal(t, []string{pointer}, pointers(problem), body)
	}
	p.a.want(http.StatusBadRequest, "admin", "POST", "/admin/api/conflict-policy/preview", `{"policy":"merge","x":1}`).problem(t)
	p.a.want(http.StatusBadRequest, "admin", "POST", "/admin/api/conflict-policy/preview?limit=501", `{"policy":"merge"}`).problem(t)
}
