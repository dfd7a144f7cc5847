// Package tryton is the adapter to Tryton 6.0: a foreign.System over its JSON-RPC, for the sales of the module sale,
// with the module web_shop for the reference. Every call is a POST. What comes in and goes out are plain JSON documents,
// described below, that a profile maps. It keeps nothing but its session.
//
// # What the server does
//
// Measured against trytond 6.0.29 with sale 6.0.10 and web_shop 6.0.3 on PostgreSQL; the tests in deploy/e2eshop try
// each of these again.
//
//   - A call is one database transaction at REPEATABLE READ. Reading a sale with its lines, party and addresses is one
//     call and so one snapshot. A write that meets an open transaction on the same record waits for it, is tried again
//     by the server, and then fails as stale.
//   - create_date and write_date are the start of the transaction, with microseconds, in UTC whatever the database is
//     set to. write_date is null until the first write. A transaction that commits late is older than it looks.
//   - _timestamp in a call's context names records with the time at which they were read. It is checked for those
//     records that the call writes, and a button is a write. Lines that the sale's write does not touch are not
//     checked, so Update writes them all, with nothing; this costs them a write_date and no content.
//   - A write of a sale.line by itself leaves the sale's write_date as it was; one through the sale does not. The
//     search follows relations, so Changed selects by the lines' times, too. Lines that were deleted by themselves
//     leave no time anywhere: only the sweep finds those.
//   - A record in _timestamp that was deleted is no conflict for the server, which then says that the record may not
//     be written. Update reads again before it believes a refusal.
//   - A button pressed in the wrong state does nothing and succeeds. Update knows the transitions, refuses those that
//     there are not before anything is written, and reads the state afterwards.
//   - confirm goes on to processing in the same call, without a worker, and fails when accounts are not set up.
//   - Which fields may be edited in which state is a matter of the client; the server takes all, also lines of a sale
//     that has its invoice and its shipment already, and lines of another sale. From the confirmation on the totals
//     are stored and no longer follow the lines. The adapter refuses to change what was agreed (party, addresses,
//     currency, lines, date) in any state but draft and quotation. In a quotation lines cannot be deleted.
//   - web_id is unique in the database, empty ones left aside. A second create with it waits for the first and fails, so
//     that a sale cannot be made twice.
//   - A missing id in a read is answered with the words of a missing right. A search for it finds nothing, with 200.
//   - Errors come with status 200, as "error": [kind, …]. UserError and UserWarning are for people, with a text;
//     ConcurrencyException is a stale write; anything else has a Python text and may be anything, a database that is down
//     included. An unknown method is 403, an unknown session 401, and too many wrong passwords are 429.
//   - A login takes a second of computing; with a session a call takes some milliseconds. Sessions live for 30 days; their
//     five idle minutes concern only preferences.
//   - The server's clock is read from the Date header, in seconds.
//
// # Documents
//
// Decimals are texts, numbers json.Numbers, times RFC 3339 in UTC, dates 2006-01-02; what is empty is null.
//
//	number reference description comment web_id state invoice_state shipment_state
//	sale_date shipping_date create_date write_date
//	currency            the code
//	untaxed_amount tax_amount total_amount
//	party               code name email phone
//	invoice_address     name building_name line1 line2 postal_code city region country
//	shipment_address    likewise; both null without one
//	lines               id product name quantity unit unit_price tax_percent amount tax_amount
//	remarks             type text: lines that are titles, comments and subtotals; never written
//
// product is the product's code; name is the line's description, or the product's name. tax_percent is the sum of the
// line's taxes, "19", and "mixed" when one of them is no percentage. A line's tax_amount is amount times that, rounded half
// to even; what is left of the sale's tax_amount, which Tryton may round once for all lines, is with the line that has most.
// region is the code of the subdivision
// without its country, country the ISO 3166-1 code, and the street's first line is line1.
//
// # Edits
//
// An edit has the same shape, with what changes. Lines are merged by id: one without is added, one with
// "removed": true is deleted, one left out stays. Actions are quote, confirm, process, cancel, draft and delete;
// several that are one way are joined by commas.
//
// Products are found by their code. Taxes are the product's own when they amount to the percentage, else the first
// tax of the company that does. An address is found among those of the party by its content and made when there is none
// such; it is never edited, because earlier sales, invoices and shipments have it, too. A new sale's party is the
// one with the code, else the only one with the e-mail address and the name, else the only one with the name when the
// order has neither code nor address; else it is made. Later, another code means another party, and other members change
// the party itself, for all of its sales.
package tryton
