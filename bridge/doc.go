// Package bridge is the pipe from one side to its peer: a hint tells that an order waits, the own
// service tells how the order stands, the remote service is told, its answer is given to the own
// service, and only then the hint is acknowledged. It has no database, keeps nothing between hints and
// never chooses a winner: the services decide, versions make every step repeatable.
//
// In come hints of the durable JetStream consumer of one peer; out go PUT /orders/transactions to both
// services and a report about itself. It refuses to know how an order looks, what its states mean, how
// the stream is made, and any address but the two that it is configured with: an itemURI is handed
// through, never followed.
//
// # What can repeat
//
// Everything: a lookup, either PUT, an answer, a hint. A crash at any point is a redelivery, a bridge
// that wakes up late or a second one beside it sends the same entries again, and both services answer
// a repeated entry as they did the first time.
//
// # What can be late
//
// Entries that the remote side cannot take now: while it is unreachable the hints in hand are held and
// the others stay in the stream; a single order that fails alone is given back to be delivered again
// after a delay that grows up to BRIDGE_BACKOFF_MAX. Hints of a bridge that died come back after the
// consumer's AckWait.
//
// # What can never be lost
//
// An order that waits for its peer. A hint is acknowledged only after the own service has stored the
// peer's answer (or said that nothing is pending), and only a whole, strictly read answer to the very
// version that was sent counts as one. A hint that is lost all the same is hinted again by the service,
// whose database is the truth. An order goes to ERROR only by the peer's own word, a problem document
// of a status that blames the content; never for what a network, proxy or overload does.
//
// Start at pipe.go; verdict.go is the table of what each mishap means, circuit.go how the workers of
// one bridge wait it out.
//
// # Why so
//
// A failed try is repeated with half of the entries, not with the same batch: a slow line then gets
// through what it can carry, and an order at which the remote program breaks ends up alone, where it
// delays only itself. Refusing to shrink would let one such order stop the whole lane for ever.
//
// The circuit is our own and not gobreaker's: it must make workers wait instead of refusing them, for
// a time that grows, or that the remote side names, and tell "unauthorized" from "down".
package bridge
