package command

import (
	"html"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// TestACaseShowsWhatDiffersBetweenAlikes: the versions of a case differ in a no-break space and a tenth of a
// second only; page and command show it.
func TestACaseShowsWhatDiffersBetweenAlikes(t *testing.T) {
	s := startSide(t)
	made := s.create(newOrder(t, "Ring twice"))
	theirs := made.Order
	theirs.CustomerNote, theirs.PlacedAt = "Ring\u00a0twice", made.PlacedAt.Add(100_000_000)
	s.put(http.StatusConflict, entry(t, made.ID, "NEW", b(1), &theirs))
	anna := s.person("anna", access.Operator)
	page := anna.do("GET", "/admin/collisions/"+made.ID, "")
	require.Equal(t, http.StatusOK, page.status)
	out, err := run(t, s, "admin", cli.Collisions, "show", made.ID)
	require.NoError(t, err)
	for _, shown := range []string{html.UnescapeString(string(page.body)), out} {
		require.Contains(t, shown, "Ring‹U+0020›twice")
		require.Contains(t, shown, "Ring‹U+00A0›twice")
	}
	require.Contains(t, string(page.body), made.PlacedAt.UTC().Format("15:04:05.999999")+" UTC")
	require.Contains(t, string(page.body), theirs.PlacedAt.UTC().Format("15:04:05.999999")+" UTC")
}
