package settings

import (
	"os"
	"runtime/debug"
)

// Our programs keep little and make much garbage, so they let it grow between collections, up to a
// bound in bytes. GOGC and GOMEMLIMIT, where an operator sets them, come first.
const (
	gcPercent     = 400
	ServiceMemory = 120 << 20
	BridgeMemory  = 40 << 20 // a first copy has large batches under way, and little that stays
)

// TuneMemory trades memory for CPU.
func TuneMemory(limit int64) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(limit)
	}
}
