package orders

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestDiffer(t *testing.T) {
	body := func(s string) CaseVersion { return CaseVersion{Body: []byte(s)} }
	base := body(`{"a":1,"note":"x","lines":[{"lineId":"L1","quantity":1,"totalMinor":5},{"lineId":"L2","quantity":2}],"tags":["t"],"totals":{"totalMinor":5}}`)
	c := Case{
		Base:   &base,
		Ours:   body(`{"a":2,"note":"ours","lines":[{"lineId":"L2","quantity":2},{"lineId":"L1","quantity":1,"totalMinor":6}],"tags":["t","u"],"totals":{"totalMinor":6}}`),
		Theirs: body(`{"a":1,"note":"theirs","lines":[{"lineId":"L1","quantity":9,"totalMinor":7}],"tags":["t"],"m/x":9007199254740993}`),
	}
	got, err := c.Differ()
	require.NoError(t, err)
	require.Equal(t, []contracts.DifferField{
		{Pointer: "/a"},
		{Pointer: "/lines/L1/quantity"},
		{Pointer: "/lines/L2/lineId"},
		{Pointer: "/lines/L2/quantity"},
		{Pointer: "/m~1x"},
		{Pointer: "/note", Contested: true},
		{Pointer: "/tags/u"},
	}, got, "lines by id, derived fields left out, one-sided changes not contested")
	c.Base = nil
	got, err = c.Differ()
	require.NoError(t, err)
	for _, d := range got {
		require.True(t, d.Contested, "without a base nobody can tell")
	}
	c.Theirs.Body = nil // deleted
	got, err = c.Differ()
	require.NoError(t, err)
	require.NotEmpty(t, got)
	c.Theirs.Body = []byte(`{`)
	_, err = c.Differ()
	require.Error(t, err)
}
