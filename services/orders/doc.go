// Package orders is one side's Orders service without its edges: what an order is, what may be done
// to it, and the round that every change makes: load with a lock, decide by ordersync, save order,
// links, log and hints in one transaction.
//
// In come the intentions of clients and operators and the entries of peers; out go changes for the
// Store and answers. It knows no SQL, no HTTP and no broker: those are the adapters, and command wires them.
// Each of them names as an interface what it needs stored, and postgres implements all of these; the graph of
// imports is in docs/architecture.md.
//
// Read order.go and service.go first, then transaction.go.
package orders
