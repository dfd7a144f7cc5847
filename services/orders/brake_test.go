package orders

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func limitOf(t *testing.T, text string) Limit {
	t.Helper()
	l, err := ParseLimit(text)
	require.NoError(t, err)
	return l
}

// admitted has a batch of so many deletions pass the brake, and says how many of them are held.
func admitted(b *Brake, s BrakeState, now time.Time, orders ...uuid.UUID) (BrakeState, int) {
	var list []*taking
	for _, id := range orders {
		list = append(list, &taking{order: id, deletion: true})
	}
	s = b.admit("b", s, now, list)
	held := 0
	for _, t := range list {
		if t.held != "" {
			held++
		}
	}
	return s, held
}

func some(n int) (ids []uuid.UUID) {
	for range n {
		ids = append(ids, uuid.New())
	}
	return ids
}

// TestTheBrakeCountsWithinItsWindow, and stays tripped after it.
func TestTheBrakeCountsWithinItsWindow(t *testing.T) {
	b := NewBrake(limitOf(t, "3"), Limit{}, time.Minute, nil)
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	s, held := admitted(b, BrakeState{}, now, some(2)...)
	require.Zero(t, held)
	s, held = admitted(b, s, now.Add(2*time.Minute), some(3)...)
	require.Zero(t, held, "the first window is over")
	require.False(t, s.Deletions)
	s, held = admitted(b, s, now.Add(2*time.Minute), some(2)...)
	require.Equal(t, 2, held)
	require.True(t, s.Deletions)
	s, held = admitted(b, s, now.Add(time.Hour), some(1)...)
	require.Equal(t, 1, held, "it stays tripped")
	s.OffUntil = now.Add(2 * time.Hour)
	_, held = admitted(b, s, now.Add(time.Hour), some(9)...)
	require.Zero(t, held, "an operator has it off")
	list := []*taking{{order: uuid.New()}}
	b.admit("b", BrakeState{}, now, list)
	require.Empty(t, list[0].held, "replacements have no limit")
}

// TestAConfirmedPlanAllowsItsOwnEffects and nothing else: neither another order nor another effect, nor what
// the operator left out. Orders that it only counts pass in that number.
func TestAConfirmedPlanAllowsItsOwnEffects(t *testing.T) {
	b := NewBrake(limitOf(t, "0"), limitOf(t, "0"), time.Minute, nil)
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	ids := some(4)
	rep := &contracts.ReconcileReport{
		Effects: map[string]int{"deletesHere": 2, "replacesHere": 1, "createsHere": 1},
		Plan: []contracts.PlannedOrder{
			{ID: ids[0].String(), Effect: "deletesHere"},
			{ID: ids[1].String(), Effect: "deletesHere"},
			{ID: ids[2].String(), Effect: "replacesHere"},
			{ID: ids[3].String(), Effect: "createsHere"},
		},
	}
	plan := PlanOf(rep, []uuid.UUID{ids[1]})
	for _, c := range []struct {
		what string
		t    taking
		held bool
	}{
		{"a planned deletion", taking{order: ids[0], deletion: true}, false},
		{"the same once more", taking{order: ids[0], deletion: true}, false},
		{"a planned replacement", taking{order: ids[2]}, false},
		{"a deletion that was left out", taking{order: ids[1], deletion: true}, true},
		{"the deletion of what should be replaced", taking{order: ids[2], deletion: true}, true},
		{"the replacement of what should be deleted", taking{order: ids[0]}, true},
		{"the deletion of what should be created", taking{order: ids[3], deletion: true}, true},
		{"another order", taking{order: uuid.New(), deletion: true}, true},
	} {
		b.admit("b", BrakeState{Plan: plan}, now, []*taking{&c.t})
		require.Equal(t, c.held, c.t.held != "", c.what)
	}

	rep.Effects["deletesHere"] = 5
	s, held := admitted(b, BrakeState{Plan: PlanOf(rep, nil)}, now, some(4)...)
	require.Equal(t, 1, held, "three that it does not name")
	_, held = admitted(b, s, now, ids[0], ids[1])
	require.Zero(t, held, "those that it names are not among them")
}
