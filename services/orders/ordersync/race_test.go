//go:build race

package ordersync

// raceDetector tells that everything takes about ten times as long.
const raceDetector = true
