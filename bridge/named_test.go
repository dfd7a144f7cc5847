package bridge

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestAFullPlanNamesWhatHappensToFew, whenever it is found.
func TestAFullPlanNamesWhatHappensToFew(t *testing.T) {
	var plan []contracts.PlannedOrder
	found := map[string]int{}
	meet := func(effect string, n int) {
		for range n {
			found[effect]++
			plan = named(plan, contracts.PlannedOrder{ID: fmt.Sprint(effect, found[effect]), Effect: effect}, found[effect])
		}
	}
	meet("deletesHere", 3*contracts.PlanMax)
	require.Len(t, plan, contracts.PlanMax)
	meet("createsHere", 2)
	meet("collides", samplesMin+20)
	meet("replacesHere", 1)
	require.Len(t, plan, contracts.PlanMax)
	in := map[string]int{}
	ids := map[string]bool{}
	for _, p := range plan {
		in[p.Effect]++
		ids[p.ID] = true
	}
	require.Len(t, ids, contracts.PlanMax, "nobody is named twice")
	require.Equal(t, map[string]int{
		"createsHere": 2, "collides": samplesMin, "replacesHere": 1, "deletesHere": contracts.PlanMax - 3 - samplesMin,
	}, in)
}
