package contracts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestVersionContains(t *testing.T) {
	type version = contracts.Version
	for _, c := range []struct {
		v, other version
		want     bool
	}{
		{version{"a.1": 2, "b.1": 1}, version{"a.1": 1}, true},
		{version{"a.1": 2}, version{"a.1": 1, "b.1": 1}, false},
		{version{"a.2": 2, "b.1!": 3}, version{"a.1": 1, "a.2!": 2}, true}, // a.1 is no head, and was left out
		{version{"a.2": 2, "b.1!": 3}, version{"a.1": 1, "a.2": 2}, false},
		{version{"a.1": 1}, version{"a.1": 1, "a.2!": 2}, false},
		{version{"a.1": 1}, version{}, true},
	} {
		require.Equal(t, c.want, c.v.Contains(c.other), "%v contains %v", c.v, c.other)
	}
}
