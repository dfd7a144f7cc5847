// Package entries reads what peers send about orders: it turns the JSON of one entry, a request or an answer, into what
// the service observes.
//
// In comes an entry as bytes, out comes an orders.Received, or the faults of what is no entry at all. An entry whose
// content this side refuses still comes out, with the reason, as long as it says which version of which order it is
// about: so one bad entry spoils nothing but itself, and its sender learns why. What is read is checked by the rules of
// contracts and of package orders; content of a service of the same contract is stored as the bytes that came.
//
// It knows nothing of HTTP, batches or storage. Read entry.go first.
package entries
