// Package postgres keeps one side's orders in PostgreSQL: the rows of orders, links, log and outbox
// and the transactions over them. It decides nothing; a change is the round of Change, which loads
// with a lock, asks, and saves the changes by one statement, however many orders they are about. Edits that
// arrive together share a transaction.
//
// A content is written once, as a row of contents whose number is that of the change in the log, and is never changed.
// Orders refer to their present content, links to what is kept of the other side's version, and a row of the log to
// the content that the order had after it and to what it replaced or dropped. So history, undo and the base of a merge
// are lookups, and nothing is copied when a content is replaced. The clean-up removes contents that nothing
// refers to any more. Half of each page of orders is left free: an update finds room in its page, and touches no index
// unless it changes what orders are listed or found by.
//
// Why contents do not name their order: they are only reached by their number, and whoever removes a reference to one knows
// the order that it was of.
//
// Read change.go first, then edits.go and contents.go.
package postgres
