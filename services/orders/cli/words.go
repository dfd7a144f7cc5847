package cli

import (
	"fmt"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// needsPerson tells that an order in a state stays there until somebody decides.
func needsPerson(state string) bool {
	return state == "COLLISION" || state == "ERROR" || state == "ERROR_SYNCED"
}

// stateText says how an order stands towards a peer.
func stateText(state, peer string) string {
	switch state {
	case "NEW":
		return "new here, and not at " + peer + " yet"
	case "UPD":
		return "changed here, and not at " + peer + " yet"
	case "DEL":
		return "deleted here, and not at " + peer + " yet"
	case "OK":
		return "the same here and at " + peer
	case "DEL_SYNCED":
		return "deleted here and at " + peer
	case "COLLISION":
		return "in collision: changed here and at " + peer
	case "ERROR":
		return "in error, and " + peer + " does not know yet"
	case "ERROR_SYNCED":
		return "in error, and " + peer + " knows"
	}
	return "unknown at " + peer
}

// why says what an order waits for that is not settled; empty when it waits for nothing.
func why(last *contracts.TimelineEvent, p *contracts.PeerStatus, s *contracts.Status) string {
	switch last.Becomes {
	case "COLLISION":
		return "It waits for a person: orderbridge collisions show, then resolve."
	case "ERROR", "ERROR_SYNCED":
		return "It waits for a person: " + last.Reason
	case "NEW", "UPD", "DEL":
		return onTheWay(p, s)
	}
	return ""
}

// onTheWay says what stops the way to a peer, from here on.
func onTheWay(p *contracts.PeerStatus, s *contracts.Status) string {
	switch {
	case p.Held != nil:
		return "The link to " + p.Peer + " is held until a person confirms: " + p.Held.Reason
	case !s.Broker.Connected:
		return "The broker cannot be reached; it is told when the broker is back."
	case s.Broker.Error != "":
		return "The broker has a problem: " + s.Broker.Error
	case p.Paused:
		return "Paused by a person: nothing is sent to " + p.Peer + " until it is resumed."
	case len(p.Bridges) == 0:
		return "No bridge to " + p.Peer + " is running."
	}
	blocked := ""
	for _, b := range p.Bridges {
		switch {
		case b.State == "unauthorized":
			blocked = p.Peer + " does not let the bridge in: " + b.LastError
		case b.State == "waiting" || b.Circuit != "closed":
			blocked = "The bridge waits for " + p.Peer + ": " + b.LastError
			if wait := b.RetryAt.Sub(s.At); wait > 0 {
				blocked += fmt.Sprintf("; next try in %s", wait.Round(time.Second))
			}
		default:
			return "It is on its way." // one bridge that runs is enough
		}
	}
	return blocked
}

// what says what happened.
func what(e *contracts.TimelineEvent) string {
	if e.Event == "edited" && (e.Was == "DEL" || e.Was == "DEL_SYNCED") {
		return "brought back here"
	}
	switch e.Event {
	case "created", "edited", "deleted":
		return e.Event + " here"
	case "acknowledged":
		return e.Peer + " has it"
	case "resolved":
		return "settled here, against " + e.Peer + "'s version"
	case "retried":
		return "tried again towards " + e.Peer
	}
	came := "came from " + e.Peer
	if e.Event == "answered" {
		came = "answered by " + e.Peer
	}
	if e.Remark == "" {
		return fmt.Sprintf("%s: %s became %s", came, nothing(e.Was), nothing(e.Becomes))
	}
	return fmt.Sprintf("%s: %s (%s)", came, e.Remark, nothing(e.Becomes))
}

func nothing(state string) string {
	if state == "" {
		return "nothing"
	}
	return state
}
