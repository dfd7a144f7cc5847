// Package e2eshop tries the adapters against real shops: Tryton, as Debian has it. It runs with `make e2e-shop` only,
// because a machine needs the shop's packages for it.
package e2eshop
