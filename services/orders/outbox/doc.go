// Package outbox brings committed changes to this side's JetStream as hints, and keeps the stream fit
// to be what a bridge works from.
//
// Relay publishes the rows of the outbox and removes each only after JetStream has taken it: at once
// after a commit of this process, and by a slow poll for what another process left behind. Keeper
// makes and mends stream and consumers, at the start, on reconnect and now and then, and hints again
// what should have a hint and has none. It watches the links that are pending for longest, whatever the
// broker reports (watch.go), replaces what does not take or deliver hints (repair.go), and removes the hints that
// were acknowledged (tidy.go). Broker is the connection, with an embedded server when no external one is given,
// and what operators see and do of it: figures, pause and resume.
//
// Guarantees: a hint may come twice, late or out of order; it is only a reason to look. A link that is
// due has a hint in the stream, a row in the outbox, or gets one from the Keeper. The broker's store
// may be lost at any time; nothing is ever decided by what it holds, nor by its sequences.
//
// Memory does not grow with what is pending. The stream holds at most some 100,000 hints of a peer, since a server
// needs memory for each; those of later edits are dropped, and the Keeper hints the orders that are due when few are
// left. It reads these in pages, and the hints in the stream only then. A hint that is lost among very many is found
// when they have drained, or by the watch.
//
// Why the stream is no work queue: a server removes each acknowledged message of one on its own, and may read its
// block from disk again for it. The keeper removes what every bridge of a peer has acknowledged once a second, at
// an eighth to a half of the cost. Acknowledgements stay explicit, one for each hint, so that single hints can be
// given back and several bridges can share a consumer.
//
// Why no message ids: a repeated id inside JetStream's duplicate window is dropped without a trace,
// even when the first was consumed or purged; a repeated hint costs one lookup.
package outbox
