// Package tether starts processes that die with this one, however it dies: the kernel tells them, so
// that not even a kill -9 leaves a server behind. Linux only.
package tether
