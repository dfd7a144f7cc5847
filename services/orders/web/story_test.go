package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestStoryOfBothSides: what happened where is known by the versions' keys.
func TestStoryOfBothSides(t *testing.T) {
	made := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	v := func(a, b int64) contracts.Version {
		out := contracts.Version{}
		for key, n := range map[string]int64{"a.x": a, "b.y": b} {
			if n > 0 {
				out[key] = n
			}
		}
		return out
	}
	events := []contracts.TimelineEvent{
		{Event: "created", Peer: "b", Becomes: "NEW", Version: v(1, 0), Actor: "user:anna"},
		{Event: "acknowledged", Peer: "b", Was: "NEW", Becomes: "OK", Version: v(1, 0), Actor: "peer:b"},
		{Event: "received", Peer: "b", Was: "OK", Becomes: "OK", Version: v(1, 1), Actor: "peer:b"},
		{Event: "edited", Peer: "b", Was: "OK", Becomes: "UPD", Version: v(2, 1), Actor: "client"},
		{Event: "received", Peer: "b", Was: "UPD", Becomes: "COLLISION", Version: v(2, 1), Actor: "peer:b"},
		{Event: "answered", Peer: "b", Was: "COLLISION", Becomes: "OK", Version: v(2, 3), Actor: "bridge"},
		{Event: "edited", Peer: "b", Was: "OK", Becomes: "UPD", Version: v(3, 3), Actor: "client"},
		{Event: "received", Peer: "b", Was: "UPD", Becomes: "UPD", Version: v(4, 4), Actor: "peer:b"},
		{Event: "deleted", Peer: "b", Was: "UPD", Becomes: "DEL", Version: v(5, 4), Deleted: true, Actor: "user:anna"},
		{Event: "acknowledged", Peer: "b", Was: "DEL", Becomes: "DEL_SYNCED", Version: v(5, 4), Deleted: true},
		{Event: "received", Peer: "b", Was: "DEL_SYNCED", Becomes: "OK", Version: contracts.Version{"a.x": 5, "b.y": 4, "c.z": 1}},
		{Event: "relayed", Peer: "d", Was: "DEL_SYNCED", Becomes: "UPD", Version: contracts.Version{"a.x": 5, "b.y": 4, "c.z": 1}, Actor: "peer:b"},
		{Event: "received", Peer: "b", Was: "OK", Becomes: "OK", Version: contracts.Version{"a.x": 5, "b.y": 5, "c.z": 1}},
	}
	story := storyOf(&contracts.Timeline{Side: "a", Events: events}, &contracts.SyncView{Version: events[len(events)-1].Version, UpdatedAt: made})
	want := []struct{ where, class, text, who, told string }{
		{"a", "here", "Created", "anna", ""},
		{"b", "there", "Taken over: b has it too", "", "told by b"},
		{"b", "there", "Changed", "", "told by b and taken over here"},
		{"a", "here", "Changed", "a program", ""},
		{"a and b", "both", "Collided: both had changed it without knowing of each other", "", "told by b"},
		{"b", "there", "Settled", "", "told by b in its answer to a and taken over here"},
		{"a", "here", "Changed", "a program", ""},
		{"a", "here", "Put together with a change of b", "", "told by b"},
		{"a", "here", "Deleted", "anna", ""},
		{"b", "there", "Deleted there too", "", "told by b"},
		{"c", "there", "Brought back", "", "by way of b, told by b and taken over here"},
		{"a", "here", "Relayed to d", "", "by way of b"},
		{"b", "there", "Changed", "", "told by b and taken over here"},
	}
	require.Len(t, story, len(want))
	for i, w := range want {
		s := story[len(story)-1-i]
		require.Equal(t, w, struct{ where, class, text, who, told string }{s.Where, s.Class, s.Text, s.Who, s.Told}, "%d", i)
	}
	require.Equal(t, made, story[0].Made, "of the present content it is known when it was written")
	for _, s := range story[1:] {
		require.Zero(t, s.Made)
	}
}
