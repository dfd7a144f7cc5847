// Package connector makes a shop or ERP that knows nothing of orderbridge a side like any other. The Orders service of
// such a side keeps a shadow of the system's orders: content that the system was seen to hold, and the fields that the
// mapping keeps here because the system has no place for them.
//
// Towards the system it writes through (carry.go, write.go): the service hands over what is about to be stored, an intent
// is stored, and only what a read shows (held.go) is stored as the order. From the system it reads (look.go, poll.go):
// lists give candidates, a direct read decides, and only content that differs from the shadow is an edit, so that neither
// a touched time nor our own write is one. Absence in a list never deletes.
//
// After a crash at any point the intent tells our own write from somebody's edit. One process of a side leads; the
// others wait.
//
// Package foreign says what an adapter to a system has to offer. Read record.go first.
package connector
