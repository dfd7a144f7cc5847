package admin

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

func (a *Admin) status(w http.ResponseWriter, r *http.Request) {
	out, err := a.Status(r.Context())
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// Status reads how this side and its sync stand.
func (a *Admin) Status(ctx context.Context) (*contracts.Status, error) {
	counts, err := a.store.Counts(ctx)
	if err != nil {
		return nil, err
	}
	broker, consumers := a.broker.Status(ctx)
	if broker.Lost, err = a.store.BrokerLoss(ctx); err != nil {
		return nil, err
	}
	out := &contracts.Status{
		Side: a.service.Name(), Epoch: a.service.Epoch(), Orders: counts.Orders, Estimated: counts.Estimated, Outbox: counts.Outbox,
		Broker: broker, At: counts.At.UTC(),
	}
	if !counts.OutboxSince.IsZero() {
		since := counts.OutboxSince.UTC()
		out.OutboxSince = &since
	}
	if a.system != nil {
		if out.System, err = a.system.Status(ctx); err != nil {
			return nil, err
		}
	}
	for _, p := range a.peers {
		s := contracts.PeerStatus{
			Peer: p.Name, States: map[string]int64{}, Pending: counts.Due[p.Name],
			Bridges: a.broker.Bridges(p.Name),
			Held:    a.peering.Held(p.Name), Proof: a.peering.Proof(p.Name), Brake: a.brakeStatus(p.Name),
		}
		for _, state := range ordersync.States[:ordersync.ErrorSynced] {
			s.States[state.String()] = counts.States[p.Name][state]
		}
		if o, ok := counts.Oldest[p.Name]; ok {
			s.Oldest = &contracts.OldestPending{
				ID: o.ID.String(), State: o.State.String(), Since: o.Since.UTC(),
				AgeSeconds: a.now().Sub(o.Since).Seconds(), Overdue: a.limits.overdue(o.Since.UTC(), a.now()),
			}
		}
		if c, ok := consumers[p.Name]; ok {
			s.Consumer, s.Paused = &c, c.PausedUntil != nil
		}
		if s.Proof != nil {
			if s.ChangesSinceProof, err = a.store.ChangesSince(ctx, s.Proof.Position, contracts.ChangesCountedMax); err != nil {
				return nil, err
			}
		}
		s.Alarms = alarms(&s, out, a.broker.FailedCalls(p.Name), a.limits)
		for _, left := range a.peering.Left() {
			s.Alarms = append(s.Alarms, left.Peer+" is not among the peers of the settings any more, and what is stored of it waits to be forgotten: orderbridge peers forget "+left.Peer)
		}
		if next := a.peering.Next(p.Name); next != "" {
			s.Alarms = append(s.Alarms, "held, next step: "+next)
		}
		if v := a.service.LongestVersion(); v.Elements >= orders.VersionElementsAlarm {
			s.Alarms = append(s.Alarms, fmt.Sprintf("the version of order %s has %d elements; %s takes %d at most", v.OrderID, v.Elements, p.Name, contracts.VersionKeysMax))
		}
		if n := len(a.peering.LeftOut(p.Name)); n > 0 {
			s.Alarms = append(s.Alarms, fmt.Sprintf("%d orders are left out of reconciliations", n))
		}
		out.Peers = append(out.Peers, s)
	}
	return out, nil
}

func (a *Admin) listPeers(w http.ResponseWriter, r *http.Request) {
	_, consumers := a.broker.Status(r.Context())
	out := contracts.PeerList{Peers: []contracts.Peer{}}
	for _, p := range a.peers {
		out.Peers = append(out.Peers, contracts.Peer{Peer: p.Name, URL: p.URL, Paused: consumers[p.Name].PausedUntil != nil})
	}
	out.Left = a.peering.Left()
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// failedCalls tells which calls of the bridges to a peer went wrong lately.
func (a *Admin) failedCalls(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "peer")
	if !a.hasPeer(name) {
		httpapi.Fail(w, r, a.log, orders.Errorf(orders.NotFound, "there is no such peer"))
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, contracts.FailedCallList{Bridges: a.broker.FailedCalls(name)}))
}

func (a *Admin) pause(w http.ResponseWriter, r *http.Request)  { a.setPaused(w, r, true) }
func (a *Admin) resume(w http.ResponseWriter, r *http.Request) { a.setPaused(w, r, false) }

func (a *Admin) setPaused(w http.ResponseWriter, r *http.Request, paused bool) {
	name := chi.URLParam(r, "peer")
	for _, p := range a.peers {
		if p.Name != name {
			continue
		}
		if h := a.peering.Held(name); h != nil && !paused {
			httpapi.Fail(w, r, a.log, orders.Errorf(orders.Conflict, "the link is held, and not only paused: %s; %s", h.Reason, a.peering.Next(name)))
			return
		}
		set, action := a.broker.Resume, "peer.resumed"
		if paused {
			set, action = a.broker.Pause, "peer.paused"
		}
		by := httpapi.ByOf(r)
		if err := a.record(r.Context(), by, action, "peer:"+name, ""); err != nil {
			httpapi.Fail(w, r, a.log, err)
			return
		}
		// Remembered first: if the broker's store is lost, the pause is not.
		if err := a.store.SetPaused(r.Context(), name, paused); err != nil {
			httpapi.Fail(w, r, a.log, err)
			return
		}
		a.log.Info("pause set", zap.String("peer", name), zap.Bool("paused", paused), zap.String("actor", by.Actor), zap.String("request_id", by.RequestID))
		if err := set(r.Context(), name); err != nil {
			httpapi.Fail(w, r, a.log, orders.Wrap(orders.BrokerUnavailable, err, "the broker cannot be reached"))
			return
		}
		a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, contracts.Peer{Peer: name, URL: p.URL, Paused: paused}))
		return
	}
	httpapi.Fail(w, r, a.log, orders.Errorf(orders.NotFound, "there is no such peer"))
}

// answer logs what went wrong while an answer was made; before that nothing has been sent.
func (a *Admin) answer(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
	}
}

func (a *Admin) states(w http.ResponseWriter, r *http.Request) {
	out := contracts.StateTable{}
	for _, s := range ordersync.States {
		out.States = append(out.States, contracts.StateInfo{Code: int(s), Name: s.String(), Meaning: s.Meaning()})
	}
	for _, row := range ordersync.Table {
		out.Rows = append(out.Rows, contracts.TableRow{
			Received: row.Received.String(), Was: wasName(row.Was),
			Becomes: row.Becomes.String(), Sync: row.Sync, Remark: row.Remark,
		})
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// wasName is a row's state before, as people read it in the table.
func wasName(s ordersync.State) string {
	switch s {
	case ordersync.Any:
		return "any"
	case ordersync.None:
		return "-"
	default:
		return s.String()
	}
}
