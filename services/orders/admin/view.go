package admin

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/merge"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// events tells an order's story: the rows of its log, and between them the acknowledgements, which
// have no row. That a link was settled when a row found it so, and not when the row before left it,
// is told by the row; the link itself tells of the last one.
func events(rows []orders.LogRow, links []orders.Link) []contracts.TimelineEvent {
	var out []contracts.TimelineEvent
	left := map[string]orders.LogRow{} // last row of each peer's link
	for _, r := range rows {
		if before, ok := left[r.Peer]; ok && r.Was.Settled() && !before.Becomes.Settled() {
			out = append(out, acknowledged(before, r.Was))
			out[len(out)-1].At = r.WasSince.UTC()
		}
		left[r.Peer] = r
		out = append(out, event(r))
	}
	for _, l := range links {
		if before, ok := left[l.Peer]; ok && l.State.Settled() && !before.Becomes.Settled() {
			out = append(out, acknowledged(before, l.State))
			out[len(out)-1].At = l.Since.UTC()
		}
	}
	return out
}

func event(r orders.LogRow) contracts.TimelineEvent {
	e := contracts.TimelineEvent{
		Seq: r.Seq, At: r.At.UTC(), Event: r.Event.String(), Peer: r.Peer, Received: r.Received.String(),
		Was: r.Was.String(), Becomes: r.Becomes.String(), Rule: r.Rule.String(), Remark: r.Rule.Remark(),
		Fingerprint: r.Head.Fingerprint, Deleted: r.Head.Deleted, Actor: r.Actor, RequestID: r.RequestID, Reason: r.Reason, Kept: r.Kept,
	}
	if !r.Head.Version.IsZero() {
		e.Version = httpapi.WireVersion(r.Head.Version)
	}
	return e
}

// acknowledged is the row of the table that settled what a row of the log left open.
func acknowledged(before orders.LogRow, settled ordersync.State) contracts.TimelineEvent {
	e := contracts.TimelineEvent{
		Event: "acknowledged", Peer: before.Peer, Received: settled.String(), Was: before.Becomes.String(),
		Becomes: settled.String(), Rule: settled.String() + "/" + before.Becomes.String(), Version: httpapi.WireVersion(before.Head.Version),
		Fingerprint: before.Head.Fingerprint, Deleted: before.Head.Deleted, Actor: "peer:" + before.Peer,
	}
	if row, ok := ordersync.Lookup(settled, before.Becomes); ok {
		e.Remark = row.Remark
	}
	return e
}

// caseOut is contracts.Collision with the contents as the bytes that were stored: the other side's
// may be one that this side would not accept.
type caseOut struct {
	contracts.Collision
	Base   *versionOut `json:"base,omitzero"`
	Ours   versionOut  `json:"ours"`
	Theirs versionOut  `json:"theirs"`
}

type versionOut struct {
	contracts.CaseVersion
	Order jsontext.Value `json:"order,omitzero"`
}

func caseView(c *orders.Case, side string) *caseOut {
	out := &caseOut{
		Collision: contracts.Collision{ID: c.ID.String(), Peer: c.Link.Peer, State: c.Link.State.String(), Since: c.Link.Since.UTC(), Reason: c.Link.Reason, Differs: []contracts.DifferField{}},
		Ours:      versionView(c.Ours), Theirs: versionView(c.Theirs),
	}
	if c.Base != nil {
		base := versionView(*c.Base)
		out.Base = &base
	}
	for _, f := range c.Differs() {
		out.Differs = append(out.Differs, differView(f, side))
	}
	out.Merged, out.Settles = c.Merged, c.Settles
	return out
}

// keptOut is contracts.KeptContents with the contents as the bytes that were stored.
type keptOut struct {
	contracts.KeptContents
	Replaced jsontext.Value `json:"replaced,omitzero"`
	Dropped  jsontext.Value `json:"dropped,omitzero"`
}

// refusedOut is contracts.ErrorCase with the contents as the bytes that were stored.
type refusedOut struct {
	contracts.ErrorCase
	Ours   *versionOut `json:"ours,omitzero"`
	Theirs versionOut  `json:"theirs"`
}

func refusedView(c *orders.Case) *refusedOut {
	out := &refusedOut{
		ErrorCase: contracts.ErrorCase{ID: c.ID.String(), Peer: c.Link.Peer, State: c.Link.State.String(), Since: c.Link.Since.UTC(), Reason: c.Link.Reason},
		Theirs:    versionView(c.Theirs),
	}
	out.RefusedHere = refusedHere(c.Link.State, c.Ours.Head.Version, c.Theirs.Head.Version)
	if !c.Ours.Head.Version.IsZero() {
		ours := versionView(c.Ours)
		out.Ours = &ours
	}
	return out
}

func differView(f merge.Field, side string) contracts.DifferField {
	return contracts.DifferField{
		Pointer: f.Pointer, Contested: f.Contested, ChangedBy: f.Change.String(), Policy: f.Rule.Seen(side), Pick: f.Pick.String(),
		Base: f.Base, Ours: f.Ours, Theirs: f.Theirs,
	}
}

func versionView(v orders.CaseVersion) versionOut {
	return versionOut{CaseVersion: contracts.CaseVersion{
		Version: httpapi.WireVersion(v.Head.Version), Fingerprint: v.Head.Fingerprint,
		Deleted: v.Head.Deleted,
	}, Order: v.Body}
}
