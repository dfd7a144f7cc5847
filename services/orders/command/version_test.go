package command

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// invented is a version with n keys of a side, none of which was ever given out.
func invented(side string, n int) contracts.Version {
	v := contracts.Version{}
	for i := range n {
		v[fmt.Sprintf("%s.%d", side, i)] = 1
	}
	return v
}

// TestKeysOfUnknownSidesAreRefused: each later version of the order would contain them, until it had
// more keys than the wire takes and never travelled again.
func TestKeysOfUnknownSidesAreRefused(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	made := s.create(o)
	theirs := made.Order
	theirs.CustomerNote = "theirs"

	got := s.put(http.StatusOK, entry(t, o.ID, "UPD", and(made.Sync.Version, invented("c", 998)), &theirs))[0]
	require.Equal(t, "ERROR", got.State, "more keys of a side than its share")
	got = s.put(http.StatusOK, entry(t, o.ID, "UPD", and(made.Sync.Version, invented("c", 1)), &theirs))[0]
	require.Equal(t, "ERROR", got.State)
	require.Contains(t, got.Refused.Reason, `"c.0"`, "the reason names the key")
	require.Equal(t, got.Refused.Version, and(made.Sync.Version, invented("c", 1)))

	now := s.get(o.ID)
	require.Equal(t, made.Sync.Version, now.Sync.Version, "nothing of it came in")
	require.Equal(t, "first", now.CustomerNote)
	require.Equal(t, "NEW", s.state(o.ID))

	// In an answer it ends what it answers, with the reason, and does not come in either.
	answer := entry(t, o.ID, "OK", and(made.Sync.Version, invented("c", 1)), &theirs)
	answer.AnswerTo = made.Sync.Version
	(&stage{side: s, id: o.ID}).answers(answer)
	require.Equal(t, "ERROR_SYNCED", s.state(o.ID))
	require.Contains(t, s.get(o.ID).Sync.Links[0].Reason, `"c.0"`)
	require.Equal(t, made.Sync.Version, s.get(o.ID).Sync.Version)
}

// TestStampsOfNamedSidesAreTaken: of a peer's own peer, or of a side that has another name by now.
func TestStampsOfNamedSidesAreTaken(t *testing.T) {
	s := startSide(t, func(c *Config) { c.Sides = "c,old-shop" })
	for _, side := range []string{"c", "old-shop"} {
		o := newOrder(t, side)
		require.Equal(t, "OK", s.put(http.StatusOK, entry(t, o.ID, "NEW", and(b(1), invented(side, 1)), &o))[0].State)
	}
	o := newOrder(t, "of a stranger")
	require.Equal(t, "ERROR", s.put(http.StatusOK, entry(t, o.ID, "NEW", invented("d", 1), &o))[0].State)
}

// TestPoisonedOrderIsShownAndComesBack: the order took more keys than can be told before there were limits.
func TestPoisonedOrderIsShownAndComesBack(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	made := s.create(o)
	poisoned := "b.x81m:1"
	for i := range 990 {
		poisoned += fmt.Sprintf(",c.%03d:1", i)
	}
	for key, n := range made.Sync.Version {
		poisoned = fmt.Sprintf("%s:%d,", key, n) + poisoned
	}
	execute(t, s.cfg.DatabaseURL, `UPDATE orders SET version = '`+poisoned+`' WHERE id = '`+o.ID+`'`)
	st := &stage{side: s, id: o.ID}

	require.Empty(t, st.lookup(), "it is not told")
	require.Equal(t, "ERROR_SYNCED", s.state(o.ID), "but shown")
	require.Contains(t, s.get(o.ID).Sync.Links[0].Reason, `"c.000"`)
	require.Empty(t, st.lookup())
	alarms := func() []string {
		var status contracts.Status
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &status)
		return status.Peers[0].Alarms
	}
	long := "the version of order " + o.ID + " has 992 elements; b takes 1000 at most"
	require.Contains(t, alarms(), "1 orders in error")
	require.Contains(t, alarms(), long)
	require.Contains(t, string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body), "\norderbridge_version_elements_max 992\n")

	o.CustomerNote = "edited"
	tag := s.want(http.StatusOK, "client", "GET", "/orders/"+o.ID, nil).header.Get("ETag")
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", tag)
	told := st.lookup()
	require.Len(t, told, 1, "an edit brings it back")
	require.Empty(t, told[0].Validate())
	require.NotContains(t, fmt.Sprint(told[0].Version), "c.")
	require.NotContains(t, alarms(), long)
}

