// Package ordersync decides how two sides keep one order equal, and so do several sides, each with its peers. It is the whole protocol, and nothing
// but it: Observe takes what this side holds and what was learned of the other side, from a request
// or from an answer, and returns what this side holds then. What local people do (Written, Rewritten,
// Resolve, Retry) is the other half.
//
// Everything comes in and goes out as values. The package has no clock, randomness, context, logger
// or I/O and imports the standard library only; it does not know what an order contains, only the
// fingerprint of the content. Who wants an order locked, stored or sent does that around it.
//
// Guarantees, tried by search_test.go and graph_search_test.go over every small case:
//   - content is replaced only by content whose author had seen it; what both sides changed without
//     knowing of each other ends as a collision that keeps both versions;
//   - an entry may come twice, late, out of order or never; a repeat changes nothing;
//   - when nothing is under way any more, both sides hold the same version, or the same conflict with
//     each other's present version; and without people and faults that comes after a bounded number
//     of messages.
//
// What a restore leaves of that, and what was searched, is in README.md.
//
// Read state.go and table.go first, then observe.go; outcome.go holds the steps that it is made of.
package ordersync
