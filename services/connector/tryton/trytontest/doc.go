// Package trytontest runs Tryton for tests: Debian's server on a database of the tests' PostgreSQL, with a company, its
// accounts, products, and two users. A Shop is one server with one database; a person in it works through Tryton's own
// client library.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	shop := trytontest.Start(t)
//	id := shop.Create(t, trytontest.Sale{Party: "Ann", Lines: []trytontest.Line{{Product: trytontest.Lamp, Quantity: 2}}})
//
// The first Start on a machine fills a database, which takes a minute or several, and stores a dump of it in the user's
// cache folder. The first one of a test process reads the dump, the others copy its database. Without Tryton a test fails
// and says what to install. Linux only.
package trytontest
