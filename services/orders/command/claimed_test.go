package command

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestNoPersonTakesInventedNumbersOver: what was refused for them is kept, and stays refused when it is tried again.
func TestNoPersonTakesInventedNumbersOver(t *testing.T) {
	s := startSide(t)
	evil := contracts.Version{"a.evil": 1}
	unknown := newOrder(t, "of nobody")
	mine := s.create(newOrder(t, "mine"))
	theirs := mine.Order
	theirs.CustomerNote = "theirs"
	s.put(http.StatusOK,
		entry(t, unknown.ID, "NEW", and(b(3), evil), &unknown),
		entry(t, mine.ID, "UPD", and(mine.Sync.Version, b(4), evil), &theirs),
	)
	for _, id := range []string{unknown.ID, mine.ID} {
		p := s.want(http.StatusConflict, "admin", "POST", "/admin/api/errors/"+id+"/retry", nil).problem(t)
		require.Contains(t, p.Detail, "never given out: a.evil:1")
	}
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+unknown.ID, nil)
	require.Equal(t, mine.Sync.Version, s.get(mine.ID).Sync.Version)

	for _, take := range []string{"ours", "theirs"} {
		o := s.create(newOrder(t, "ours"))
		other := o.Order
		other.CustomerNote = "theirs"
		s.put(http.StatusConflict, entry(t, o.ID, "NEW", and(b(5), evil), &other))
		s.want(http.StatusOK, "admin", "POST", "/admin/api/collisions/"+o.ID+"/resolve", contracts.Resolution{Take: take})
		got := s.get(o.ID)
		require.Equal(t, take, got.CustomerNote)
		require.NotContains(t, got.Sync.Version, "a.evil", "what nobody gave out comes in with no decision either")
		require.Equal(t, int64(5), got.Sync.Version["b.x81m"], "%v", got.Sync.Version)
	}
}
