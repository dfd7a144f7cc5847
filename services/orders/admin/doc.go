// Package admin is what operators see and do: the REST admin of a side, mounted under one prefix.
// It reads figures and lists straight from the store and the broker, and leaves every change to the
// service.
//
// routes.go lists everything that can be called.
package admin
