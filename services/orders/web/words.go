package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// said is something said in words, with the tone that it is shown in.
type said struct {
	Tone string // good, busy, wait, bad or none
	Text string
}

// stateWords says how an order stands towards a peer.
func stateWords(state, peer string) said {
	switch state {
	case "NEW":
		return said{"busy", "New, not yet at " + peer}
	case "UPD":
		return said{"busy", "Changed, not yet at " + peer}
	case "OK":
		return said{"good", "In step with " + peer}
	case "DEL":
		return said{"busy", "Deleted here, not yet at " + peer}
	case "DEL_SYNCED":
		return said{"none", "Deleted on both sides"}
	case "COLLISION":
		return said{"bad", "Collision: changed here and at " + peer}
	case "ERROR":
		return said{"bad", "In error, not yet reported to " + peer}
	case "ERROR_SYNCED":
		return said{"bad", "In error, known to both sides"}
	}
	return said{"none", "Unknown to " + peer}
}

// stateNames are the states for filters, in the order in which people look for them.
var stateNames = []struct{ Code, Text string }{
	{"OK", "In step"},
	{"NEW", "New, not yet there"},
	{"UPD", "Changed, not yet there"},
	{"DEL", "Deleted here, not yet there"},
	{"COLLISION", "In collision"},
	{"ERROR", "In error, not yet reported"},
	{"ERROR_SYNCED", "In error, known to both"},
	{"DEL_SYNCED", "Deleted on both sides"},
}

// words turns a name of the wire into words: on_hold is "On hold".
func words(name string) string {
	if name == "" {
		return ""
	}
	text := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// statusTone is the tone of an order's status.
func statusTone(s contracts.OrderStatus) string {
	switch s {
	case contracts.StatusCompleted:
		return "good"
	case contracts.StatusOnHold:
		return "wait"
	case contracts.StatusCancelled:
		return "none"
	case contracts.StatusDraft, contracts.StatusPending, contracts.StatusConfirmed, contracts.StatusProcessing:
		return "busy"
	}
	return "none"
}

// standing is how an order stands towards a peer, for people.
type standing struct {
	said
	Peer   string
	State  string
	Since  time.Time
	Detail string // why, and what comes next
	Link   string // where a person can do something about it
}

// standingOf says how an order stands towards a peer, and what holds it up.
func standingOf(id string, l contracts.LinkView, s *contracts.Status, now time.Time) standing {
	out := standing{said: stateWords(l.State, l.Peer), Peer: l.Peer, State: l.State, Since: l.Since}
	switch l.State {
	case "COLLISION":
		out.Detail = "both versions are kept until someone resolves it."
		out.Link = "/admin/collisions/" + id + "?peer=" + l.Peer
	case "ERROR", "ERROR_SYNCED":
		out.Detail = l.Reason
		out.Link = "/admin/errors?q=" + id
	case "NEW", "UPD", "DEL":
		out.Text = fmt.Sprintf("Pending for %s", l.Peer)
		out.Detail = holdUp(id, l.Peer, s, now)
	case "OK", "DEL_SYNCED":
		out.Detail = l.Peer + " has acknowledged this version."
	}
	return out
}

// holdUp says why orders are not at a peer yet.
func holdUp(id, peer string, s *contracts.Status, now time.Time) string {
	if s == nil {
		return "the reason is not known."
	}
	for i := range s.Peers {
		if p := &s.Peers[i]; p.Peer == peer {
			if where, why := stopped(p, &s.Broker, now); where != flowing {
				return strings.ToLower(why[:1]) + why[1:] // it follows a colon
			}
			if failed := lastFailure(id, p, now); failed != "" {
				return failed
			}
		}
	}
	return "a bridge is running, and no failed attempt is known."
}

// lastFailure says how the bridge failed with an order last; empty when it is not known to fail.
func lastFailure(id string, p *contracts.PeerStatus, now time.Time) string {
	for _, b := range p.Bridges {
		for _, o := range b.Retried {
			if o.ID == id {
				return fmt.Sprintf("the bridge failed to send it %s, last %s: %s%s.", times(o.Deliveries), ago(o.At, now), o.Reason, nextTry(o.RetryAt, now))
			}
		}
	}
	return ""
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return number(n) + " times"
}

// place is where the way to a peer is stopped.
type place uint8

const (
	flowing place = iota
	atBroker
	atBridge
	atPeer
)

// stopped tells where the way to a peer is stopped, and why, in words.
func stopped(p *contracts.PeerStatus, b *contracts.BrokerStatus, now time.Time) (place, string) {
	switch {
	case !b.Connected:
		return atBroker, "The broker is unreachable. Changes are kept until it is back."
	case b.Error != "":
		return atBroker, "The broker has a problem: " + b.Error + "."
	case p.Held != nil:
		return atBridge, "Held until someone confirms the plan: " + p.Held.Reason + "."
	case p.Paused:
		return atBridge, "Paused: nothing is sent to " + p.Peer + " until someone resumes it."
	case len(p.Bridges) == 0:
		return atBridge, "No bridge to " + p.Peer + " is running."
	}
	where, why := atPeer, ""
	for _, r := range p.Bridges {
		switch {
		case r.State == "silent":
			where, why = atBridge, "The bridge to "+p.Peer+" last reported "+ago(r.At, now)+": it has stopped, or cannot reach the broker."
		case r.State == "unauthorized":
			why = p.Peer + " refuses our bridge: " + reason(r.LastError) + "."
		case r.Circuit != "closed" || r.State == "waiting":
			why = words(reason(r.LastError)+nextTry(r.RetryAt, now)) + "."
		default:
			return flowing, "" // one bridge that runs is enough
		}
	}
	return where, why
}

func nextTry(at, now time.Time) string {
	if d := at.Sub(now); d > 0 {
		return ", next try in " + duration(d.Round(time.Second))
	}
	return ", retrying"
}

// reason turns what a program says of a failure into words, where it is one of the usual ones.
func reason(text string) string {
	for _, known := range []struct{ part, words string }{
		{"connection refused", "connection refused"},
		{"no such host", "unknown host name"},
		{"no whole response", "incomplete answers"},
		{"deadline exceeded", "no answer in time"},
		{"timeout", "no answer in time"},
	} {
		if strings.Contains(text, known.part) {
			return known.words
		}
	}
	if text == "" {
		return "unreachable"
	}
	return text
}

// who says who did something: people by name, programs as what they are.
func who(actor string) string {
	kind, name, named := strings.Cut(actor, ":")
	switch {
	case kind == "user":
		return name
	case kind == "peer" && named: // which the step itself tells
		return ""
	case kind == "token":
		return "the program " + name
	case kind == "client":
		return "a program"
	case kind == "admin":
		return "an administrator's token"
	}
	return actor
}
