package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheReferenceShowsBodies: every call has what it takes and what it answers, with fields and an example.
func TestTheReferenceShowsBodies(t *testing.T) {
	r, err := loadReference()
	require.NoError(t, err)
	calls := map[string]referenceCall{}
	for _, tag := range r.Tags {
		for _, c := range tag.Calls {
			calls[c.ID] = c
			if c.Media != "" {
				require.True(t, json.Valid([]byte(c.Body)), "%s: %s", c.ID, c.Body)
				require.NotContains(t, []string{"{}", "null", `"text"`}, c.Body, c.ID)
			}
			if c.Answer != "" {
				require.True(t, json.Valid([]byte(c.Answer)), "%s: %s", c.ID, c.Answer)
				require.NotContains(t, []string{"{}", "null"}, c.Answer, c.ID)
			}
			require.Equal(t, tag.Name == "orders" || strings.HasPrefix(c.Path, "/admin/api/") && c.Path != "/admin/api/events", c.Try, c.ID)
		}
	}
	create := calls["createOrder"]
	require.Equal(t, "application/json", create.Media)
	require.Contains(t, create.Body, "TEA-SEN-100")
	require.Contains(t, create.Answer, `"etag"`)
	fields := map[string]schemaField{}
	for _, f := range create.Fields {
		fields[f.Name] = f
	}
	require.Equal(t, schemaField{"lines[].quantity", "integer, int64, from 1, to 1000000", "", true}, fields["lines[].quantity"])
	require.True(t, fields["orderNumber"].Required)
	require.False(t, fields["externalRef"].Required)
	require.Contains(t, fields["status"].Type, "one of draft, pending")
	require.Contains(t, fields["refunds[].lines[].lineId"].Text, "A line of the order")
	require.Equal(t, "application/merge-patch+json", calls["patchOrder"].Media)
	require.Contains(t, calls["patchOrder"].Body, `"customerNote": null`)
	require.True(t, calls["listChanges"].Token)
}
