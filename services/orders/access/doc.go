// Package access knows who may do what at a side: the roles, the people and their sessions, the tokens
// of programs, and the tries of those who are none of them. It decides; what it knows is kept by a
// Store, so that all replicas of a side share it.
//
// What it promises: passwords are kept as argon2id hashes, sessions and tokens as hashes of random secrets, so
// that a copy of the database lets nobody in. Whether a name exists cannot be told from an answer, nor
// from how long it takes. Guessing gets slower with each wrong guess (tries.go), and at most a few
// passwords are looked at at once, so that logins leave the rest of the service alone.
//
// Read role.go first, then access.go.
package access
