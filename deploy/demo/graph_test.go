//go:build linux

package demo

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTopologies(t *testing.T) {
	for want, c := range map[string]struct {
		topology string
		n        int
	}{
		"a:b b:a":                 {"star", 2},
		"a:b b:a ":                {"ring", 2},
		"a:bcd b:a c:a d:a":       {"star", 4},
		"a:b b:ac c:bd d:c":       {"chain", 4},
		"a:bd b:ac c:bd d:ac":     {"ring", 4},
		"a:bcd b:acd c:abd d:abc": {"mesh", 4},
		"a:bc b:ac c:ab":          {"mesh", 3},
	} {
		require.NoError(t, checkGraph(c.n, c.topology))
		var got []string
		for _, s := range newSides(&folder{path: "/x"}, 8080, c.n, c.topology) {
			one := s.name + ":"
			for _, peer := range s.peers {
				one += peer.name
				require.NotEmpty(t, s.peerTokens[peer.name])
				require.NotEqual(t, s.peerTokens[peer.name], peer.peerTokens[s.name])
			}
			require.Len(t, s.beyond, c.n-1-len(s.peers))
			got = append(got, one)
		}
		require.Equal(t, strings.Fields(want), got)
	}
	require.ErrorContains(t, checkGraph(1, "star"), "--sides")
	require.ErrorContains(t, checkGraph(9, "star"), "--sides")
	require.ErrorContains(t, checkGraph(3, "tree"), "--topology")
}

func TestSettingsOfSeveralPeers(t *testing.T) {
	a := newSides(&folder{path: "/x"}, 8080, 3, "star")[0]
	require.Equal(t, "b=http://127.0.0.1:8180 c=http://127.0.0.1:8280", a.serviceSettings()["ORDERS_PEERS"])
	require.Equal(t, "b="+a.peerTokens["b"]+" c="+a.peerTokens["c"], a.serviceSettings()["ORDERS_PEER_TOKENS"])
	require.Equal(t, "c="+a.peers[1].peerTokens["a"], strings.Fields(a.bridgeSettings()["BRIDGE_REMOTE_TOKENS"])[1])
	c := a.peers[1]
	require.Equal(t, "a", c.serviceSettings()["ORDERS_PEER"])
	require.Equal(t, "b", c.serviceSettings()["ORDERS_SIDES"])
}
