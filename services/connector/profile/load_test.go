package profile_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/profile"
)

// broken is the everything profile with a change, which is refused.
func broken(t *testing.T, from, to string) error {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile("testdata/everything/" + name)
		require.NoError(t, err)
		return data
	}
	text := string(read("profile.yaml"))
	require.Contains(t, text, from)
	_, err := profile.Load(fstest.MapFS{
		"profile.yaml":     {Data: []byte(strings.Replace(text, from, to, 1))},
		"samples/one.json": {Data: read("samples/one.json")},
	})
	return err
}

func TestBrokenProfilesAreRefusedWithLineAndReason(t *testing.T) {
	for name, c := range map[string]struct{ from, to, reads string }{
		"an unknown key":            {"  orderNumber: {path: .number}", "  orderNumber: {pth: .number}", "line 5: field pth not found"},
		"no YAML":                   {"name: everything", "name: [", "did not find expected"},
		"a field left out":          {"  internalNote: {path: .memo}\n", "", "line 4: fields: internalNote is missing"},
		"a field that is none":      {"  internalNote: {path: .memo}\n", "  internalNote: {path: .memo}\n  color: {here: true}\n", "fields.color: an order has no such field"},
		"an address left out":       {"  billingAddress.city: {path: .bill.city}\n", "", "billingAddress.city is missing"},
		"no jq":                     {"path: .number}", "path: '.number['}", "line 5: fields.orderNumber.path"},
		"no path":                   {"path: .number}", "path: '.number + 1'}", "line 5: fields.orderNumber.path: \".number + 1\" is not a path"},
		"two origins":               {"{path: .number}", "{path: .number, here: true}", "needs one of path, entry, read and here"},
		"a codec that does not fit": {"{path: .number}", "{path: .number, codec: money}", "the codec is one of text, enum, name"},
		"an unknown status":         {"4: on_hold", "4: waiting", "\"waiting\" is not a value of status"},
		"a way to nowhere":          {"to: completed, set", "to: finished, set", "leads to \"finished\""},
		"a way from nowhere":        {"from: [new, 1, 2, 3, 4, 5, 6], to: completed", "from: [new, 77], to: completed", "comes from \"77\""},
		"no zone":                   {", zone: Asia/Tokyo}\n  currency", "}\n  currency", "the layout has no zone"},
		"no such zone":              {"Asia/Tokyo}\n  currency", "Asia/Nowhere}\n  currency", "is not a time zone"},
		"no layout":                 {`"02.01.2006"`, `"tomorrow"`, "promisedOn"},
		"no total":                  {"totals: {totalMinor: '.total // .expected'}", "totals: {}", "needs totalMinor"},
		"an unknown way to keep":    {"{path: .memo}", "{path: .memo, fixed: drop}", "is error or keep"},
		"an unknown time to write":  {"{path: .memo}", "{path: .memo, write: sometimes}", "is neither always, create or never nor a status"},
		// What only the samples show.
		"another total there":    {"'.total // .expected'", "'.shipping'", "totals.totalMinor: sample one.json: cannot be read: /totals/totalMinor: the system says 4.90"},
		"the same place for two": {"internalNote: {path: .memo}", "internalNote: {path: .note}", "fields.customerNote: sample one.json: with another internalNote: /customerNote: the system would not keep it"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, broken(t, c.from, c.to), c.reads)
		})
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	err := broken(t, "  orderNumber: {path: .number}\n  externalRef: {", "  orderNumber: {path: '.['}\n  externalRef: {codec: money, ")
	require.ErrorContains(t, err, "line 5: fields.orderNumber.path")
	require.ErrorContains(t, err, "line 6: fields.externalRef")
}

func TestAProfileNeedsSamples(t *testing.T) {
	text, err := os.ReadFile("testdata/everything/profile.yaml")
	require.NoError(t, err)
	_, err = profile.Load(fstest.MapFS{"profile.yaml": {Data: text}})
	require.ErrorContains(t, err, "needs a sample")
	_, err = profile.Load(fstest.MapFS{"profile.yaml": {Data: text}, "samples/one.json": {Data: []byte("{")}})
	require.ErrorContains(t, err, "samples/one.json")
	_, err = profile.Load(fstest.MapFS{})
	require.ErrorContains(t, err, "profile.yaml")
}
