package orders

import "github.com/google/uuid"

// RangeQuery asks what the orders with ids from From on and below To come to, cut into ranges: at Bounds,
// which rise, or else into about equal Parts.
type RangeQuery struct {
	From, To uuid.UUID // the zero To is the end
	Parts    int
	Bounds   []uuid.UUID
}

// Range is the orders with ids from From on and below To, and what their ids, versions and fingerprints
// come to: the exclusive or of a hash of each, so the order of reading makes no difference.
type Range struct {
	From, To uuid.UUID // the zero To is the end
	Count    int64
	Hash     [16]byte
}
