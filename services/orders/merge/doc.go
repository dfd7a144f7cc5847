// Package merge puts two versions of an order together that were written without knowing of each
// other: field by field, against the last version that both have in common. It is the one way in which
// versions of an order are compared: for a person who looks at a collision, and for a side that is
// allowed to settle one by itself.
//
// In come up to three orders and a Policy, out comes a Result: the merged order, every field that was
// changed and by whom, and whether a person is needed. Everything is values: no clock, randomness or
// I/O, and nothing but the standard library and the contract's types.
//
// Both sides must come to the same content, each with "ours" and "theirs" the other way round. So
// nothing is decided by whose version it is, unless a rule names the side; see policy.go.
//
// Read merge.go first.
package merge
