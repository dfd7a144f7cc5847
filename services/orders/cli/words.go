package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// needsPerson reports whether an order in a state stays there until someone decides.
func needsPerson(state string) bool {
	return state == "COLLISION" || state == "ERROR" || state == "ERROR_SYNCED"
}

// stateText says how an order stands towards a peer.
func stateText(state, peer string) string {
	switch state {
	case "NEW":
		return "new here, not yet at " + peer
	case "UPD":
		return "changed here, not yet at " + peer
	case "DEL":
		return "deleted here, not yet at " + peer
	case "OK":
		return peer + " acknowledged this version"
	case "DEL_SYNCED":
		return "deleted here, acknowledged by " + peer
	case "COLLISION":
		return "in collision: changed here and at " + peer
	case "ERROR":
		return "in error, not yet reported to " + peer
	case "ERROR_SYNCED":
		return "in error, known to " + peer
	}
	return "unknown at " + peer
}

// why says what an order waits for that is not settled, and of one that is, what shows that the peer still has
// it: this side knows what was acknowledged, and not what became of the peer's database since.
func why(id string, last *contracts.TimelineEvent, p *contracts.PeerStatus, s *contracts.Status) string {
	switch last.Becomes {
	case "COLLISION":
		return "Resolve it: orderbridge collisions show, then resolve."
	case "ERROR", "ERROR_SYNCED":
		return "It needs a person: " + last.Reason
	case "NEW", "UPD", "DEL":
		return onTheWay(id, last.At, p, s)
	case "OK", "DEL_SYNCED":
		return verified(last.At, p, s)
	}
	return ""
}

// verified says what the last proof of equality shows of an acknowledgement.
func verified(since time.Time, p *contracts.PeerStatus, s *contracts.Status) string {
	if p.Proof == nil {
		return "No comparison has shown yet that " + p.Peer + " still has it: orderbridge reconciliations start " + p.Peer + " --wait"
	}
	proof := fmt.Sprintf("%s ago, at %s:%d / %s:%d", age(p.Proof.At, s.At), s.Side, p.Proof.Position, p.Peer, p.Proof.PeerPosition)
	if p.Proof.At.Before(since) {
		return "The last equality proof is older, " + proof + ". For a new one: orderbridge reconciliations start " + p.Peer + " --wait"
	}
	return "All orders were verified equal after that, " + proof + "."
}

// onTheWay says what stops the way to a peer, from here on.
func onTheWay(id string, since time.Time, p *contracts.PeerStatus, s *contracts.Status) string {
	switch {
	case p.Held != nil:
		return "The link to " + p.Peer + " is held until someone confirms the plan: " + p.Held.Reason
	case !s.Broker.Connected:
		return "The broker is unreachable; the order is sent when it is back."
	case s.Broker.Error != "":
		return "The broker has a problem: " + s.Broker.Error
	case p.Paused:
		return "Paused: nothing is sent to " + p.Peer + " until it is resumed."
	case len(p.Bridges) == 0:
		return "No bridge to " + p.Peer + " is running."
	}
	if failed := lastFailure(id, p, s); failed != "" {
		return failed
	}
	blocked, running := "", false
	for _, b := range p.Bridges {
		switch {
		case b.State == "silent":
			if blocked == "" {
				blocked = "No bridge to " + p.Peer + " is running: the last report was " + age(b.At, s.At) + " ago."
			}
		case b.State == "unauthorized":
			blocked = p.Peer + " refuses the bridge: " + b.LastError
		case b.State == "waiting" || b.Circuit != "closed":
			blocked = "The bridge waits for " + p.Peer + ": " + b.LastError
			if wait := b.RetryAt.Sub(s.At); wait > 0 {
				blocked += fmt.Sprintf("; next attempt in %s", wait.Round(time.Second))
			}
		default:
			running = true // one is enough
		}
	}
	if !running {
		return blocked
	}
	if s.OutboxSince != nil && s.At.Sub(*s.OutboxSince) > promptly {
		return fmt.Sprintf("The broker has not taken %s, the oldest for %s; this one may be among them.", several(int(s.Outbox), "hint"), age(*s.OutboxSince, s.At))
	}
	if s.At.Sub(since) > promptly {
		return fmt.Sprintf("It has been pending for %s. A bridge is running, and no failed attempt is known: %d are pending, %d are being sent.",
			age(since, s.At), p.Pending, handed(p))
	}
	return "A bridge is running, and it has been pending for " + age(since, s.At) + "."
}

// promptly is how soon an order is usually at the peer, with much to spare.
const promptly = 10 * time.Second

func handed(p *contracts.PeerStatus) int64 {
	if p.Consumer == nil {
		return 0
	}
	return p.Consumer.AckPending
}

// lastFailure says how an order failed last, and when it is tried again; empty when it is not known to fail.
func lastFailure(id string, p *contracts.PeerStatus, s *contracts.Status) string {
	for _, b := range p.Bridges {
		for _, o := range b.Retried {
			if o.ID != id {
				continue
			}
			text := fmt.Sprintf("The bridge failed to send it %s, last %s ago (%s): %s", several(int(o.Deliveries), "time"), age(o.At, s.At), o.Target, o.Reason)
			if wait := o.RetryAt.Sub(s.At); wait > 0 {
				text += fmt.Sprintf("; next attempt in %s", wait.Round(time.Second))
			}
			return text
		}
	}
	return ""
}

// what says what happened.
func what(e *contracts.TimelineEvent) string {
	if e.Event == "edited" && (e.Was == "DEL" || e.Was == "DEL_SYNCED") {
		return "restored here"
	}
	switch e.Event {
	case "created", "edited", "deleted":
		return e.Event + " here"
	case "acknowledged":
		return "acknowledged by " + e.Peer
	case "resolved":
		return "resolved here, against " + e.Peer + "'s version"
	case "retried":
		return "retried towards " + e.Peer
	case "relayed":
		return "relayed to " + e.Peer + wayOf(e)
	}
	came := "received from " + e.Peer
	if e.Event == "answered" {
		came = "answered by " + e.Peer
	}
	if e.Remark == "" {
		return fmt.Sprintf("%s: %s became %s", came, nothing(e.Was), nothing(e.Becomes))
	}
	return fmt.Sprintf("%s: %s (%s)", came, e.Remark, nothing(e.Becomes))
}

// wayOf says which peer something came from that was relayed to another one.
func wayOf(e *contracts.TimelineEvent) string {
	if role, from, _ := strings.Cut(e.Actor, ":"); role == "peer" || role == "bridge" {
		return ", by way of " + from
	}
	return ""
}

func nothing(state string) string {
	if state == "" {
		return "nothing"
	}
	return state
}
