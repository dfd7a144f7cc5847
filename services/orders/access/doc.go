// Package access knows who may do what at a side: the roles, the people and their sessions, the tokens
// of programs, and the tries of those who are none of them. It decides; what it knows is kept by a
// Store, so that all replicas of a side share it.
//
// What it promises: passwords are kept as argon2id hashes, sessions and tokens as hashes of random secrets, so
// that a copy of the database lets nobody in. Whether a name exists cannot be told from an answer, nor
// from how long it takes. Guessing gets slower with each wrong guess (tries.go), and at most a few
// passwords are checked at once, so that logins leave the rest of the service alone. Nobody is locked out
// of a device on which they logged in before (device.go), and unknown secrets do not delay those that were
// valid a short time ago (lookup.go).
//
// Read role.go first, then access.go.
package access
