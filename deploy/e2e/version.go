//go:build linux

package e2e

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// contains tells that version v has all that w has.
func contains(v, w contracts.Version) bool {
	return v.Contains(w)
}

// textOf is a version as a text, to be compared with others.
func textOf(v contracts.Version) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, key+":"+strconv.FormatInt(v[key], 10))
	}
	return strings.Join(parts, ",")
}

// keyOf is the side and epoch under which a side gave a number in a version; "" when it did not.
func keyOf(v contracts.Version, side string, n int64) string {
	for key, m := range v {
		if m == n && strings.HasPrefix(key, side+".") {
			return elementOf(key)
		}
	}
	return ""
}

// elementOf is a key without the mark of a head.
func elementOf(key string) string { return strings.TrimSuffix(key, contracts.VersionHead) }
