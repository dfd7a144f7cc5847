package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMoney(t *testing.T) {
	require.Equal(t, "12\u202f345.67\u00a0EUR", withCurrency(1234567, "EUR"))
	require.Equal(t, "0.05\u00a0EUR", withCurrency(5, "EUR"))
	require.Equal(t, "1\u202f500\u00a0JPY", withCurrency(1500, "JPY"))
	require.Equal(t, "1.500\u00a0KWD", withCurrency(1500, "KWD"))
	require.Equal(t, "\u22120.99\u00a0USD", withCurrency(-99, "USD"))
	for _, c := range []struct {
		text, currency string
		minor          int64
	}{{"12.50", "EUR", 1250}, {"12,5", "EUR", 1250}, {" 1 234.5 ", "EUR", 123450}, {".5", "EUR", 50}, {"7", "JPY", 7}, {"1.234", "KWD", 1234}, {"", "EUR", 0}} {
		minor, fault := parseAmount(c.text, c.currency)
		require.Empty(t, fault, c.text)
		require.Equal(t, c.minor, minor, c.text)
	}
	for _, c := range []struct{ text, currency, fault string }{
		{"1.2.3", "EUR", "must be an amount such as 12.50"},
		{"-1", "EUR", "must be an amount such as 12.50"},
		{"ten", "EUR", "must be an amount such as 12.50"},
		{"1.234", "EUR", "must have at most 2 digits after the point"},
		{"1.5", "JPY", "JPY has no smaller unit; write a whole amount"},
		{"90071992547410", "EUR", "is too large"},
		{"99999999999999999999", "EUR", "is too large"},
	} {
		_, fault := parseAmount(c.text, c.currency)
		require.Equal(t, c.fault, fault, c.text)
	}
	for text, ppm := range map[string]int64{"19": 190_000, "5.5 %": 55_000, "7,7": 77_000, "0.0001": 1} {
		got, fault := parsePercent(text)
		require.Empty(t, fault, text)
		require.Equal(t, ppm, got, text)
	}
	require.Equal(t, "5.5", percent(55_000))
	require.Equal(t, "20", percent(200_000))
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 20, 30, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", -time.Second: "just now", 59 * time.Second: "59\u00a0seconds ago", time.Minute: "1\u00a0minute ago",
		25 * time.Hour: "1\u00a0day ago", 800 * 24 * time.Hour: "2\u00a0years ago", -time.Hour: "in 1\u00a0hour",
	} {
		require.Equal(t, want, ago(now.Add(-d), now))
	}
	require.Equal(t, "10:20", clock(now, now.Add(time.Hour)))
	require.Equal(t, "21 Nov 2026, 10:20", clock(now, now.Add(24*time.Hour)))
}
