package contracts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestIsCurrency(t *testing.T) {
	for _, code := range []string{"EUR", "USD", "JPY", "DEM", "XAF"} {
		require.True(t, contracts.IsCurrency(code), code)
	}
	for _, code := range []string{"", "EUO", "eur", "XXX", "XTS", "EURO"} {
		require.False(t, contracts.IsCurrency(code), code)
	}
}
