package peering

import (
	"context"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// Left lists the peers that have left the settings, and that nobody has forgotten.
func (d *Desk) Left() []contracts.LeftPeer {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []contracts.LeftPeer
	for _, r := range d.rows {
		if !slices.Contains(d.Peers, r.Peer) {
			out = append(out, contracts.LeftPeer{Peer: r.Peer, Since: r.Left})
		}
	}
	slices.SortFunc(out, func(x, y contracts.LeftPeer) int { return strings.Compare(x.Peer, y.Peer) })
	return out
}

// Forget removes what is stored of a peer that has left the settings, and its hints and consumer. When it comes back it is new:
// what both sides changed meanwhile collides.
func (d *Desk) Forget(ctx context.Context, by orders.By, peer string) error {
	if slices.Contains(d.Peers, peer) {
		return orders.Errorf(orders.Conflict, "%s is a peer of this side: take it out of the settings first", peer)
	}
	if !slices.ContainsFunc(d.Left(), func(l contracts.LeftPeer) bool { return l.Peer == peer }) {
		return orders.Errorf(orders.NotFound, "nothing is stored of a peer %s", peer)
	}
	if err := d.store.ForgetPeer(ctx, peer, d.consumers); err != nil {
		return err
	}
	d.log.Info("peer forgotten", zap.String("peer", peer), zap.String("actor", by.Actor), zap.String("request_id", by.RequestID))
	return d.refresh(ctx)
}
