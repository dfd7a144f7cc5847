package web

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// step is one thing that happened to an order, in words.
type step struct {
	contracts.TimelineEvent
	Where string // the side at which it happened, or both
	Class string // of Where: here, there or both
	Tone  string
	Text  string
	Who   string
	Told  string    // how this side knows, where it happened at the other
	Made  time.Time // when the author wrote it, by the clock there; only of the present content
}

// storyOf tells what happened on both sides, newest first. It is this side's log that tells: what was
// done at a peer is known by the keys of the version that came from there, and when it came. Present is
// the order as it is now, or nothing of it.
func storyOf(tl *contracts.Timeline, present *contracts.SyncView) []step {
	var out []step
	known := contracts.Version{}
	for _, e := range tl.Events {
		s := step{TimelineEvent: e, Where: tl.Side, Class: "here", Tone: "busy", Who: who(e.Actor)}
		authors := writers(e.Version, known)
		switch e.Event {
		case "created":
			s.Text = "Created"
		case "edited":
			s.Text = "Changed"
			if s.Was == "DEL" || s.Was == "DEL_SYNCED" {
				s.Text = "Brought back"
			}
		case "deleted":
			s.Text = "Deleted"
		case "resolved":
			s.Text = "Settled"
		case "retried":
			s.Text = "Tried again"
		case "relayed":
			s.Text = "Relayed to " + e.Peer
			if role, from, _ := strings.Cut(e.Actor, ":"); role == "peer" || role == "bridge" { // who carried it is not who made it
				s.Who, s.Told = "", "by way of "+from
			}
		case "acknowledged":
			s.at(e.Peer)
			s.Text, s.Tone, s.Told = "Taken over: "+e.Peer+" has it too", "good", "told by "+e.Peer
			if e.Deleted {
				s.Text = "Deleted there too"
			}
		case "received", "answered":
			s.fromPeer(tl.Side, authors)
			if authors != nil && present != nil && s.Class == "there" && maps.Equal(e.Version, present.Version) {
				s.Made = present.UpdatedAt
			}
		default:
			s.Text = words(e.Event)
		}
		for key, n := range e.Version {
			known[key] = max(known[key], n)
		}
		out = append(out, s)
	}
	slices.Reverse(out)
	return out
}

// at says that a step happened at a peer.
func (s *step) at(peer string) { s.Where, s.Class = peer, "there" }

// fromPeer says what news of a peer were. Authors are the sides whose content came with it.
func (s *step) fromPeer(side string, authors []string) {
	s.Who = "" // who carried the news is not who made them
	s.Told = "told by " + s.Peer
	if s.Event == "answered" {
		s.Told += " in its answer to " + side
	}
	switch {
	case s.Becomes == "COLLISION":
		s.Where, s.Class, s.Tone, s.Text = side+" and "+s.Peer, "both", "bad", "Collided: both had changed it without knowing of each other"
		return
	case s.Becomes == "ERROR":
		s.Tone, s.Text = "bad", "Refused what came from "+s.Peer
		if strings.HasPrefix(s.Reason, contracts.BrakeReason) {
			s.Text = "Held what came from " + s.Peer
		}
		return
	case s.Becomes == "ERROR_SYNCED":
		s.at(s.Peer)
		s.Tone, s.Text = "bad", "Refused"
		return
	case slices.Contains(authors, side):
		s.Text = "Put together with a change of " + s.Peer
		return
	}
	s.at(s.Peer)
	s.Tone = "good"
	switch {
	case len(authors) == 0:
		s.Text = "News that change nothing here"
	case s.Was == "COLLISION":
		s.Text = "Settled"
	case s.Deleted:
		s.Text = "Deleted"
	case s.Was == "":
		s.Text = "Created"
	case s.Was == "DEL_SYNCED":
		s.Text = "Brought back"
	default:
		s.Text = "Changed"
	}
	if len(authors) > 0 {
		s.Told += " and taken over here"
		if !slices.Contains(authors, s.Peer) {
			s.Where = strings.Join(authors, ", ")
			s.Told = "by way of " + s.Peer + ", " + s.Told
		}
	}
}

// writers are the sides that wrote what a version has and what was known before has not, by name.
func writers(v, known contracts.Version) []string {
	var out []string
	for key, n := range v {
		side, _, _ := strings.Cut(key, ".")
		if n > known[key] && !slices.Contains(out, side) {
			out = append(out, side)
		}
	}
	slices.Sort(out)
	return out
}
