package bridge

import (
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/settings"
)

// remote is a peer as it is set.
type remote struct {
	name, url, token         string
	urlSetting, tokenSetting string
}

// peers reads the peers of the settings, and reports what is wrong with them, but for the tokens themselves.
func (c Config) peers(fault func(name, format string, args ...any)) []remote {
	list, nameSetting := []remote{{c.Peer, c.RemoteURL, c.RemoteToken, "REMOTE_URL", "REMOTE_TOKEN"}}, "PEER"
	if c.Peers != "" {
		list, nameSetting = c.severalPeers(fault), "PEERS"
	} else if c.RemoteTokens != "" {
		fault("REMOTE_TOKENS", "needs BRIDGE_PEERS; the token at one peer is BRIDGE_REMOTE_TOKEN")
	}
	for _, p := range list {
		if !sideName.MatchString(p.name) {
			fault(nameSetting, "must match %s", sideName)
		}
		if p.name == c.Side {
			fault(nameSetting, "must differ from BRIDGE_SIDE")
		}
		if why := originFault(p.url); why != "" {
			fault(p.urlSetting, "%s", why)
		}
		if strings.TrimSuffix(c.LocalURL, "/") == strings.TrimSuffix(p.url, "/") {
			fault(p.urlSetting, "must differ from BRIDGE_LOCAL_URL")
		}
	}
	return list
}

func (c Config) severalPeers(fault func(name, format string, args ...any)) (list []remote) {
	for _, s := range []settings.Pair{{Name: "PEER", Value: c.Peer}, {Name: "REMOTE_URL", Value: c.RemoteURL}, {Name: "REMOTE_TOKEN", Value: c.RemoteToken}} {
		if s.Value != "" {
			fault(s.Name, "must not be set beside BRIDGE_PEERS, which is for several peers, with BRIDGE_REMOTE_TOKENS")
		}
	}
	pairs, err := settings.Pairs(c.Peers)
	if err != nil {
		fault("PEERS", "%v", err)
	} else if len(pairs) == 0 {
		fault("PEERS", "must name a peer")
	}
	tokens, err := settings.Pairs(c.RemoteTokens)
	if err != nil {
		fault("REMOTE_TOKENS", "%v", err)
	}
	for _, p := range pairs {
		one := remote{name: p.Name, url: p.Value, urlSetting: "PEERS: " + p.Name, tokenSetting: "REMOTE_TOKENS: " + p.Name}
		if i := slices.IndexFunc(tokens, func(t settings.Pair) bool { return t.Name == p.Name }); i >= 0 {
			one.token = tokens[i].Value
			tokens = slices.Delete(tokens, i, i+1)
		}
		list = append(list, one)
	}
	for _, t := range tokens {
		fault("REMOTE_TOKENS", "has a token for %s, which BRIDGE_PEERS does not name", t.Name)
	}
	return list
}

// remotes are the peers of settings that were validated.
func (c Config) remotes() []remote { return c.peers(func(string, string, ...any) {}) }
