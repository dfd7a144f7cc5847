package access

import "slices"

// Role is what a caller may do.
type Role string

// The roles. Those of bridges both bring news of the peer; with neither can one edit as a person of
// this side, or see the admin. People have one of the last three.
const (
	Client   Role = "client"   // orders
	Peer     Role = "peer"     // the bridge of a peer: requests about that side's orders
	Bridge   Role = "bridge"   // the own bridge: lookups, and the peer's answers
	Metrics  Role = "metrics"  // monitoring
	Viewer   Role = "viewer"   // sees everything in the admin but people and tokens
	Operator Role = "operator" // and changes orders, settles, retries, pauses
	Admin    Role = "admin"    // and changes who may do what
)

// Roles are all roles.
var Roles = []Role{Client, Peer, Bridge, Metrics, Viewer, Operator, Admin}

// People are the roles that a person can have, each with all rights of those before it.
var People = []Role{Viewer, Operator, Admin}

// AtLeast tells whether a role has the rights of another. Only the roles of people have each other's.
func (r Role) AtLeast(least Role) bool {
	if r == least {
		return true
	}
	wanted := slices.Index(People, least)
	return wanted >= 0 && slices.Index(People, r) > wanted
}

// Caller is whoever a request comes from.
type Caller struct {
	Role    Role
	Actor   string // as the log names it: "user:anna", "admin:token", "client", "peer:b"
	Side    string // that a peer's bridge speaks for; empty for all others
	User    string // the person's name; empty for a token
	Session Hash   // the person's session; zero for a token
}
