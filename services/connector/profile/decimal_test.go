package profile

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		text   string
		digits int
		want   int64
	}{
		{"12.34", 2, 1234},
		{"12.3", 2, 1230},
		{"12", 2, 1200},
		{"12.", 2, 1200},
		{".5", 2, 50},
		{"0.00", 2, 0},
		{"-0.01", 2, -1},
		{"+1", 2, 100},
		{"100", 0, 100},
		{"100.00", 0, 100},
		{"1.250", 3, 1250},
		{"0.0000", 2, 0},
		{"12.5000", 2, 1250},
		{"1e2", 2, 10000},
		{"1.5E1", 2, 1500},
		{"1234e-2", 2, 1234},
		{"100e-4", 2, 1},
		{"0e-30", 2, 0},
		{"90071992547409.91", 2, contracts.MinorMax},
		{"007", 2, 700},
	} {
		got, err := parseDecimal(c.text, c.digits)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
	}
	for _, c := range []struct {
		text   string
		digits int
		reads  string
	}{
		{"12.345", 2, "more than 2 digits"},
		{"100.5", 0, "more than 0 digits"},
		{"1e-3", 2, "more than 2 digits"},
		{"", 2, "not a decimal"},
		{".", 2, "not a decimal"},
		{"1,50", 2, "not a decimal"},
		{"1 000", 2, "not a decimal"},
		{"NaN", 2, "not a decimal"},
		{"1e99", 2, "not a decimal"},
		{"0x10", 2, "not a decimal"},
		{"--1", 2, "not a decimal"},
		{"90071992547409.92", 2, "more than an order can hold"},
		{"1e30", 2, "more than an order can hold"},
		{"١", 2, "not a decimal"},
	} {
		_, err := parseDecimal(c.text, c.digits)
		require.ErrorContains(t, err, c.reads, c.text)
	}
}

// FuzzParseDecimal holds it to exact rational numbers: what is accepted is the same number, and what is written is
// read back.
func FuzzParseDecimal(f *testing.F) {
	for _, text := range []string{"12.34", "-0.010", "1e2", "100e-4", "90071992547409.91", ".5", "1e-9", "0"} {
		f.Add(text, 2)
	}
	f.Fuzz(func(t *testing.T, text string, digits int) {
		if digits < 0 || digits > 4 {
			return
		}
		got, err := parseDecimal(text, digits)
		exact, ok := new(big.Rat).SetString(text)
		if err != nil {
			return
		}
		if strings.HasPrefix(text, ".") || strings.HasSuffix(text, ".") {
			ok = true
		}
		require.True(t, ok, "accepted %q", text)
		if exact != nil {
			scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
			exact.Mul(exact, new(big.Rat).SetInt(scale))
			require.Zero(t, exact.Cmp(new(big.Rat).SetInt64(got)), "%q is %s, not %d", text, exact, got)
		}
		again, err := parseDecimal(formatDecimal(got, digits), digits)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
