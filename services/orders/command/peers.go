package command

import (
	"net/url"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/services/orders/admin"
	"github.com/orderbridge/orderbridge/settings"
)

// peer is a side that this one exchanges orders with, as it is set.
type peer struct {
	name, url string
	tokens    string // of its bridge; two, separated by a comma, while one is rotated
	setting   string // that the tokens are from
}

// peers reads the peers of the settings, and reports what is wrong with them.
func (c *Config) peers(fault func(name, format string, args ...any)) []peer {
	if c.Peers == "" {
		return c.onePeer(fault)
	}
	for name, value := range map[string]string{"PEER": c.Peer, "PEER_URL": c.PeerURL, "PEER_TOKEN": c.PeerToken} {
		if value != "" {
			fault(name, "must not be set beside %s_PEERS, which is for several peers, with %s_PEER_TOKENS", Prefix, Prefix)
		}
	}
	pairs, err := settings.Pairs(c.Peers)
	if err != nil {
		fault("PEERS", "%v", err)
	} else if len(pairs) == 0 {
		fault("PEERS", "must name a peer")
	}
	tokens, err := settings.Pairs(c.PeerTokens)
	if err != nil {
		fault("PEER_TOKENS", "%v", err)
	}
	var out []peer
	for _, p := range pairs {
		if !sideName.MatchString(p.Name) || p.Name == c.Side {
			fault("PEERS", "must name other sides, in lower-case letters, digits and hyphens, at most 16")
		}
		if !isOrigin(p.Value) {
			fault("PEERS", "must have an origin for %s, http(s)://host:port", p.Name)
		}
		one := peer{name: p.Name, url: p.Value, setting: "PEER_TOKENS of " + p.Name}
		if i := slices.IndexFunc(tokens, func(t settings.Pair) bool { return t.Name == p.Name }); i >= 0 {
			one.tokens = tokens[i].Value
			tokens = slices.Delete(tokens, i, i+1)
		}
		out = append(out, one)
	}
	for _, t := range tokens {
		fault("PEER_TOKENS", "has a token of %s, which %s_PEERS does not name", t.Name, Prefix)
	}
	return out
}

// onePeer reads the settings of a side with one peer.
func (c *Config) onePeer(fault func(name, format string, args ...any)) []peer {
	if !sideName.MatchString(c.Peer) || c.Peer == c.Side {
		fault("PEER", "must be the name of another side; for several there is %s_PEERS", Prefix)
	}
	if !isOrigin(c.PeerURL) {
		fault("PEER_URL", "must be an origin, http(s)://host:port")
	}
	if c.PeerTokens != "" {
		fault("PEER_TOKENS", "needs %s_PEERS; the tokens of one peer are %s_PEER_TOKEN", Prefix, Prefix)
	}
	return []peer{{name: c.Peer, url: c.PeerURL, tokens: c.PeerToken, setting: "PEER_TOKEN"}}
}

// others are the peers of settings that were validated.
func (c *Config) others() []peer {
	return c.peers(func(string, string, ...any) {})
}

// peerNames are the names of the peers of settings that were validated.
func (c *Config) peerNames() []string {
	var names []string
	for _, p := range c.others() {
		names = append(names, p.name)
	}
	return names
}

// adminPeers are the peers as the admin shows them.
func (c *Config) adminPeers() []admin.Peer {
	var list []admin.Peer
	for _, p := range c.others() {
		list = append(list, admin.Peer{Name: p.name, URL: p.url})
	}
	return list
}

// isOrigin reports whether an address is a scheme, a host and perhaps a port, and nothing else.
func isOrigin(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == ""
}
