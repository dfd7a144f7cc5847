package command

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestAnOrderWithBlanksCanBeEdited edits an order whose number and names end with blanks, placed within a
// full minute, as browsers do: what was not touched stays, and what was is saved.
func TestAnOrderWithBlanksCanBeEdited(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	o.OrderNumber, o.Customer.Name, o.Lines[0].Name = "WEB-9 ", " Ada ", "Tea "
	o.PlacedAt = time.Date(2026, 11, 21, 9, 14, 0, 318204000, time.UTC)
	o.Tags, o.Metadata = []string{" gift "}, map[string]string{"k": " v "}
	made := s.create(o)
	anna := s.person("anna", access.Operator)
	path := "/admin/orders/" + made.ID + "/edit"
	form := fieldsOf(t, anna.do("GET", path, "").body)
	form.Set("/placedAt", strings.TrimSuffix(form.Get("/placedAt"), ":00")) // as browsers send it
	save := func() {
		t.Helper()
		saved := anna.do("POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusSeeOther, saved.status, "%s", saved.body)
	}
	save()
	require.Equal(t, made.Sync.Version, s.get(made.ID).Sync.Version, "nothing was changed")
	form.Set("/customerNote", "second")
	save()
	got, want := s.get(made.ID).Order, made.Order
	want.CustomerNote = "second"
	require.Equal(t, want, got)
}
