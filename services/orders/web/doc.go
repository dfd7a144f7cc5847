// Package web is the pages of the admin: what people in the shop and the back office see and do.
// They are rendered here and need no JavaScript; with it they follow what happens and update in place.
//
// Pages have no source of their own. What they show and do is a call of the side's API, made within
// the process as whoever looks at the page: so a page says what the API says, may what its reader
// may, and a script can do whatever a page does.
//
// web.go lists the pages, call.go calls the API, words.go says in words what states and figures mean.
package web
