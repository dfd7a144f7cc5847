package peering

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

const (
	// evidenceMax is how many lost epochs a hold remembers. A peer reports contracts.SeenMax at once.
	evidenceMax = 4 * contracts.SeenMax
	// reportEvery is how often a process reports its epoch when nothing has changed, and liveFor how long after
	// its last report it still counts as running.
	reportEvery = 3 * time.Second
	liveFor     = 10 * time.Second
	// warnEvery is how often invented numbers of a peer are logged.
	warnEvery = time.Minute
)

// Judge implements orders.Judge: it holds numbers of this side that a peer's entry claims against the log.
// While an operator's confirmed plan is carried out the peer may bring everything that was lost.
func (d *Desk) Judge(ctx context.Context, peer string, claimed []ordersync.Dot) (invented []ordersync.Dot, err error) {
	if d.Held(peer) != nil {
		return nil, nil
	}
	v, err := d.weigh(ctx, peer, claimed)
	switch {
	case err != nil:
		return nil, err
	case len(v.lost) > 0:
		if err := d.hold(ctx, peer, v.lost); err != nil {
			return nil, err
		}
		return nil, d.heldError(peer)
	case v.undecided:
		return nil, orders.Errorf(orders.Starting, "%s has to find out whether it gave out what %s knows of it", d.Side, peer)
	}
	return v.refused, nil
}

// weighed is what numbers of this side come to that the log does not have.
type weighed struct {
	lost, invented []ordersync.Dot
	refused        []ordersync.Dot // of the invented: an order's version may have old names that do not verify
	undecided      bool            // a process that may run has to report first
}

// weigh tells the numbers that this side has lost from those that it never gave out. It asks the log each
// time: a database may be put back under a running process. Lost can only be what an epoch of this side may
// have given out: one whose name verifies, or of which the log had numbers when the peer reported them. A
// running process knows how far it has come. A database that has never met this peer without a number missing
// may be in the place of another one: there all count. A number that was drawn and not used is in no log.
func (d *Desk) weigh(ctx context.Context, peer string, claimed []ordersync.Dot) (v weighed, err error) {
	if len(claimed) == 0 {
		return v, nil
	}
	missing, err := d.store.Missing(ctx, claimed)
	if err != nil || len(missing) == 0 {
		return v, err
	}
	epochs, err := d.store.Epochs(ctx, liveFor)
	if err != nil {
		return v, err
	}
	present, is := d.Epoch.Issued()
	epochs.Live[present] = LiveEpoch{Issued: is, At: epochs.Now}
	d.forgetClaims(epochs.Live, epochs.Now)
	told := d.row(peer).Told
	for _, m := range missing {
		one, running := epochs.Live[m.Key]
		issued, left := d.Epoch.Left(m.Key)
		switch {
		case left && m.N <= issued:
			v.lost = append(v.lost, m)
		case left:
			v.invented, v.refused = append(v.invented, m), append(v.refused, m)
		case running && one.Gone(epochs.Last, epochs.Server) && m.N <= one.N:
			v.lost = append(v.lost, m)
		case running && m.Key != present && !one.At.After(d.firstClaim(m.Key, epochs.Now)):
			v.undecided = true
		case running, told != nil && !d.Epoch.Made(m.Key) && !told.knows(m.Key):
			v.invented = append(v.invented, m)
			if running || !epochs.Unverified {
				v.refused = append(v.refused, m)
			}
		default:
			v.lost = append(v.lost, m)
		}
	}
	if len(v.invented) > 0 {
		d.ignore(peer, v.invented)
	}
	return v, nil
}

// firstClaim is when a number of another running process's epoch was first claimed that the log does not have.
func (d *Desk) firstClaim(key string, now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.claimed[key]; !there {
		d.claimed[key] = now
	}
	return d.claimed[key]
}

// forgetClaims forgets those of processes that have ended, and those of long ago: a process that runs has reported
// since, and a later claim has to wait for a report of its own.
func (d *Desk) forgetClaims(live map[string]LiveEpoch, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, at := range d.claimed {
		if _, running := live[key]; !running || now.Sub(at) > liveFor {
			delete(d.claimed, key)
		}
	}
}

