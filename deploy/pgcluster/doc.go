// Package pgcluster runs a private PostgreSQL from the binaries that a machine has: for the tests (a
// throwaway cluster, in memory where there is plenty), for the demo and for crash tests (a durable
// one that goes on with its data). Where there are none, packages.Ensure installs PostgreSQL.
//
// The server is our child and listens on 127.0.0.1 only, with a random password and without Unix
// sockets. It dies with this process, even by kill -9. It never uses, stops or touches a cluster that
// the machine runs on its own. As root it runs as the user postgres, or nobody, because PostgreSQL
// refuses root. Linux only.
//
// A cluster folder holds data/ (PostgreSQL's own) and postgres.log. The folder is locked (flock), and
// the lock is inherited by every process of the server: so it tells truly whether somebody still
// lives there, also after a kill -9 of the postmaster whose last backend is still busy. Start waits
// for it, and the sweep of forgotten throwaway clusters trusts it.
//
// Read cluster.go first. pgtest gives tests a database each; tether is how children die with us.
//
// # Why so
//
// The password is new at every start, so nothing on disk is worth stealing; an existing cluster gets
// it through the server's single-user mode (some 30 ms) before it listens. The verifier that the
// server keeps is made with one round instead of 4096: stretching helps weak passwords, ours has 260
// random bits, and tests open many connections.
package pgcluster
