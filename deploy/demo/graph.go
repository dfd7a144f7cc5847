//go:build linux

package demo

import (
	"fmt"
	"slices"
	"strings"
)

const (
	sidesMin = 2
	sidesMax = 8
)

// topologies are the graphs that sides can make, each as who is a peer of whom, once for each pair.
var topologies = map[string]func(n int) [][2]int{
	"star": func(n int) (edges [][2]int) {
		for i := 1; i < n; i++ {
			edges = append(edges, [2]int{0, i})
		}
		return edges
	},
	"chain": chain,
	"ring": func(n int) [][2]int {
		if n == 2 {
			return chain(n)
		}
		return append(chain(n), [2]int{0, n - 1})
	},
	"mesh": func(n int) (edges [][2]int) {
		for i := range n {
			for j := i + 1; j < n; j++ {
				edges = append(edges, [2]int{i, j})
			}
		}
		return edges
	},
}

func chain(n int) (edges [][2]int) {
	for i := range n - 1 {
		edges = append(edges, [2]int{i, i + 1})
	}
	return edges
}

// sideNames are the names of n sides.
func sideNames(n int) []string { return strings.Split("abcdefgh"[:n], "") }

// checkGraph refuses a graph that cannot be.
func checkGraph(sides int, topology string) error {
	if sides < sidesMin || sides > sidesMax {
		return fmt.Errorf("--sides must be %d to %d", sidesMin, sidesMax)
	}
	if topologies[topology] == nil {
		return fmt.Errorf("--topology must be star, chain, ring or mesh")
	}
	return nil
}

// connect makes the sides peers of each other, as the graph has them.
func connect(sides []*side, topology string) {
	for _, edge := range topologies[topology](len(sides)) {
		x, y := sides[edge[0]], sides[edge[1]]
		x.peers, y.peers = append(x.peers, y), append(y.peers, x)
	}
	for _, s := range sides {
		slices.SortFunc(s.peers, func(x, y *side) int { return strings.Compare(x.name, y.name) })
		for _, other := range sides {
			if other != s && !slices.Contains(s.peers, other) {
				s.beyond = append(s.beyond, other.name)
			}
		}
		for _, peer := range s.peers {
			s.peerTokens[peer.name] = secret()
		}
	}
}

// pairs writes what there is for each peer as a setting has it.
func (s *side) pairs(of func(peer *side) string) string {
	var out []string
	for _, peer := range s.peers {
		out = append(out, peer.name+"="+of(peer))
	}
	return strings.Join(out, " ")
}

func namesOf(sides []*side) string {
	var names []string
	for _, s := range sides {
		names = append(names, s.name)
	}
	if len(names) == 2 {
		return names[0] + " and " + names[1]
	}
	return strings.Join(names, ", ")
}
