package contracts

import "time"

// History is the answer of GET /admin/api/history: figures of the last hour, as the process that
// answers has seen them.
type History struct {
	EverySeconds int           `json:"everySeconds"` // from one sample to the next
	Peers        []PeerHistory `json:"peers"`
}

// PeerHistory is the figures towards one peer, oldest first.
type PeerHistory struct {
	Peer    string   `json:"peer"`
	Samples []Sample `json:"samples"`
}

// Sample is the figures of one moment, and what happened since the sample before.
type Sample struct {
	At            time.Time `json:"at"`
	Pending       int64     `json:"pending"`       // orders that the peer must still be told about
	OldestSeconds float64   `json:"oldestSeconds"` // how long the oldest of them has waited
	Sent          int64     `json:"sent"`          // orders that the bridges settled with the peer
	Received      int64     `json:"received"`      // changes that came from the peer
}
