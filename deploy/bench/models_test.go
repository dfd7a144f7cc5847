//go:build linux

package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestModelsCoverEveryStateAndLeaveAShareForTheFirst(t *testing.T) {
	states, shares := map[string]bool{}, 0
	for _, m := range models {
		states[m.state] = true
		shares += m.share
	}
	require.Less(t, shares, 1000)
	for _, state := range contracts.States[1:9] {
		require.True(t, states[state], state)
	}
}

func TestModelsHaveWhatCopiesReplace(t *testing.T) {
	m := &maker{number: modelFirst}
	o := m.order()
	require.Empty(t, o.Validate())
	require.Equal(t, modelNumber, o.OrderNumber)
	require.Equal(t, contracts.Customer{Ref: modelRef, Name: modelName, Email: modelMail}, o.Customer)
	require.Equal(t, contracts.StatusConfirmed, o.Status)
	for _, status := range statuses {
		require.Contains(t, contracts.OrderStatuses, contracts.OrderStatus(status))
	}
}

func TestBWritesOverWhatItHasSeen(t *testing.T) {
	m := &maker{number: modelFirst}
	require.Equal(t, contracts.Version{seedKey: 1}, m.told("NEW", m.order()).Version)
	m.version = contracts.Version{seedKey: 1, "a.x": 7}
	require.Equal(t, contracts.Version{seedKey: 2, "a.x": 7}, m.told("UPD", m.order()).Version)
	e := m.told("DEL", nil)
	require.True(t, e.Deleted)
	require.Empty(t, e.Validate())
}

func TestCallsAreDistinct(t *testing.T) {
	names, paths := map[string]bool{}, map[string]bool{}
	for _, c := range calls(places{FromMiddle: "fm", FromLast: "fl", FromDeleted: "fd", ChangeSeq: 3, Middle: "m", Last: "l", Deleted: "d", Collision: "c", LateCollision: "lc", Error: "e", Often: "o", Reconciliation: "r", Mail: "ben.bach17@mail.example", Number: "P-0000017"}) {
		require.False(t, names[c.name], c.name)
		require.False(t, paths[c.path], c.path)
		names[c.name], paths[c.path] = true, true
		u, err := url.Parse(c.path)
		require.NoError(t, err)
		_, err = url.ParseQuery(u.RawQuery)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(c.path, "/"))
	}
}
