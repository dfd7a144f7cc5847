// Package trytond runs Debian's Tryton server, for tests and for the demo: Find looks for the programs, Fill makes the
// database of a small company, Start runs a server on it.
//
// The company sells a lamp, a bulb and a book, has accounts and taxes, and two users in the group Sales: one for a
// connector and one for a person. Fill takes a minute or several the first time on a machine. It stores a dump in the
// user's cache folder, which later calls read in seconds. Linux only.
package trytond
