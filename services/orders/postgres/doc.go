// Package postgres keeps one side's orders in PostgreSQL: the rows of orders, links, log and outbox
// and the transactions over them. It decides nothing; a change is the round of Change, which loads
// with a lock, asks, and saves what it is told in a handful of statements, however many orders the
// change is about.
//
// Read change.go first.
package postgres
