// Package child runs orderbridge's own programs, each as a process that dies with this one: for the
// demo and the bench. What they say goes into a log, and they get no settings but those they are
// given. Linux only.
package child
