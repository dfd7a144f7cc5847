package postgres

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
)

// TestAHashIsOfTheSameTextAsEver: a peer with another version of the program computes it too, and both are compared.
func TestAHashIsOfTheSameTextAsEver(t *testing.T) {
	s := open(t, 2)
	var whole [16]byte
	for i := range 5 {
		id := uuid.MustParse(fmt.Sprintf("%08x-0000-7000-8000-000000000000", i))
		write(t, s, id, fmt.Sprintf("a.x:%d", i+1), `{"n":1}`, nil)
		_, err := s.pool.Exec(t.Context(), `UPDATE orders SET deleted = $2 WHERE id = $1`, id, i%2 == 0)
		require.NoError(t, err)
		var version, fingerprint string
		require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT version, fingerprint FROM orders WHERE id = $1`, id).Scan(&version, &fingerprint))
		h := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %s", id, version, map[bool]string{true: "t", false: "f"}[i%2 == 0], fingerprint))
		for j := range whole {
			whole[j] ^= h[j]
		}
	}
	got, position, err := s.Ranges(t.Context(), orders.RangeQuery{Parts: 1})
	require.NoError(t, err)
	require.Equal(t, []orders.Range{{Count: 5, Hash: whole}}, got)
	state, err := s.StateAt(t.Context(), position)
	require.NoError(t, err)
	require.Equal(t, whole, state.Hash)

	parts, _, err := s.Ranges(t.Context(), orders.RangeQuery{Parts: 3})
	require.NoError(t, err)
	var sum [16]byte
	for _, p := range parts {
		for j := range sum {
			sum[j] ^= p.Hash[j]
		}
	}
	require.Len(t, parts, 3)
	require.Equal(t, whole, sum)
}
