package web

import (
	"net/http"

	"github.com/orderbridge/orderbridge/contracts"
)

type statesPage struct {
	contracts.StateTable
	All   contracts.Status
	Peers []string
}

func (o *statesPage) status() *contracts.Status { return &o.All }

// Count is how many orders are in a state towards a peer.
func (o *statesPage) Count(state, peer string) int64 {
	for _, p := range o.All.Peers {
		if p.Peer == peer {
			return p.States[state]
		}
	}
	return 0
}

func (p *Pages) states(w http.ResponseWriter, r *http.Request) {
	out := &statesPage{}
	var err error
	if out.StateTable, err = read[contracts.StateTable](p, r, "/admin/api/states"); err == nil {
		out.All, err = read[contracts.Status](p, r, "/admin/api/status")
	}
	if err != nil {
		p.fail(w, r, "states", err)
		return
	}
	for _, peer := range out.All.Peers {
		out.Peers = append(out.Peers, peer.Peer)
	}
	p.show(w, r, http.StatusOK, "states", "states", "State table", out)
}

// explain says what a row of the table means.
func explain(row contracts.TableRow) string {
	before := map[string]string{
		"NEW": "we had made the order ourselves", "UPD": "we had changed the order ourselves", "OK": "both had the same", "DEL": "we had deleted the order ourselves",
		"DEL_SYNCED": "both had deleted it", "COLLISION": "it was in collision already", "ERROR": "we had refused it", "ERROR_SYNCED": "both knew of an error",
		"-": "we did not have the order", "any": "however the order stood",
	}[row.Was]
	news := map[string]string{
		"NEW": "the peer tells of a new order", "UPD": "the peer tells of a change", "OK": "the peer says that it has our version", "DEL": "the peer has deleted it",
		"DEL_SYNCED": "the peer says that it has deleted it too", "COLLISION": "the peer says that it collided there", "ERROR": "the peer refuses it",
		"ERROR_SYNCED": "the peer says that it knows of the error",
	}[row.Received]
	after := map[string]string{
		"OK": "both have the same", "DEL_SYNCED": "it is deleted on both", "COLLISION": "both versions are kept until somebody settles it",
		"ERROR_SYNCED": "both know of the error",
	}[row.Becomes]
	return words(before + ", and " + news + ": " + after + ".")
}
