package admin

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// Limits are what may last before a person should look. The zero value of each never raises an alarm.
type Limits struct {
	// Age is how long an order may be pending, and a hint in the outbox.
	Age time.Duration
	// Deliveries is how often the hint of an order may be delivered without the order getting through.
	Deliveries int64
}

// overdue reports whether something has lasted for too long.
func (l Limits) overdue(since, now time.Time) bool { return l.Age > 0 && now.Sub(since) > l.Age }

// alarms says in words what a person should look at.
func alarms(s *contracts.PeerStatus, side *contracts.Status, calls []contracts.BridgeFailures, limits Limits) []string {
	out := []string{}
	if broker := &side.Broker; broker.Error != "" {
		out = append(out, "broker: "+broker.Error)
	}
	if l := side.Broker.Lost; l != nil && (s.Proof == nil || s.Proof.At.Before(l.At)) {
		out = append(out, "broker: "+l.Reason+"; both sides are not proved equal since")
	}
	if s.Held != nil {
		out = append(out, "held: "+s.Held.Reason)
	}
	if s.Brake.Deletions || s.Brake.Replacements {
		out = append(out, "brake: changes of "+s.Peer+" are held as errors until a person lets them through")
	}
	if s.Paused && s.Held == nil { // a held link stands still by itself
		out = append(out, "paused: nothing is sent to "+s.Peer+" until it is resumed")
	}
	out = append(out, bridgeAlarms(s, side.At)...)
	out = append(out, ageAlarms(s, side, calls, limits)...)
	if n := s.States["COLLISION"]; n > 0 {
		out = append(out, fmt.Sprintf("%d orders in collision", n))
	}
	if n := s.States["ERROR"] + s.States["ERROR_SYNCED"]; n > 0 {
		out = append(out, fmt.Sprintf("%d orders in error", n))
	}
	return out
}

// bridgeAlarms says which bridges do not carry anything, and why.
func bridgeAlarms(s *contracts.PeerStatus, now time.Time) []string {
	if len(s.Bridges) == 0 {
		return []string{"no bridge to " + s.Peer + " has reported"}
	}
	replaced := slices.ContainsFunc(s.Bridges, func(b contracts.BridgeReport) bool { return b.State != "silent" })
	var out []string
	for _, b := range s.Bridges {
		name := "bridge " + b.Instance
		switch {
		case b.State == "silent" && replaced: // as after a restart of the bridge
		case b.State == "silent":
			out = append(out, fmt.Sprintf("%s has not reported for %s: it is dead, or cut off from the broker", name, lasted(b.At, now)))
		case b.State == "unauthorized":
			out = append(out, name+" is not authorized: "+b.LastError)
		case b.Circuit != "closed":
			out = append(out, name+" waits, circuit "+b.Circuit+": "+b.LastError)
		case b.HandshakeFailing != nil:
			f := b.HandshakeFailing
			out = append(out, fmt.Sprintf("%s: handshakes with %s have failed for %s, %d in a row: %s", name, s.Peer, lasted(f.Since, now), f.Count, f.Reason))
		case b.State != "running":
			out = append(out, name+" waits: "+b.LastError)
		}
	}
	return out
}

// ageAlarms says what has lasted for too long, whatever the cause.
func ageAlarms(s *contracts.PeerStatus, side *contracts.Status, calls []contracts.BridgeFailures, limits Limits) []string {
	var out []string
	if o := s.Oldest; o != nil && o.Overdue {
		out = append(out, fmt.Sprintf("order %s has been pending for %s (%s), longer than %s: %s",
			o.ID, lasted(o.Since, side.At), o.State, limits.Age, lastAttempt(o.ID, s, calls, side.At)))
	}
	if since := side.OutboxSince; since != nil && limits.overdue(*since, side.At) {
		out = append(out, fmt.Sprintf("the broker has not taken %d hints, the oldest for %s, longer than %s", side.Outbox, lasted(*since, side.At), limits.Age))
	}
	for _, o := range retriedOrders(s) {
		if limits.Deliveries == 0 || o.Deliveries <= limits.Deliveries {
			break
		}
		if s.Oldest == nil || s.Oldest.ID != o.ID || !s.Oldest.Overdue {
			out = append(out, fmt.Sprintf("order %s failed %d times: %s", o.ID, o.Deliveries, attempt(&o, side.At)))
		}
	}
	return out
}

// retriedOrders lists what failed alone at any bridge of a peer, the most often delivered first.
func retriedOrders(s *contracts.PeerStatus) []contracts.RetriedOrder {
	var list []contracts.RetriedOrder
	for _, b := range s.Bridges {
		list = append(list, b.Retried...)
	}
	slices.SortFunc(list, func(x, y contracts.RetriedOrder) int {
		return cmp.Or(cmp.Compare(y.Deliveries, x.Deliveries), y.At.Compare(x.At))
	})
	return slices.CompactFunc(list, func(x, y contracts.RetriedOrder) bool { return x.ID == y.ID })
}

// lastAttempt says how an order failed last, as far as the bridges have reported it.
func lastAttempt(id string, s *contracts.PeerStatus, calls []contracts.BridgeFailures, now time.Time) string {
	for _, o := range retriedOrders(s) {
		if o.ID == id {
			return attempt(&o, now)
		}
	}
	for _, b := range calls {
		for _, c := range b.Calls { // the newest first
			if slices.Contains(c.Orders, id) {
				return fmt.Sprintf("a call about it failed %s ago: %s: %s", lasted(c.At, now), c.Target, c.Reason)
			}
		}
	}
	return "no bridge has reported a failed attempt"
}

func attempt(o *contracts.RetriedOrder, now time.Time) string {
	return fmt.Sprintf("the last attempt, delivery %d, failed %s ago: %s: %s", o.Deliveries, lasted(o.At, now), o.Target, o.Reason)
}

// lasted is how long ago a time is, in whole seconds.
func lasted(since, now time.Time) time.Duration {
	return max(0, now.Sub(since)).Round(time.Second)
}
