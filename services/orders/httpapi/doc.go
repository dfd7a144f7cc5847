// Package httpapi is a side's REST API for clients, peers and the own bridge: the chi router, who may
// call what, strict reading of what comes in, and problem documents for what goes wrong.
//
// It translates between the wire (contracts) and the service (orders) and decides nothing about
// orders. routes.go lists everything that can be called, with the roles that may; a caller without a
// role is refused before a route is looked for.
package httpapi
