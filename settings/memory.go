package settings

import (
	"os"
	"runtime/debug"
)

// Our programs keep little and make much garbage, so they let it grow between collections, up to a
// bound. GOGC and GOMEMLIMIT, where an operator sets them, come first.
const (
	gcPercent   = 400
	memoryLimit = 120 << 20
)

// TuneMemory trades memory for CPU.
func TuneMemory() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(memoryLimit)
	}
}
