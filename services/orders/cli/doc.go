// Package cli is the operator's commands: how a side stands, its orders, collisions, errors, peers and
// reconciliations, and what happened to an order in words. They speak REST to a running side, as any
// script could, and know nothing of it but the contract.
//
// They print tables for people and, with -o json, what the side answered for scripts. exit.go lists
// the exit codes. What they show came from people of both sides, so nothing of it can steer a terminal.
package cli
