package bridge

import (
	"maps"

	"github.com/orderbridge/orderbridge/contracts"
)

// difference is an order that is not the same on both sides, as they tell it; nil where a side has nothing.
type difference struct {
	id          string
	here, there *contracts.Entry
}

// Kinds of a difference, as reports name them.
const (
	onlyHere   = "onlyHere"
	onlyThere  = "onlyThere"
	newerHere  = "newerHere"
	newerThere = "newerThere"
	concurrent = "concurrent"  // each has something that the other lacks
	sameNumber = "sameVersion" // one version, two contents: a side was put back
)

var differenceKinds = []string{onlyHere, onlyThere, newerHere, newerThere, concurrent, sameNumber}

func (d difference) kind() string {
	switch {
	case d.there == nil:
		return onlyHere
	case d.here == nil:
		return onlyThere
	}
	h, t := d.here.Version, d.there.Version
	switch here, there := h.Contains(t), t.Contains(h); {
	case here && there:
		return sameNumber
	case here:
		return newerHere
	case there:
		return newerThere
	}
	return concurrent
}

// effect tells what becomes of the order when it is told.
func (d difference) effect() string {
	gone := func(e *contracts.Entry) bool { return e == nil || e.Deleted }
	switch kind := d.kind(); {
	case gone(d.here) && gone(d.there):
		return effectAgrees
	case kind == concurrent && d.here.Fingerprint == d.there.Fingerprint && !d.here.Deleted && !d.there.Deleted:
		return effectAgrees
	case kind == concurrent, kind == sameNumber:
		return effectCollides
	case kind == onlyHere, kind == newerHere:
		return changeOf(d.there, d.here, effectCreatesThere, effectReplacesThere, effectDeletesThere)
	}
	return changeOf(d.here, d.there, effectCreatesHere, effectReplacesHere, effectDeletesHere)
}

// changeOf tells what taking over an entry does to one that is older, or not there.
func changeOf(older, newer *contracts.Entry, creates, replaces, deletes string) string {
	switch {
	case newer.Deleted:
		return deletes
	case older == nil, older.Deleted:
		return creates
	case older.Fingerprint == newer.Fingerprint:
		return effectAgrees
	}
	return replaces
}

// Effects, as contracts.ReconcileEffects names them.
const (
	effectCreatesHere   = "createsHere"
	effectReplacesHere  = "replacesHere"
	effectDeletesHere   = "deletesHere"
	effectCreatesThere  = "createsThere"
	effectReplacesThere = "replacesThere"
	effectDeletesThere  = "deletesThere"
	effectCollides      = "collides"
	effectAgrees        = "agrees"
)

// waitsForPerson tells of a conflict that both sides know of: nothing is to be sent, somebody decides.
func (d difference) waitsForPerson() bool {
	conflict := func(e *contracts.Entry) bool {
		return e != nil && (e.State == "COLLISION" || e.State == "ERROR" || e.State == "ERROR_SYNCED")
	}
	return conflict(d.here) && conflict(d.there)
}

// underWay tells of a change that one side has still to tell.
func (d difference) underWay() bool {
	due := func(e *contracts.Entry) bool {
		return e != nil && (e.State == "NEW" || e.State == "UPD" || e.State == "DEL")
	}
	return due(d.here) || due(d.there)
}

// equal holds two entries of an order against each other.
func equal(x, y *contracts.Entry) bool {
	return x.Fingerprint == y.Fingerprint && x.Deleted == y.Deleted && maps.Equal(x.Version, y.Version)
}

// differences holds the entries of both sides against each other.
func differences(here, there map[string]*contracts.Entry) map[string]difference {
	out := map[string]difference{}
	for id, h := range here {
		if t := there[id]; t == nil || !equal(h, t) {
			out[id] = difference{id, h, t}
		}
	}
	for id, t := range there {
		if here[id] == nil {
			out[id] = difference{id, nil, t}
		}
	}
	return out
}

func sameEntry(x, y *contracts.Entry) bool {
	if x == nil || y == nil {
		return x == y
	}
	return equal(x, y)
}
