package command

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// sent is an entry as text, to be spoiled.
func sent(t *testing.T, e contracts.Entry) string {
	t.Helper()
	data, err := strictjson.Encode(e)
	require.NoError(t, err)
	return string(data)
}

func (s *side) putText(entry string) contracts.Entry {
	s.t.Helper()
	var out contracts.Batch
	s.want(http.StatusOK, "peer", "PUT", "/orders/transactions", `{"side":"b","entries":[`+entry+`]}`).into(s.t, &out)
	return out.Entries[0]
}

// TestPeerCannotRaiseOurNumbers: a version that claims numbers of this process is refused, and local
// edits go on making new versions.
func TestPeerCannotRaiseOurNumbers(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	created := s.create(o)
	var key string
	for key = range created.Sync.Version {
	}
	theirs := o
	theirs.CustomerNote = "theirs"
	got := s.put(http.StatusOK, entry(t, o.ID, "UPD", contracts.Version{key: 1 << 50, "b.x81m": 1}, &theirs))[0]
	require.Equal(t, "ERROR", got.State)
	require.Equal(t, "first", s.get(o.ID).CustomerNote)
	o.CustomerNote = "second"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	require.NotEqual(t, created.Sync.Version, s.get(o.ID).Sync.Version)
}

// TestRefusedNewOrder: an order that this side refused and does not have can be taken by no trick.
func TestRefusedNewOrder(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "x")
	bad := strings.Replace(sent(t, entry(t, o.ID, "NEW", b(1), &o)), `"quantity":2`, `"quantity":0`, 1)
	require.Equal(t, "ERROR", s.putText(bad).State)
	s.want(http.StatusConflict, "admin", "POST", "/admin/api/collisions/"+o.ID+"/resolve", contracts.Resolution{Take: "ours"}).problem(t)
	s.want(http.StatusConflict, "admin", "POST", "/admin/api/collisions/"+o.ID+"/resolve", contracts.Resolution{Take: "theirs"}).problem(t)
	s.want(http.StatusConflict, "admin", "POST", "/admin/api/errors/"+o.ID+"/retry", nil).problem(t)
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)
	// A person may give the order that should be.
	s.want(http.StatusOK, "admin", "POST", "/admin/api/collisions/"+o.ID+"/resolve", contracts.Resolution{Order: &o})
	require.Equal(t, "x", s.get(o.ID).CustomerNote)
}

// TestOddContentsStayReadable: what a peer writes badly must not make a page of this side fail.
func TestOddContentsStayReadable(t *testing.T) {
	s := startSide(t)
	for name, spoil := range map[string]func(string) string{
		"a name twice": func(e string) string {
			return strings.Replace(e, `"currency":"EUR"`, `"currency":"EUR","currency":"EUR"`, 1)
		},
		"a lone surrogate": func(e string) string {
			return strings.Replace(e, `"customerNote":"theirs"`, `"customerNote":"\ud800"`, 1)
		},
		"a time in words": func(e string) string {
			return strings.Replace(e, `"updatedAt":"2026-11-21T12:00:00Z"`, `"updatedAt":"yesterday"`, 1)
		},
		"a time before all": func(e string) string {
			return strings.Replace(e, `"updatedAt":"2026-11-21T12:00:00Z"`, `"updatedAt":"0000-01-01T00:00:00+23:00"`, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &side{t: t, cfg: s.cfg}
			st := &stage{side: s, o: newOrder(t, "first")}
			st.id = st.o.ID
			before["UPD"](st)
			first := st.timeline(st.id)[0].Version
			e := spoil(sent(t, entry(t, st.id, "UPD", and(first, b(3)), st.theirs("theirs"))))
			s.want(http.StatusConflict, "peer", "PUT", "/orders/transactions", `{"side":"b","entries":[`+e+`]}`)
			st.collision()
			s.want(http.StatusOK, "admin", "GET", "/admin/api/collisions", nil)
			st.resolve(http.StatusOK, contracts.Resolution{Take: "ours"})
			s.want(http.StatusOK, "client", "GET", "/orders", nil)
			require.Len(t, st.lookup(), 1)
		})
	}
}

// TestRepeatsKeepNothingTwice: a collision that is told again and again does not copy what is kept.
func TestRepeatsKeepNothingTwice(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	c, _ := st.collision()
	for range 5 {
		st.put(http.StatusConflict, entry(t, st.id, "UPD", c.Theirs.Version, st.theirs("theirs")))
	}
	require.Zero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM log WHERE dropped IS NOT NULL"))
	st.put(http.StatusConflict, entry(t, st.id, "UPD", and(c.Theirs.Version, b(99)), st.theirs("newer")))
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM log WHERE dropped IS NOT NULL"))
}

// TestGivenOrderKeepsWhatCannotChange: a resolution is no way around the fields that stay.
func TestGivenOrderKeepsWhatCannotChange(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	o := st.o
	o.Currency = "USD"
	p := st.resolve(http.StatusUnprocessableEntity, contracts.Resolution{Order: &o}).problem(t)
	require.Equal(t, []string{"/order/currency"}, pointers(p))
}