// TestVersionsStaySmall: each start of the service that changes the order adds a key. Once the peer has
// acknowledged a version that names its head, the oldest ones go.
func TestVersionsStaySmall(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	s.create(o)
	st := &stage{side: s, id: o.ID}
	acknowledge := func() contracts.Entry {
		told := st.lookup()
		require.Len(t, told, 1)
		require.Empty(t, told[0].Validate())
		answer := told[0]
		answer.State, answer.AnswerTo, answer.Order = "OK", answer.Version, nil
		st.answers(answer)
		require.Equal(t, "OK", s.state(o.ID))
		return told[0]
	}
	acknowledge()
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("a.e%03d:1", i))
	}
	execute(t, s.cfg.DatabaseURL, `UPDATE orders SET version = '`+strings.Join(many, ",")+`' WHERE id = '`+o.ID+`'`)
	edit := func(note string) {
		o.CustomerNote = note
		s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	}
	edit("second")
	second := acknowledge()
	require.Len(t, second.Version, 61, "the peer may have a version with any of them as its head")
	edit("third")
	third := acknowledge()
	require.Less(t, len(third.Version), 40)
	require.True(t, third.Version.Contains(second.Version))

	// The peer goes on from there, and the other way round.
	theirs := o
	theirs.CustomerNote = "fourth"
	var head string
	for key := range third.Version {
		head = strings.TrimSuffix(key, contracts.VersionHead)
		if head != key {
			break
		}
	}
	version := contracts.Version{"b.x81m!": 9, head: third.Version[head+contracts.VersionHead]}
	require.Equal(t, "OK", s.put(http.StatusOK, entry(t, o.ID, "UPD", version, &theirs))[0].State)
	require.Equal(t, "fourth", s.get(o.ID).CustomerNote)
}

// TestANamedHeadIsInTheLog: a peer that has seen it has seen nothing that this side lost.
func TestANamedHeadIsInTheLog(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	s.create(o)
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("a.e%03d:1", i))
	}
	execute(t, s.cfg.DatabaseURL, `UPDATE orders SET version = '`+strings.Join(many, ",")+`' WHERE id = '`+o.ID+`'`)
	o.CustomerNote = "second"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	seen := map[string]int64{}
	for key, n := range s.get(o.ID).Sync.Version {
		if name, head := strings.CutSuffix(key, contracts.VersionHead); head {
			seen[name] = n
		}
	}
	require.Len(t, seen, 1)
	s.startUngreeted() // the epoch has ended
	s.greet("peer", http.StatusOK, seen)
	require.Nil(t, s.peerStatus().Held)
}

// TestMergeOnANamedHead: the base of a merge is found where the versions name their heads, too.
func TestMergeOnANamedHead(t *testing.T) {
	s := startSide(t, func(c *Config) { c.ConflictPolicy = "merge" })
	o := newOrder(t, "first")
	s.create(o)
	st := &stage{side: s, id: o.ID}
	acknowledge := func() contracts.Entry {
		told := st.lookup()
		answer := told[0]
		answer.State, answer.AnswerTo, answer.Order = "OK", answer.Version, nil
		st.answers(answer)
		return told[0]
	}
	acknowledge()
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("a.e%03d:1", i))
	}
	execute(t, s.cfg.DatabaseURL, `UPDATE orders SET version = '`+strings.Join(many, ",")+`' WHERE id = '`+o.ID+`'`)
	o.CustomerNote = "agreed"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	agreed := acknowledge()
	ours, theirs := o, o
	ours.InternalNote, theirs.CustomerNote = "ours", "theirs"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, ours, "If-Match", "*")
	version := contracts.Version{"b.x81m!": 5}
	for key, n := range agreed.Version {
		version[strings.TrimSuffix(key, contracts.VersionHead)] = n
	}
	require.Len(t, version, 22)
	s.put(http.StatusOK, entry(t, o.ID, "UPD", version, &theirs))
	merged := s.get(o.ID)
	require.Equal(t, "ours", merged.InternalNote)
	require.Equal(t, "theirs", merged.CustomerNote)
}

// TestPoisonedOnBothSides: an edit on each side makes versions that can be exchanged, and the collision that
// follows is resolved as any other.
func TestPoisonedOnBothSides(t *testing.T) {
	p := startPair(t, "manual", "manual", "")
	o := p.agreed()
	var junk strings.Builder
	for i := range 900 {
		fmt.Fprintf(&junk, ",c.%03d:1", i)
	}
	for _, s := range []*side{p.a, p.b} {
		execute(t, s.cfg.DatabaseURL, `UPDATE orders SET version = version || '`+junk.String()+`' WHERE id = '`+o.ID+`'`)
	}
	edit(p.a, o, func(o *contracts.Order) { o.CustomerNote = "edited at a" })
	p.settle(o.ID)
	require.NotEqual(t, []string{"OK", "OK"}, p.states(o.ID))
	edit(p.b, o, func(o *contracts.Order) { o.CustomerNote = "edited at b" })
	p.settle(o.ID)
	require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID))
	(&stage{side: p.a, id: o.ID}).resolve(http.StatusOK, contracts.Resolution{Take: "theirs"})
	p.settle(o.ID)
	require.Equal(t, []string{"OK", "OK"}, p.states(o.ID))
	for _, s := range []*side{p.a, p.b} {
		require.Equal(t, "edited at b", s.get(o.ID).CustomerNote)
	}
	require.Equal(t, p.a.get(o.ID).Sync.Version, p.b.get(o.ID).Sync.Version)
}
