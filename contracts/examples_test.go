package contracts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// examples says what each file in examples/ is: its Go type, and its schema when that is not the
// type's own.
var examples = map[string]struct {
	value  any
	schema string
}{
	"accepted.json":           {value: contracts.Accepted{}},
	"admin.orders.json":       {value: contracts.AdminOrderPage{}},
	"batch.answers.json":      {value: contracts.Batch{}},
	"batch.new.json":          {value: contracts.Batch{}},
	"bridge.report.json":      {value: contracts.BridgeReport{}},
	"conflict.policy.json":    {value: contracts.ConflictPolicy{}},
	"conflict.trial.json":     {value: contracts.PolicyTrial{}},
	"conflict.preview.json":   {value: contracts.PolicyPreview{}},
	"collision.json":          {value: contracts.Collision{}},
	"collisions.settle.json":  {value: contracts.CollisionSettlement{}},
	"collisions.settled.json": {value: contracts.CollisionSettlementResult{}},
	"entry.collision.json":    {value: contracts.Entry{}},
	"entry.refused.json":      {value: contracts.Entry{}},
	"entries.json":            {value: contracts.EntryPage{}},
	"failed.calls.json":       {value: contracts.FailedCallList{}},
	"fingerprints.json":       {value: contracts.RangeList{}},
	"history.json":            {value: contracts.History{}},
	"hint.json":               {value: contracts.Hint{}},
	"user.json":               {value: contracts.User{}},
	"users.json":              {value: contracts.UserList{}},
	"user.new.json":           {value: contracts.NewUser{}},
	"user.edit.json":          {value: contracts.UserEdit{}},
	"password.reset.json":     {value: contracts.PasswordReset{}},
	"user.password.json":      {value: contracts.UserPassword{}},
	"token.json":              {value: contracts.Token{}},
	"tokens.json":             {value: contracts.TokenList{}},
	"token.new.json":          {value: contracts.NewToken{}},
	"token.secret.json":       {value: contracts.TokenSecret{}},
	"audit.json":              {value: contracts.AuditPage{}},
	"login.json":              {value: contracts.Login{}},
	"password.change.json":    {value: contracts.PasswordChange{}},
	"session.json":            {value: contracts.Session{}},
	"lookup.json":             {value: contracts.Lookup{}},
	"lookup.result.json":      {value: contracts.LookupResult{}},
	"order.changes.json":      {value: contracts.OrderChanges{}},
	"order.create.json":       {contracts.Order{}, "NewOrder"},
	"order.edit.json":         {contracts.Order{}, "EditedOrder"},
	"order.page.json":         {value: contracts.OrderPage{}},
	"order.view.json":         {value: contracts.OrderView{}},
	"peer.json":               {value: contracts.Peer{}},
	"peers.json":              {value: contracts.PeerList{}},
	"problem.moved.json":      {value: contracts.Problem{}},
	"problem.stale.json":      {value: contracts.Problem{}},
	"problem.validation.json": {value: contracts.Problem{}},
	"proposal.json":           {value: contracts.Proposal{}},
	"proposal.decision.json":  {value: contracts.ProposalDecision{}},
	"resolution.order.json":   {value: contracts.Resolution{}},
	"resolution.picks.json":   {value: contracts.Resolution{}},
	"resolution.take.json":    {value: contracts.Resolution{}},
	"proof.json":              {value: contracts.Proof{}},
	"reconciliation.json":     {value: contracts.Reconciliation{}},
	"settlement.json":         {value: contracts.ErrorSettlement{}},
	"states.json":             {value: contracts.StateTable{}},
	"status.json":             {value: contracts.Status{}},
	"system.json":             {value: contracts.SystemStatus{}},
	"system.order.json":       {value: contracts.SystemOrder{}},
	"system.probe.json":       {value: contracts.SystemProbe{}},
	"timeline.json":           {value: contracts.Timeline{}},
	"transactions.json":       {value: contracts.TransactionPage{}},
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*.json")
	require.NoError(t, err)
	require.Len(t, files, len(examples))
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			example, ok := examples[name]
			require.True(t, ok, "name it in the list above")
			data := readFile(t, file)

			goType := reflect.TypeOf(example.value)
			decoded := reflect.New(goType).Interface()
			require.NoError(t, strictjson.Decode(data, decoded))
			encoded, err := strictjson.Encode(decoded)
			require.NoError(t, err)
			require.Equal(t, plain(t, data), withoutAdded(plain(t, encoded), plain(t, data)))

			schema := example.schema
			if schema == "" {
				schema = goType.Name()
			}
			require.NoError(t, checkSchema(t, schemaOf(t, schema), data))
			requireValid(t, decoded)
		})
	}
}

// withoutAdded leaves out the members that encoding adds: zero values that a client may leave out.
func withoutAdded(encoded, original any) any {
	switch e := encoded.(type) {
	case map[string]any:
		o, _ := original.(map[string]any)
		for name, v := range e {
			if _, there := o[name]; !there && (v == "" || v == "0001-01-01T00:00:00Z") {
				delete(e, name)
				continue
			}
			e[name] = withoutAdded(v, o[name])
		}
	case []any:
		o, _ := original.([]any)
		for i := range min(len(e), len(o)) {
			e[i] = withoutAdded(e[i], o[i])
		}
	}
	return encoded
}

