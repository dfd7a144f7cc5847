//go:build linux

// Command bench measures the whole system on this machine, and beside it, in the same run, the least
// that the same work can cost: the floor. Absolute figures tell more of the machine and of what else
// it does than of us; the ratios to the floor are what counts.
//
// It builds orderbridge and starts, as real processes in one temporary folder, two durable private
// PostgreSQL (default durability), and on each side a service with its embedded broker and a bridge.
// Everything listens on 127.0.0.1 with random secrets and dies with this program, which removes the
// folder at its end; only a kill -9 leaves it. Nothing asserts on time; a run whose two sides are not
// equal afterwards is an error.
//
// # What is measured
//
// The floor is a program, this one, that writes both databases itself, first a and then b, over one
// connection to each: into a plain table of id, body and time in the same two clusters, with the same
// bodies; one order a transaction, or batches of 256.
//
//   - Drain: the bridge is paused, every order is edited once over REST, and the bridge is resumed. The
//     clock runs from the resume until each order was seen on b with the version that its edit was
//     answered with: in chunks of 200, b's database is asked every 5 ms for one order of a chunk, and for
//     the others once that one is there. The floor is timed just before and just after; the ratio is to
//     the mean of the two. If they differ by more than 1.5x, the machine was busy and the round is
//     repeated, twice at most in the whole run; a later one is kept, and the table names it.
//   - Drain from the outbox: the same with a's broker, here a process of its own, stopped while the orders are
//     edited. The clock runs from when a's service is connected to it again.
//   - Visible: one writer makes 200 edits/s, b's database is asked for them every 1 ms. Counted from the
//     edit's start and from the answer to it. The floor is timed just before and just after, a
//     quarter of the time each.
//   - Both ways: a writer on each side, each at half of that rate and with orders of its own. Each edit must
//     have been written exactly once on each side.
//   - First copy: orders that only a has are brought to b by a reconciliation. The floor reads a's plain table
//     in pages of 256 by key and upserts them into b's. The time is the reconciliation's own, from its first
//     request to the proof.
//   - Equality: a reconciliation of two equal sides, beside 1,024 digests of (id, version) that both databases
//     compute and this program compares.
//   - Edits of a plain table: a's plain table is written one order a transaction over as many connections as
//     make the backlog: by a PUT to a server that does nothing else (part of the bench, so no process lies between
//     it and the client), which is what the goal compares with, and in SQL without any server.
//   - Cost of an edit: time and processor time of the edits above. The drain is repeated with many more
//     orders in the tables (the same ones are edited), and neither may grow.
//   - Processor time: user and system time of every process, PostgreSQL's backends included, until a
//     knows of everything that b has; the bench's own counts for the floor only. The cost of asking b is
//     in it.
//   - Memory: the largest resident size that each process has had, and the one at the end.
//
// Each timed part begins with a CHECKPOINT on both clusters. Orders are brought in by the ordinary
// PUT /orders/transactions, as each side's peer would bring them: so all rows are as the service leaves
// them. Tables are vacuumed and analyzed then, as they would be some time after.
//
// # The admin's pages
//
// With -pages N nothing of the above is measured, but what each list and page of the admin, and each call that it
// makes, takes with N orders. One side runs alone, without a bridge. Its service writes one order in every
// state by its own rules, as clients, people and the other side's bridge ask for (models.go); these are
// multiplied within PostgreSQL, with names, mails, numbers and times of their own (copies.go): in a million
// some 6,000 collisions, 4,000 errors, 10,000 that wait, 40,000 deleted ones, 300,000 edits by people. Then the
// service is started, and every call (calls.go) is made once, and then all in turn, one at a time, over
// loopback: times are the client's, as long as the answer takes to arrive whole. PostgreSQL goes on from the
// filling, so what it has not in its own memory is in the system's; no disk is measured.
//
// Read bench.go first.
package main
