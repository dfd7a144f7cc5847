package orders

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

func TestTagIsShortWhateverTheVersion(t *testing.T) {
	st := &Stored{}
	tags := map[string]bool{}
	for i := range 300 {
		st.Head.Version = st.Head.Version.With(ordersync.Dot{Key: fmt.Sprintf("a.epoch%05d", i), N: 1 << 50})
		tag := st.Tag()
		require.LessOrEqual(t, len(tag), TagLengthMax)
		require.False(t, tags[tag], "%s names two versions", tag)
		tags[tag] = true
		require.NoError(t, Condition{IfMatch: Tags{tag}}.check(st))
		require.NoError(t, Condition{IfMatch: Tags{st.Head.Version.String()}}.check(st), "the form of earlier releases")
	}
	require.Error(t, Condition{IfMatch: Tags{"a.epoch00000:1"}}.check(st))
}
