// Package e2e tries the whole system from outside: it builds the program, runs `orderbridge demo` as a
// child or composes the sides with Docker, reads demo.env or compose.env as a user does, and then works
// on both sides over REST only, while processes are killed, stopped and cut off around it. Of our own code it knows the contracts and nothing else.
//
//	make e2e                                     all of it, some minutes
//	make e2e-compose                             the same against the composed sides
//	make torture                                 go on injecting faults, alone and mixed, for E2E_MINUTES each
//	E2E_SEED=17 make e2e                         the same choices again; ports and timing differ
//
// # What is checked
//
//	tour         a change on either side reaches the other, once, and then nothing moves any more
//	collisions   what both changed, and only that, collides with both contents whole; every way to settle it
//	faults       whatever dies or stands still under load, every acknowledged edit is on both sides, once
//	broker       a store that is wiped, a stream that is purged or gone: hinted again
//	line         answers cut, reset, delayed, swallowed or not ours, between a bridge and the peer
//	torture      several faults at once, on both sides and every line: requests doubled and late, connections to
//	             databases and brokers cut, torn or stalled, power cuts; external brokers, two services a side, and
//	             a few orders that both sides edit, resolve and delete at the same time
//	             Clocks are not among the faults: libfaketime, which Debian has, does not reach Go programs, because
//	             they read the clock without the C library, and changing the machine's own would hit everything else.
//	brake        what a peer deletes beyond the brake stays held through restarts, clean-up and a power cut
//	checker      the verification itself, against losses made behind the services' backs
//	bridges      two bridges of one side share the work
//	restored     a database that is restored, on one side, on both, and twice, with restarts and kills around
//	             it: what the other side had comes back, and operators who confirm get done
//	bad input    is refused with a reason, changes nothing and learns nothing
//	stop         a demo ends whole and starts again, with its data or fresh
//	compose      the tour, collisions and faults with containers stopped, killed, cut off and stripped of
//	             their volume; who reaches whom; down, up again, and down without a trace
//
// # How
//
// Writers put a token of their own into an order with each edit, and repeat what had no answer until
// they know whether it was taken (ledger.go, writer.go). When both sides have come to rest (rest.go)
// the tokens on both must be those of the accepted edits, no more and no fewer (verify.go), and the
// timelines must tell of each accepted edit once (history.go).
//
// Of a test that fails the ends of its logs are kept, in bin/e2e-logs. Data is removed.
package e2e
