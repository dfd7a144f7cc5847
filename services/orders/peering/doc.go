// Package peering is what a side knows of its peers besides the orders: what each has seen of the other,
// whether a link is held because of it, when both were last proved equal, and the comparisons that
// prove it (design sections 7 and 8). The bridges do the comparing; here is decided when, and whether a
// person has to look first.
package peering