// requireValid applies a message's own rules, where it has some.
func requireValid(t *testing.T, message any) {
	t.Helper()
	switch m := message.(type) {
	case *contracts.Batch:
		for i := range m.Entries {
			requireValid(t, &m.Entries[i])
		}
	case *contracts.Accepted:
		requireValid(t, m.Answers)
	case *contracts.LookupResult:
		for i := range m.Entries {
			requireValid(t, &m.Entries[i])
		}
	case *contracts.Entry:
		require.Empty(t, m.Validate())
		if m.Order != nil {
			require.Empty(t, m.Order.Validate())
		}
	case *contracts.OrderView:
		require.Empty(t, m.Validate())
	case *contracts.Hint:
		require.Empty(t, m.Validate())
	case *contracts.FailedCallList:
		for _, b := range m.Bridges {
			for i := range b.Calls {
				require.Empty(t, b.Calls[i].Validate())
			}
		}
	case *contracts.BridgeReport:
		for i := range m.Failed {
			require.Empty(t, m.Failed[i].Validate())
		}
	}
}

// What a client leaves out is filled in by the service; with that, the bodies are valid orders.
func TestClientExamplesAreValidOnceCompleted(t *testing.T) {
	view := decodeExample[contracts.OrderView](t, "order.view.json")
	for _, name := range []string{"order.create.json", "order.edit.json"} {
		o := decodeExample[contracts.Order](t, name)
		fillIn(&o, view.Order)
		require.Empty(t, o.Validate(), name)
	}
	require.Empty(t, decodeExample[contracts.Order](t, "order.create.json").ID)
}

func fillIn(o *contracts.Order, from contracts.Order) {
	o.ID = from.ID
	if o.Status == "" {
		o.Status, o.FulfillmentStatus, o.PlacedAt = from.Status, from.FulfillmentStatus, from.PlacedAt
	}
	for i := range o.Lines {
		if o.Lines[i].LineID == "" {
			o.Lines[i].LineID = from.Lines[i].LineID
		}
	}
	for i := range o.Refunds {
		o.Refunds[i].ID = from.ID
	}
}

// beyondSchema lists the invalid examples that a schema cannot refuse, and why.
var beyondSchema = map[string]string{
	"discount-over-price.json":            "compares fields",
	"line-id-twice.json":                  "unique by a field",
	"line-total-does-not-fit.json":        "derived",
	"lines-add-up-too-high.json":          "derived",
	"name-twice.json":                     "a schema sees what is left after parsing",
	"placed-at-before-1970-in-utc.json":   "counts with the zone",
	"price-times-quantity-too-large.json": "derived",
	"tax-lifts-line-too-high.json":        "derived",
	"refund-id-twice.json":                "unique by a field",
	"refund-of-nothing.json":              "compares fields",
	"refund-of-too-many.json":             "adds up",
	"refund-of-unknown-line.json":         "compares fields",
	"refunds-over-total.json":             "derived",
	"totals-do-not-fit.json":              "derived",
	"tracking-twice.json":                 "unique by two fields",
	"tracking-url-with-password.json":     "an address has parts",
}

func TestInvalidExamples(t *testing.T) {
	files, err := filepath.Glob("examples/invalid/*.json")
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		name := filepath.Base(file)
		names = append(names, name)
		t.Run(name, func(t *testing.T) {
			var example struct {
				Pointer string          `json:"pointer"`
				Order   json.RawMessage `json:"order"` // as it stands, names that appear twice included
			}
			require.NoError(t, json.Unmarshal(readFile(t, file), &example))
			require.Equal(t, []string{example.Pointer}, pointers(refuse(t, example.Order)))

			err := checkSchema(t, schemaOf(t, "Order"), example.Order)
			if why, beyond := beyondSchema[name]; beyond {
				require.NoErrorf(t, err, "listed as beyond the schema (%s)", why)
			} else {
				require.Error(t, err, "the schema lets it pass")
			}
		})
	}
	for name := range beyondSchema {
		require.Contains(t, names, name)
	}
}

// refuse finds what is wrong with an order, be it how it is written or what it says.
func refuse(t *testing.T, data []byte) []contracts.FieldError {
	t.Helper()
	var o contracts.Order
	if err := strictjson.Decode(data, &o); err != nil {
		p, ok := errors.AsType[*contracts.Problem](err)
		require.True(t, ok)
		return p.Errors
	}
	return o.Validate()
}

func pointers(errs []contracts.FieldError) []string {
	var out []string
	for _, e := range errs {
		out = append(out, e.Pointer)
	}
	return slices.Compact(out)
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return data
}

func decodeExample[T any](t testing.TB, name string) T {
	t.Helper()
	var v T
	require.NoError(t, strictjson.Decode(readFile(t, "examples/"+name), &v))
	return v
}

// plain reads JSON as plain values, numbers as they are written.
func plain(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return v
}
