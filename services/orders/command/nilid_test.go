package command

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestNoOrderHasTheIDOfNone: neither one that a client creates, nor one of a peer.
func TestNoOrderHasTheIDOfNone(t *testing.T) {
	s := startSide(t)
	none := uuid.Nil.String()
	o := newOrder(t, "x")
	o.ID = none
	for _, p := range []contracts.Problem{
		s.want(http.StatusUnprocessableEntity, "client", "POST", "/orders", o).problem(t),
		s.want(http.StatusUnprocessableEntity, "client", "PUT", "/orders/"+none, o, "If-None-Match", "*").problem(t),
	} {
		require.Len(t, p.Errors, 1)
		require.Equal(t, "/id", p.Errors[0].Pointer)
	}
	good := newOrder(t, "good")
	got := s.put(http.StatusOK, entry(t, none, "NEW", b(3), &o), entry(t, good.ID, "NEW", b(4), &good))
	require.Equal(t, "ERROR", got[0].State)
	require.Contains(t, got[0].Refused.Reason, "stands for none")
	require.Equal(t, "OK", got[1].State, "it is the fault of that entry alone")
	require.Zero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM links WHERE order_id = '"+none+"'"))
}
