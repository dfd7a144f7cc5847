package web

import (
	"fmt"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// flow is the way of changes from this side to a peer and back, with what is under way on each leg.
type flow struct {
	label string
	nodes [4]node // side, broker, bridge, peer
	out   [3]leg  // between them
	back  leg     // from the peer to this side
}

type node struct {
	Name, Kind, Note string
	X, Y, W, H       int
}

// CX is the middle of a node, and CY the line of its name.
func (n node) CX() int { return n.X + n.W/2 }

// CY is where the name stands, with two lines below it.
func (n node) CY() int { return n.Y + n.H/2 - 8 }

// leg is a piece of the way: Tone is flow, idle or stop.
type leg struct {
	Tone, Count, Note string
	X1, Y1, X2, Y2    int
	LX, LY            int    // of the count
	NX, NY            int    // of the note
	Anchor            string // of both
}

// Tip is the head of the arrow.
func (l leg) Tip() string {
	const size = 7
	switch {
	case l.X2 > l.X1:
		return fmt.Sprintf("M%d %dl-%d -%dv%dz", l.X2+2, l.Y2, size, size-2, 2*(size-2))
	case l.X2 < l.X1:
		return fmt.Sprintf("M%d %dl%d -%dv%dz", l.X2-2, l.Y2, size, size-2, 2*(size-2))
	case l.Y2 > l.Y1:
		return fmt.Sprintf("M%d %dl-%d -%dh%dz", l.X2, l.Y2+2, size-2, size, 2*(size-2))
	}
	return fmt.Sprintf("M%d %dl-%d %dh%dz", l.X2, l.Y2-2, size-2, size, 2*(size-2))
}

// Mid is where a stop is marked.
func (l leg) Mid() struct{ X, Y int } {
	return struct{ X, Y int }{(l.X1 + l.X2) / 2, (l.Y1 + l.Y2) / 2}
}

// picture is a flow laid out.
type picture struct {
	Class, Label string
	W, H         int
	Nodes        []node
	Legs         []leg
}

func flowOf(s *contracts.Status, p *contracts.PeerStatus, heard, now time.Time) *flow {
	where, why := stopped(p, &s.Broker, now)
	f := &flow{nodes: [4]node{
		{Name: s.Side, Kind: "this side"},
		{Name: "broker", Kind: "holds the hints", Note: brokerNote(&s.Broker)},
		{Name: "bridge", Kind: "sends", Note: bridgeNote(p, &s.Broker)},
		{Name: p.Peer, Kind: "peer"},
	}}
	counts := [3]int64{s.Outbox, 0, 0}
	if p.Consumer != nil {
		counts[1], counts[2] = p.Consumer.Pending, p.Consumer.AckPending
	}
	notes := [3]string{"to publish", "pending", "under way"}
	known := p.Consumer != nil
	for i := range f.out {
		f.out[i] = leg{Tone: "idle", Count: number(counts[i]), Note: notes[i]}
		if i > 0 && !known { // only the broker could tell
			f.out[i].Count, f.out[i].Note = "", "not known"
		}
		if counts[i] > 0 {
			f.out[i].Tone = "flow"
		}
		if where == place(i+1) {
			f.out[i].Tone = "stop"
		}
	}
	f.back = leg{Tone: "idle", Note: "nothing in the last hour"}
	if !heard.IsZero() {
		f.back.Note = "last received " + ago(heard, now)
		if now.Sub(heard) < 15*time.Second {
			f.back.Tone = "flow"
		}
	}
	f.label = fmt.Sprintf("The way from %s to %s: %d to publish to the broker, ", s.Side, p.Peer, counts[0])
	if known {
		f.label += fmt.Sprintf("%d pending there, %d under way. ", counts[1], counts[2])
	} else {
		f.label += "what is pending there is not known. "
	}
	if where != flowing {
		f.label += "Blocked: " + why
	} else {
		f.label += "Open."
	}
	return f
}

// bridgeNote counts the bridges. They report by way of the broker.
func bridgeNote(p *contracts.PeerStatus, b *contracts.BrokerStatus) string {
	switch {
	case !b.Connected:
		return "state not known"
	case len(p.Bridges) == 1:
		return "1 process"
	}
	return fmt.Sprintf("%d processes", len(p.Bridges))
}

func brokerNote(b *contracts.BrokerStatus) string {
	switch {
	case !b.Connected:
		return "not reachable"
	case b.Embedded:
		return "within the service"
	}
	return "connected"
}

// wide lays the flow out from left to right.
func (f *flow) wide() picture {
	p := picture{Class: "wide", Label: f.label, W: 920, H: 206}
	at := [4]int{0, 250, 510, 770}
	for i, n := range f.nodes {
		n.X, n.W, n.Y, n.H = at[i], 150, 0, 92
		if i == 0 || i == 3 {
			n.H = 206
		}
		p.Nodes = append(p.Nodes, n)
	}
	for i, l := range f.out {
		l.X1, l.X2, l.Y1, l.Y2 = at[i]+150+8, at[i+1]-8, 46, 46
		l.LX, l.LY, l.NX, l.NY, l.Anchor = (l.X1+l.X2)/2, 29, (l.X1+l.X2)/2, 74, "middle"
		p.Legs = append(p.Legs, l)
	}
	b := f.back
	b.X1, b.X2, b.Y1, b.Y2 = 770-8, 150+8, 160, 160
	b.LX, b.LY, b.NX, b.NY, b.Anchor = 460, 148, 460, 184, "middle"
	p.Legs = append(p.Legs, b)
	return p
}

// tall lays it out from top to bottom.
func (f *flow) tall() picture {
	p := picture{Class: "tall", Label: f.label, W: 330, H: 536}
	for i, n := range f.nodes {
		n.X, n.W, n.Y, n.H = 0, 132, i*152, 80
		if i == 0 || i == 3 {
			n.W = 330
		}
		p.Nodes = append(p.Nodes, n)
	}
	for i, l := range f.out {
		l.X1, l.X2, l.Y1, l.Y2 = 66, 66, i*152+80+6, (i+1)*152-6
		l.LX, l.LY, l.NX, l.NY, l.Anchor = 86, (l.Y1+l.Y2)/2-2, 86, (l.Y1+l.Y2)/2+16, "start"
		p.Legs = append(p.Legs, l)
	}
	b := f.back
	b.X1, b.X2, b.Y1, b.Y2 = 300, 300, 3*152-6, 80+6
	b.LX, b.LY, b.NX, b.NY, b.Anchor = 0, -20, 288, 196, "end"
	p.Legs = append(p.Legs, b)
	return p
}
