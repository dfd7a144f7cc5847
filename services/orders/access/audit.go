package access

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
)

// AuditQuery asks for what people and tokens did, newest first. Zero fields do not narrow.
type AuditQuery struct {
	Actor    string
	Action   string    // a name of contracts.AuditActions
	Order    uuid.UUID // changes of this order
	From, To time.Time // from the one on, before the other
	After    AuditMark
	Limit    int
}

// OfOrders tells whether an action is a change of an order, which the log tells of.
func OfOrders(action string) bool { return strings.HasPrefix(action, contracts.OrderActionPrefix) }

// OrderAction is the action of an event of the log.
func OrderAction(event string) string { return contracts.OrderActionPrefix + event }

// AuditMark is a place in the audit.
type AuditMark struct {
	At    time.Time
	Audit bool // of the table audit, not of the log
	ID    int64
}

// AuditEntry is an event at its place.
type AuditEntry struct {
	Event
	Mark AuditMark
}

// Compare tells which of two marks is the later place. Of one moment, the rows of the audit are later
// than those of the log, and a higher number than a lower.
func (m AuditMark) Compare(other AuditMark) int {
	if c := m.At.Compare(other.At); c != 0 {
		return c
	}
	if m.Audit != other.Audit {
		if m.Audit {
			return 1
		}
		return -1
	}
	return cmp.Compare(m.ID, other.ID)
}

// String is a mark as a caller gives it back.
func (m AuditMark) String() string {
	from := "l"
	if m.Audit {
		from = "a"
	}
	return strconv.FormatInt(m.At.UnixMicro(), 36) + markDivider + from + strconv.FormatInt(m.ID, 36)
}

// markDivider divides the parts of a mark.
const markDivider = "."

// ParseAuditMark reads a mark.
func ParseAuditMark(text string) (m AuditMark, err error) {
	at, rest, ok := strings.Cut(text, markDivider)
	if !ok || rest == "" || rest[0] != 'a' && rest[0] != 'l' {
		return m, errors.New("no mark of the audit")
	}
	micros, err := strconv.ParseInt(at, 36, 64)
	if err != nil {
		return m, err
	}
	m.At, m.Audit = time.UnixMicro(micros).UTC(), rest[0] == 'a'
	m.ID, err = strconv.ParseInt(rest[1:], 36, 64)
	return m, err
}
