// Package e2eshop tries the connector against a real shop: Tryton, as Debian has it. It runs with `make e2e-shop` only,
// because a machine needs the shop's packages for it.
//
//	adapter   what Tryton does, and what the adapter makes of it: stale writes, buttons, lines by themselves, late commits
//	profile   every mapped field and status, to Tryton and back
//	demo      what the demo with Tryton starts, and the script that it offers to people
//	sides     a side with Tryton behind it, and its peer: edits both ways, a lost answer, a collision, the probe
package e2eshop
