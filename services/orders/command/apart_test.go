package command

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// Both sides created the order, or one created it again after both were restored, and one deleted it
// before they met. No row of the table has NEW and DEL together.
func TestCreationMeetsDeletion(t *testing.T) {
	t.Run("created here, deleted at the peer", func(t *testing.T) {
		s := startSide(t)
		made := s.create(newOrder(t, "ours"))
		answer := s.put(http.StatusConflict, entry(t, made.ID, "DEL", b(2), nil))[0]
		require.Equal(t, "COLLISION", answer.State)
		c, _ := (&stage{side: s, id: made.ID}).collision()
		require.NotNil(t, c.Ours.Order)
		require.True(t, c.Theirs.Deleted)
		(&stage{side: s, id: made.ID}).resolve(http.StatusOK, contracts.Resolution{Take: "ours"})
		require.Equal(t, "UPD", s.state(made.ID))
	})
	t.Run("deleted here, created at the peer", func(t *testing.T) {
		s := startSide(t)
		o := newOrder(t, "ours")
		made := s.create(o)
		s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+made.ID, nil, "If-Match", "*")
		theirs := made.Order
		theirs.CustomerNote = "theirs"
		answer := s.put(http.StatusConflict, entry(t, made.ID, "NEW", b(1), &theirs))[0]
		require.Equal(t, "COLLISION", answer.State)
		c, _ := (&stage{side: s, id: made.ID}).collision()
		require.True(t, c.Ours.Deleted)
		require.Equal(t, "theirs", c.Theirs.Order.CustomerNote)
		(&stage{side: s, id: made.ID}).resolve(http.StatusOK, contracts.Resolution{Take: "theirs"})
		require.Equal(t, "theirs", s.get(made.ID).CustomerNote)
	})
}
