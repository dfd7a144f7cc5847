// Package pgtest gives each test a database of its own, in a server that the test process starts with
// the first one and ends with the last.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestOrders(t *testing.T) {
//		url := pgtest.Template(t, "migrated", migrate) // or pgtest.Open(t) for an empty one
//		...
//	}
//
// ORDERBRIDGE_TEST_DATABASE_URL names another server to use, with a user that may create databases;
// none of its databases but those of the tests are touched. Without PostgreSQL a test fails and says
// what to do. Linux only.
package pgtest
