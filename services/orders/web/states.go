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
		"NEW": "this side had created the order", "UPD": "this side had changed the order", "OK": "both sides had the same", "DEL": "this side had deleted the order",
		"DEL_SYNCED": "both had deleted it", "COLLISION": "it was in a collision", "ERROR": "this side had refused it", "ERROR_SYNCED": "both sides knew of an error",
		"-": "this side did not have the order", "any": "in any state",
	}[row.Was]
	news := map[string]string{
		"NEW": "the peer sends a new order", "UPD": "the peer sends a change", "OK": "the peer acknowledges our version", "DEL": "the peer has deleted it",
		"DEL_SYNCED": "the peer acknowledges the deletion", "COLLISION": "the peer reports a collision", "ERROR": "the peer refuses it",
		"ERROR_SYNCED": "the peer acknowledges the error",
	}[row.Received]
	after := map[string]string{
		"OK": "both sides have the same", "DEL_SYNCED": "it is deleted on both sides", "COLLISION": "both versions are kept until someone resolves it",
		"ERROR_SYNCED": "both sides know of the error",
	}[row.Becomes]
	return words(before + ", and " + news + ": " + after + ".")
}
