package ordersync

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"time"
)

// FingerprintPrefix names the algorithm and the version of the contract.
const FingerprintPrefix = "fp1:"

// Fingerprinter computes the fingerprint of a content from its fields, written in a fixed order:
// every field in turn, absent ones as empty. Each value carries its length or a fixed width, so no
// two different sequences of fields give the same bytes.
type Fingerprinter struct{ buf []byte }

// NewFingerprinter starts a fingerprint.
func NewFingerprinter() *Fingerprinter {
	return &Fingerprinter{make([]byte, 0, 1024)} // as much as most take
}

// String writes a text.
func (f *Fingerprinter) String(s string) {
	f.buf = binary.AppendUvarint(f.buf, uint64(len(s)))
	f.buf = append(f.buf, s...)
}

// Int writes an integer.
func (f *Fingerprinter) Int(n int64) { f.buf = binary.BigEndian.AppendUint64(f.buf, uint64(n)) }

// Bool writes a flag.
func (f *Fingerprinter) Bool(b bool) {
	n := byte(0)
	if b {
		n = 1
	}
	f.buf = append(f.buf, n)
}

// Time writes an instant in microseconds; the zone does not matter, and the zero time is absent.
func (f *Fingerprinter) Time(t time.Time) {
	f.Bool(!t.IsZero())
	if !t.IsZero() {
		f.Int(t.UnixMicro())
	}
}

// Set writes texts whose order does not matter.
func (f *Fingerprinter) Set(s []string) {
	s = slices.Sorted(slices.Values(s))
	f.Int(int64(len(s)))
	for _, x := range s {
		f.String(x)
	}
}

// Map writes texts by key.
func (f *Fingerprinter) Map(m map[string]string) {
	f.Int(int64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		f.String(k)
		f.String(m[k])
	}
}

// Sum ends the fingerprint: FingerprintPrefix and 64 hexadecimal digits.
func (f *Fingerprinter) Sum() string {
	sum := sha256.Sum256(f.buf)
	return FingerprintPrefix + hex.EncodeToString(sum[:])
}

// Tombstone is the fingerprint of every deleted order: what it held before does not matter any more.
var Tombstone = func() string {
	f := NewFingerprinter()
	f.String("deleted")
	return f.Sum()
}()