// ignore counts invented numbers and logs them now and then.
func (d *Desk) ignore(peer string, invented []ordersync.Dot) {
	d.mu.Lock()
	d.ignored[peer] += int64(len(invented))
	quiet := d.Now().Sub(d.warned[peer]) < warnEvery
	if !quiet {
		d.warned[peer] = d.Now()
	}
	d.mu.Unlock()
	if !quiet {
		d.log.Warn("peer claims numbers of this side that were never given out, ignored", zap.String("peer", peer), zap.Strings("first", namesOf(invented[:min(len(invented), contracts.SeenMax)])))
	}
}

// Ignored is how many numbers of this side a peer has claimed that were never given out.
func (d *Desk) Ignored(peer string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ignored[peer]
}

// short names the first of a list.
func short(names []string) string {
	if more := len(names) - contracts.SeenMax; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:contracts.SeenMax], ", "), more)
	}
	return strings.Join(names, ", ")
}

func namesOf(dots []ordersync.Dot) []string {
	names := make([]string, len(dots))
	for i, d := range dots {
		names[i] = fmt.Sprintf("%s:%d", d.Key, d.N)
	}
	slices.Sort(names)
	return names
}

// hold holds the links to all peers because of lost numbers: whichever of them shows that this side has lost some, any of them would fill
// its database up again without a plan. What counts is their epochs: a held link writes only when another one comes, and not for each
// number. The links that are released already stay so when only a held one gains evidence.
func (d *Desk) hold(ctx context.Context, peer string, lost []ordersync.Dot) error {
	row, peers := d.row(peer), d.Peers
	if row.Held != nil {
		peers = d.heldPeers()
		lost = slices.DeleteFunc(slices.Clone(lost), func(m ordersync.Dot) bool { return slices.Contains(row.Evidence, m.Key) })
		if len(lost) == 0 || len(row.Evidence) >= evidenceMax {
			return nil
		}
	}
	names := namesOf(lost)
	reason := fmt.Sprintf("%s knows more of %s than its own database does, which was put back to an earlier state, or is another one (not in the log: %s)",
		peer, d.Side, short(names))
	if err := d.store.Hold(ctx, peers, contracts.Hold{At: d.Now(), Reason: reason}, lost, evidenceMax); err != nil {
		return err
	}
	d.log.Error("links held: the database was restored, or is another one", zap.String("peer", peer), zap.Strings("held", peers), zap.String("missing", short(names)))
	return d.refresh(ctx)
}

// heldPeers are the peers whose links are held.
func (d *Desk) heldPeers() (held []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, peer := range d.Peers {
		if d.rows[peer].Held != nil {
			held = append(held, peer)
		}
	}
	return held
}

func (d *Desk) heldError(peer string) error {
	held := d.Held(peer)
	if held == nil { // just released
		return orders.Errorf(orders.Unavailable, "the link to %s was held, try again", peer)
	}
	return orders.Errorf(orders.Held, "the link to %s is held until a person of %s confirms: %s", peer, d.Side, held.Reason)
}

// reportEpoch tells the other processes of this side how far the present epoch has come, and takes a new one
// where a peer knows more of it than the log: a process goes on under no lost epoch.
func (d *Desk) reportEpoch(ctx context.Context, rows []PeerRow) error {
	for _, r := range rows {
		for _, key := range r.Evidence {
			if d.Epoch.Leave(key) {
				d.log.Warn("numbers of this epoch were lost, took a new one", zap.String("lost", key), zap.String("epoch", d.Epoch.Key()))
			}
		}
	}
	now := d.Now()
	var own LiveEpoch
	own.Key, own.Issued = d.Epoch.Issued()
	if own == d.reported && now.Sub(d.reportedAt) < reportEvery {
		return nil
	}
	before := ""
	if d.reported.Key != own.Key {
		before = d.reported.Key
	}
	if err := d.store.ReportEpoch(ctx, own, before, liveFor); err != nil {
		return err
	}
	d.reported, d.reportedAt = own, now
	return nil
}
