package orders

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Cursor is a place in this side's log: after a row, which it names in a way that tells whether the row
// is still there. Numbers alone would not do: a database that was put back to an earlier state gives
// them out again. The zero one is the log's beginning.
type Cursor struct {
	Seq   int64
	check string
}

// CursorAfter is the place after a row of the log.
func CursorAfter(seq int64, id uuid.UUID, version string) Cursor {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", seq, id, version))
	return Cursor{seq, hex.EncodeToString(sum[:6])}
}

var cursorForm = regexp.MustCompile(`^([1-9][0-9]{0,15})-([0-9a-f]{12})$`)

// ParseCursor reads the text of a cursor.
func ParseCursor(text string) (Cursor, bool) {
	if text == "0" {
		return Cursor{}, true
	}
	found := cursorForm.FindStringSubmatch(text)
	if found == nil {
		return Cursor{}, false
	}
	seq, err := strconv.ParseInt(found[1], 10, 64)
	return Cursor{seq, found[2]}, err == nil
}

// String is the text that clients see.
func (c Cursor) String() string {
	if c.Seq == 0 {
		return "0"
	}
	return fmt.Sprintf("%d-%s", c.Seq, c.check)
}

// LogQuery selects a page of the log.
type LogQuery struct {
	After    Cursor
	Earliest time.Time // only changes made on this side at or after it; zero for all
	Limit    int       // rows of the log, so orders at most
	Bodies   bool      // load contents too
}

// LogPage is a page of the log: the orders whose newest change is in it, oldest change first.
type LogPage struct {
	Orders []*Stored
	Cursor Cursor // after it
	More   bool   // there is more to read now
}
