package command

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

var tombstone = ordersync.Tombstone

// stage is one order on side a, brought into a state over REST alone.
type stage struct {
	*side
	id string
	o  contracts.Order
}

func (s *stage) version() contracts.Version { return s.timeline(s.id)[len(s.timeline(s.id))-1].Version }

func (s *stage) edit(note string) {
	s.t.Helper()
	s.o.CustomerNote = note
	s.want(http.StatusOK, "client", "PUT", "/orders/"+s.id, s.o, "If-Match", "*")
}

func (s *stage) remove() {
	s.t.Helper()
	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+s.id, nil, "If-Match", "*")
}

// ack is what b answers when it has taken what a has.
func (s *stage) ack() {
	s.t.Helper()
	s.put(http.StatusOK, entry(s.t, s.id, "OK", s.version(), &s.o))
}

func (s *stage) theirs(note string) *contracts.Order {
	o := s.o
	o.CustomerNote = note
	return &o
}

// before brings the order into a state; each is reached as it would be between two sides.
var before = map[string]func(s *stage){
	"-":   func(*stage) {},
	"NEW": func(s *stage) { s.create(s.o) },
	"OK":  func(s *stage) { s.create(s.o); s.ack() },
	"UPD": func(s *stage) { s.create(s.o); s.ack(); s.edit("ours") },
	"DEL": func(s *stage) { s.create(s.o); s.ack(); s.remove() },
	"DEL_SYNCED": func(s *stage) {
		s.create(s.o)
		s.ack()
		s.put(http.StatusOK, entry(s.t, s.id, "DEL", and(s.version(), b(7)), nil))
	},
	"COLLISION": func(s *stage) {
		s.create(s.o)
		agreed := s.version()
		s.ack()
		s.edit("ours")
		s.put(http.StatusConflict, entry(s.t, s.id, "UPD", and(agreed, b(5)), s.theirs("theirs")))
	},
	"ERROR": func(s *stage) {
		s.create(s.o)
		s.ack()
		bad := s.theirs("")
		bad.Lines = nil
		s.put(http.StatusOK, entry(s.t, s.id, "UPD", and(s.version(), b(6)), bad))
	},
	"ERROR_SYNCED": func(s *stage) {
		s.create(s.o)
		e := entry(s.t, s.id, "ERROR", contracts.Version{}, nil)
		e.Deleted, e.Fingerprint, e.Refused = false, "", &contracts.Refusal{Version: s.version(), Reason: "no such customer"}
		s.put(http.StatusOK, e)
	},
}

// TestEveryRowOverREST provokes each row of the table from outside, as side b would, and finds it in
// the timeline.
func TestEveryRowOverREST(t *testing.T) {
	s := startSide(t)
	for _, row := range ordersync.Table {
		var was []string
		switch row.Was {
		case ordersync.None:
			was = []string{"-"}
		case ordersync.Any:
			was = []string{"NEW", "UPD", "OK", "DEL", "DEL_SYNCED", "COLLISION", "ERROR", "ERROR_SYNCED"}
		default:
			was = []string{row.Was.String()}
		}
		for _, w := range was {
			t.Run(row.Received.String()+" was "+w, func(t *testing.T) {
				st := &stage{side: &side{t: t, cfg: s.cfg}, o: newOrder(t, "first")}
				st.id = st.o.ID
				before[w](st)
				if w != "-" {
					require.Equal(t, w, st.state(st.id))
				}
				status := http.StatusOK
				if row.Becomes == ordersync.Collision {
					status = http.StatusConflict
				}
				got := st.put(status, st.provoke(row.Received, w))[0]
				require.Equal(t, row.Becomes.String(), got.State)
				events := st.timeline(st.id)
				last := events[len(events)-1]
				require.Equal(t, row.Received.String(), last.Received)
				require.Equal(t, row.Becomes.String(), last.Becomes)
				want := row.Received.String() + "/" + w
				if row.Was == ordersync.Any {
					want = row.Received.String() + "/any"
				}
				require.Equal(t, want, last.Rule)
			})
		}
	}
	s.contentsAreWhole()
}

// provoke is the entry of b that makes a row apply to an order in state was.
func (s *stage) provoke(received ordersync.State, was string) contracts.Entry {
	s.t.Helper()
	events := s.timelineOrNone()
	var ours, first contracts.Version
	if len(events) > 0 {
		ours, first = events[len(events)-1].Version, events[0].Version
	}
	concurrent := and(first, b(9)) // b worked on what it first had
	switch received {
	case ordersync.New:
		if was == "OK" {
			return entry(s.t, s.id, "NEW", ours, &s.o)
		}
		return entry(s.t, s.id, "NEW", b(9), s.theirs("theirs"))
	case ordersync.Upd:
		if was == "OK" {
			return entry(s.t, s.id, "UPD", and(ours, b(9)), s.theirs("theirs"))
		}
		return entry(s.t, s.id, "UPD", concurrent, s.theirs("theirs"))
	case ordersync.Del:
		switch was {
		case "OK":
			return entry(s.t, s.id, "DEL", and(ours, b(9)), nil)
		case "DEL_SYNCED":
			return entry(s.t, s.id, "DEL", ours, nil)
		}
		return entry(s.t, s.id, "DEL", concurrent, nil)
	case ordersync.OK:
		return entry(s.t, s.id, "OK", ours, &s.o)
	case ordersync.DelSynced:
		return entry(s.t, s.id, "DEL_SYNCED", ours, nil)
	case ordersync.Collision:
		if was == "NEW" {
			return entry(s.t, s.id, "COLLISION", b(9), s.theirs("theirs"))
		}
		return entry(s.t, s.id, "COLLISION", concurrent, s.theirs("theirs"))
	case ordersync.Error:
		has := map[string]contracts.Version{
			"NEW": {}, "ERROR_SYNCED": {}, "UPD": first, "DEL": first, "OK": ours, "DEL_SYNCED": ours,
			"COLLISION": and(first, b(5)), "ERROR": and(ours, b(6)),
		}[was]
		e := entry(s.t, s.id, "ERROR", has, &s.o)
		e.Order = nil
		if was == "DEL_SYNCED" || len(has) == 0 {
			e.Fingerprint = ""
		}
		e.Refused = &contracts.Refusal{Version: ours, Reason: "no such customer"}
		return e
	case ordersync.ErrorSynced:
		bad := s.theirs("")
		bad.Lines = nil
		return entry(s.t, s.id, "ERROR_SYNCED", and(ours, b(6)), bad)
	default:
		s.t.Fatalf("no entry for %s", received)
		return contracts.Entry{}
	}
}

func (s *stage) timelineOrNone() []contracts.TimelineEvent {
	a := s.do("admin", "GET", "/admin/api/orders/"+s.id+"/timeline", nil)
	if a.status == http.StatusNotFound {
		return nil
	}
	var tl contracts.Timeline
	a.into(s.t, &tl)
	return tl.Events
}
