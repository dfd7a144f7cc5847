// Package shop simulates a web shop that speaks WooCommerce's REST API v3 for orders, as its public documentation
// describes it. A Shop is an http.Handler, with methods by which a test acts as a person in the shop, and pages for
// people.
//
// By default it is right: a client that follows the documentation succeeds. Everything that real shops do to their
// clients is a switch of Options, or a Trouble that lasts for some calls: pages that drift while they are listed, times
// of a zone that nobody names, totals that come back rounded, texts that come back rewritten, answers that are lost
// after the write took place, HTML and captcha pages in place of JSON, rate limits.
//
// It knows GET, POST and PUT, Basic authentication, and neither OAuth nor batches, refunds, coupons or customers.
//
// Read options.go first, then people.go for what a test does, and trouble.go for what goes wrong.
package shop
