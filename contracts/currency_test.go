package contracts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestAmount(t *testing.T) {
	require.Equal(t, "123.45", contracts.Amount(12345, "EUR", ""))
	require.Equal(t, "1'234'567.00", contracts.Amount(123456700, "EUR", "'"))
	require.Equal(t, "-0.05", contracts.Amount(-5, "EUR", ""))
	require.Equal(t, "12345", contracts.Amount(12345, "JPY", ""))
	require.Equal(t, "12.345", contracts.Amount(12345, "KWD", ""))
	require.Equal(t, "0.0000", contracts.Amount(0, "CLF", ""))
}
