// Package rest calls a foreign system by its REST API, as the section rest of a profile describes it. System implements
// foreign.System with GET, POST and PUT only.
//
// An answer counts only if it is what the profile promises: its status, JSON as its type, the whole body, the order
// that was asked for. Everything else is an error that says nothing of the order: a page of a proxy, a captcha, an
// answer cut short. Orders are gone only when the system's own answer says so.
//
// Calls are limited to the profile's rate, and none is made before a Retry-After is over. Redirects are not followed.
// Secrets appear in no error.
//
// Read system.go first, then client.go, which has every rule about answers, and list.go, which has those about pages.
package rest
