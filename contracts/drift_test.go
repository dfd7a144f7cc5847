package contracts_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// messageTypes are the structs of the package; each has a schema of its name.
var messageTypes = []any{
	contracts.Accepted{},
	contracts.Address{},
	contracts.AdminOrder{},
	contracts.AdminOrderPage{},
	contracts.AuditEvent{},
	contracts.AuditPage{},
	contracts.Batch{},
	contracts.BrakeLimits{},
	contracts.BrakeSetting{},
	contracts.BrakeStatus{},
	contracts.BridgeFailures{},
	contracts.BridgeReport{},
	contracts.BrokerLoss{},
	contracts.BrokerStatus{},
	contracts.CaseVersion{},
	contracts.ChosenCase{},
	contracts.Collision{},
	contracts.CollisionSettlement{},
	contracts.CollisionSettlementResult{},
	contracts.ConflictPolicy{},
	contracts.FieldRule{},
	contracts.PolicyPreview{},
	contracts.PolicyTrial{},
	contracts.PreviewedCase{},
	contracts.ConsumerStatus{},
	contracts.Customer{},
	contracts.DifferField{},
	contracts.Entry{},
	contracts.EntryPage{},
	contracts.ErrorCase{},
	contracts.ErrorSettlement{},
	contracts.ErrorSettlementResult{},
	contracts.FailedCall{},
	contracts.HandshakeFailure{},
	contracts.RetriedOrder{},
	contracts.FailedCallList{},
	contracts.SystemStatus{},
	contracts.SystemWrite{},
	contracts.SystemOrder{},
	contracts.SystemProbe{},
	contracts.ProbeStep{},
	contracts.SystemProbeRequest{},
	contracts.FieldError{},
	contracts.Hint{},
	contracts.History{},
	contracts.Hold{},
	contracts.KeptContents{},
	contracts.Line{},
	contracts.LinkView{},
	contracts.Login{},
	contracts.Lookup{},
	contracts.LookupResult{},
	contracts.NewToken{},
	contracts.NewUser{},
	contracts.OldestPending{},
	contracts.Order{},
	contracts.OrderChanges{},
	contracts.OrderPage{},
	contracts.OrderView{},
	contracts.PasswordChange{},
	contracts.PasswordReset{},
	contracts.Peer{},
	contracts.PeerHistory{},
	contracts.PeerList{},
	contracts.LeftPeer{},
	contracts.PeerStatus{},
	contracts.PlannedOrder{},
	contracts.Problem{},
	contracts.Proof{},
	contracts.Proposal{},
	contracts.ProposalDecision{},
	contracts.PutBack{},
	contracts.Range{},
	contracts.RangeList{},
	contracts.ReconcileReport{},
	contracts.InvalidEntry{},
	contracts.Reconciliation{},
	contracts.ReconciliationClaim{},
	contracts.ReconciliationConfirmation{},
	contracts.ReconciliationList{},
	contracts.ReconciliationProgress{},
	contracts.ReconciliationRequest{},
	contracts.Refund{},
	contracts.RefundLine{},
	contracts.Refusal{},
	contracts.RefusedVersion{},
	contracts.Resolution{},
	contracts.Sample{},
	contracts.Session{},
	contracts.SettledCase{},
	contracts.SettlementFailure{},
	contracts.StateInfo{},
	contracts.StateTable{},
	contracts.Status{},
	contracts.StreamStatus{},
	contracts.SyncView{},
	contracts.TableRow{},
	contracts.Timeline{},
	contracts.TimelineEvent{},
	contracts.Token{},
	contracts.TokenList{},
	contracts.TokenSecret{},
	contracts.Totals{},
	contracts.Tracking{},
	contracts.TransactionPage{},
	contracts.User{},
	contracts.UserEdit{},
	contracts.UserList{},
	contracts.UserPassword{},
}

func TestEveryStructIsListed(t *testing.T) {
	var declared, listed []string
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if _, isStruct := spec.Type.(*ast.StructType); isStruct && spec.Name.IsExported() {
					declared = append(declared, spec.Name.Name)
				}
			}
			return true
		})
	}
	for _, v := range messageTypes {
		listed = append(listed, reflect.TypeOf(v).Name())
	}
	require.ElementsMatch(t, declared, listed)
}

func TestTypesAndSchemasHaveTheSameFields(t *testing.T) {
	for _, v := range messageTypes {
		goType := reflect.TypeOf(v)
		t.Run(goType.Name(), func(t *testing.T) {
			schema := readSchema(t, placeOf(goType.Name()))
			fields, required := jsonFields(goType)
			require.ElementsMatch(t, slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(schema.properties)))
			for name, want := range fields {
				require.Equal(t, want, schema.properties[name], name)
			}
			if goType == reflect.TypeFor[contracts.OrderView]() { // unless it is deleted
				then := node(t, placeOf(goType.Name())).(map[string]any)["then"].(map[string]any)
				for _, name := range then["required"].([]any) {
					schema.required = append(schema.required, name.(string))
				}
			}
			require.ElementsMatch(t, required, schema.required, "required")
		})
	}
}

// jsonFields lists a struct's members with their JSON types, and those that are always there.
func jsonFields(t reflect.Type) (fields map[string]string, required []string) {
	fields = map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		if f.Anonymous && !tagged {
			inner, innerRequired := jsonFields(f.Type)
			maps.Copy(fields, inner)
			required = append(required, innerRequired...)
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		fields[name] = jsonType(f.Type)
		if options != "omitzero" {
			required = append(required, name)
		}
	}
	// The members that are left out only before the service has filled them in.
	if t == reflect.TypeFor[contracts.Order]() {
		required = append(required, "id", "source", "status", "paymentStatus", "fulfillmentStatus", "placedAt")
	}
	return fields, required
}

func jsonType(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() {
		return "string"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return jsonType(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		return "array"
	default:
		return "object"
	}
}

type schemaFields struct {
	properties map[string]string // name to JSON type
	required   []string
}

// readSchema collects the properties of a schema and of those that it is made of.
func readSchema(t *testing.T, place string) schemaFields {
	t.Helper()
	s := schemaFields{properties: map[string]string{}}
	m := node(t, place).(map[string]any)
	parts, _ := m["allOf"].([]any)
	for _, part := range parts {
		inner := readSchema(t, absolute(place, part.(map[string]any)["$ref"].(string)))
		maps.Copy(s.properties, inner.properties)
		s.required = append(s.required, inner.required...)
	}
	properties, _ := m["properties"].(map[string]any)
	for name, p := range properties {
		if typ := typeOf(t, place, p.(map[string]any)); typ != "" {
			s.properties[name] = typ
		}
	}
	required, _ := m["required"].([]any)
	for _, name := range required {
		s.required = append(s.required, name.(string))
	}
	return s
}

// typeOf is the JSON type of a property; empty where it only adds to what allOf says of it.
func typeOf(t *testing.T, place string, property map[string]any) string {
	t.Helper()
	if typ, ok := property["type"].(string); ok {
		return typ
	}
	ref, ok := property["$ref"].(string)
	if !ok {
		return ""
	}
	place = absolute(place, ref)
	target := node(t, place).(map[string]any)
	if _, composed := target["allOf"]; composed {
		return "object"
	}
	return typeOf(t, place, target)
}

func absolute(place, ref string) string {
	if file, _, _ := strings.Cut(place, "#"); strings.HasPrefix(ref, "#") {
		return file + ref
	}
	return ref
}

func TestEnumsAreTheLists(t *testing.T) {
	const schemas = "openapi.yaml#/components/schemas/"
	for place, list := range map[string][]string{
		"StateName/enum":                           contracts.States[1:],
		"OrderStatus/enum":                         texts(contracts.OrderStatuses),
		"PaymentStatus/enum":                       texts(contracts.PaymentStatuses),
		"FulfillmentStatus/enum":                   texts(contracts.FulfillmentStatuses),
		"CancelReason/enum":                        contracts.CancelReasons,
		"Accepted/properties/state/enum":           contracts.AcceptedStates,
		"BridgeReport/properties/state/enum":       contracts.BridgeStates,
		"RetriedOrder/properties/target/enum":      contracts.BridgeTargets,
		"RetriedOrder/properties/verdict/enum":     contracts.FailedVerdicts,
		"FailedCall/properties/call/enum":          contracts.BridgeCalls,
		"FailedCall/properties/target/enum":        contracts.BridgeTargets,
		"FailedCall/properties/verdict/enum":       contracts.FailedVerdicts,
		"TimelineEvent/properties/event/enum":      contracts.TimelineEvents,
		"DifferField/properties/changedBy/enum":    contracts.Changers,
		"FieldRule/properties/policy/enum":         contracts.FieldPolicies,
		"ConflictPolicy/properties/policy/enum":    contracts.ConflictPolicies,
		"DifferField/properties/policy/enum":       contracts.FieldPolicies,
		"Take/enum":                                contracts.Takes,
		"PutBack/properties/which/enum":            contracts.KeptNames,
		"AuditAction/enum":                         contracts.AuditActions,
		"Reconciliation/properties/cause/enum":     contracts.ReconciliationCauses,
		"Reconciliation/properties/state/enum":     contracts.ReconciliationStates,
		"ReconcileReport/properties/phase/enum":    contracts.ReconcilePhases,
		"ReconcileReport/properties/strategy/enum": contracts.ReconcileStrategies,
		"ReconcileEffect/enum":                     contracts.ReconcileEffects,
	} {
		var enum []string
		for _, v := range node(t, schemas+place).([]any) {
			enum = append(enum, v.(string))
		}
		require.Equal(t, list, enum, place)
	}
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// limits pairs each limit of the schemas with its constant.
var limits = map[string]int64{
	"schemas/Minor/maximum":                                                  contracts.MinorMax,
	"schemas/Version/maxProperties":                                          contracts.VersionKeysMax,
	"schemas/Version/additionalProperties/maximum":                           contracts.VersionNumberMax,
	"schemas/Line/properties/quantity/maximum":                               contracts.QuantityMax,
	"schemas/Line/properties/taxRatePpm/maximum":                             contracts.TaxRatePPMMax,
	"schemas/Line/properties/sku/maxLength":                                  contracts.ShortTextMax,
	"schemas/Line/properties/name/maxLength":                                 contracts.NameLengthMax,
	"schemas/OrderFields/properties/lines/maxItems":                          contracts.LinesMax,
	"schemas/OrderFields/properties/tracking/maxItems":                       contracts.TrackingMax,
	"schemas/OrderFields/properties/refunds/maxItems":                        contracts.RefundsMax,
	"schemas/Refund/properties/reason/maxLength":                             contracts.NoteLengthMax,
	"schemas/Refund/properties/lines/maxItems":                               contracts.LinesMax,
	"schemas/RefundLine/properties/quantity/maximum":                         contracts.QuantityMax,
	"schemas/OrderFields/properties/tags/maxItems":                           contracts.TagsMax,
	"schemas/OrderFields/properties/tags/items/maxLength":                    contracts.TagLengthMax,
	"schemas/OrderFields/properties/metadata/maxProperties":                  contracts.MetadataMax,
	"schemas/OrderFields/properties/metadata/additionalProperties/maxLength": contracts.MetadataValueMax,
	"schemas/OrderFields/properties/orderNumber/maxLength":                   contracts.OrderNumberMax,
	"schemas/OrderFields/properties/externalRef/maxLength":                   contracts.ExternalRefMax,
	"schemas/OrderFields/properties/source/maxLength":                        contracts.SourceLengthMax,
	"schemas/OrderFields/properties/shippingMethod/maxLength":                contracts.ShortTextMax,
	"schemas/OrderFields/properties/paymentMethod/maxLength":                 contracts.ShortTextMax,
	"schemas/OrderFields/properties/customerNote/maxLength":                  contracts.NoteLengthMax,
	"schemas/OrderFields/properties/internalNote/maxLength":                  contracts.NoteLengthMax,
	"schemas/Customer/properties/ref/maxLength":                              contracts.ExternalRefMax,
	"schemas/Customer/properties/name/maxLength":                             contracts.NameLengthMax,
	"schemas/Customer/properties/email/maxLength":                            contracts.EmailLengthMax,
	"schemas/Customer/properties/company/maxLength":                          contracts.NameLengthMax,
	"schemas/Customer/properties/locale/maxLength":                           contracts.LocaleLengthMax,
	"schemas/Address/properties/name/maxLength":                              contracts.NameLengthMax,
	"schemas/Address/properties/company/maxLength":                           contracts.NameLengthMax,
	"schemas/Address/properties/line1/maxLength":                             contracts.AddressLineMax,
	"schemas/Address/properties/line2/maxLength":                             contracts.AddressLineMax,
	"schemas/Address/properties/city/maxLength":                              contracts.AddressLineMax,
	"schemas/Address/properties/region/maxLength":                            contracts.AddressLineMax,
	"schemas/Address/properties/postalCode/maxLength":                        contracts.PostalCodeMax,
	"schemas/Tracking/properties/carrier/maxLength":                          contracts.ShortTextMax,
	"schemas/Tracking/properties/number/maxLength":                           contracts.ShortTextMax,
	"schemas/Tracking/properties/url/maxLength":                              contracts.TrackingURLMax,
	"schemas/LinkView/properties/reason/maxLength":                           contracts.ReasonLengthMax,
	"schemas/Refusal/properties/reason/maxLength":                            contracts.ReasonLengthMax,
	"schemas/Entry/properties/itemURI/maxLength":                             contracts.ItemURILengthMax,
	"schemas/Batch/properties/entries/maxItems":                              contracts.AcceptedEntriesMax,
	"schemas/Seen/maxProperties":                                             contracts.SeenMax,
	"schemas/Seen/additionalProperties/maximum":                              contracts.VersionNumberMax,
	"schemas/Reconciliation/properties/except/maxItems":                      contracts.ExceptMax,
	"schemas/ReconciliationConfirmation/properties/except/maxItems":          contracts.ExceptMax,
	"schemas/ReconcileReport/properties/invalid/maxItems":                    contracts.InvalidMax,
	"schemas/ReconcileReport/properties/plan/maxItems":                       contracts.PlanMax,
	"schemas/ErrorSettlement/properties/ids/maxItems":                        contracts.SettleMax,
	"schemas/CollisionSettlement/properties/cases/maxItems":                  contracts.CasesMax,
	"schemas/CollisionSettlement/properties/orderNumber/maxLength":           contracts.OrderNumberMax,
	"schemas/BrakeSetting/properties/offSeconds/maximum":                     contracts.BrakeOffMax,
	"schemas/BridgeReport/properties/failed/maxItems":                        contracts.FailedCallsMax,
	"schemas/BridgeReport/properties/retried/maxItems":                       contracts.RetriedOrdersMax,
	"schemas/RetriedOrder/properties/reason/maxLength":                       contracts.RetriedReasonMax,
	"schemas/HandshakeFailure/properties/reason/maxLength":                   contracts.FailedReasonMax,
	"schemas/BridgeFailures/properties/calls/maxItems":                       contracts.FailedCallsMax,
	"schemas/FailedCall/properties/orders/maxItems":                          contracts.FailedOrdersMax,
	"schemas/FailedCall/properties/contentType/maxLength":                    contracts.FailedHeaderMax,
	"schemas/FailedCall/properties/retryAfter/maxLength":                     contracts.FailedHeaderMax,
	"schemas/FailedCall/properties/reason/maxLength":                         contracts.FailedReasonMax,
	"schemas/FailedCall/properties/said/maxLength":                           contracts.FailedSaidMax,
	"schemas/SystemStatus/properties/underWay/maxItems":                      contracts.SystemListMax,
	"schemas/SystemStatus/properties/faults/maxItems":                        contracts.SystemListMax,
	"schemas/SystemProbeRequest/properties/sku/maxLength":                    contracts.ShortTextMax,
	"schemas/Lookup/properties/ids/maxItems":                                 contracts.BatchEntriesMax,
	"schemas/RangeList/properties/ranges/maxItems":                           contracts.RangesMax,
	"schemas/OrderChanges/properties/cursor/maxLength":                       contracts.CursorLengthMax,
	"schemas/TransactionPage/properties/cursor/maxLength":                    contracts.CursorLengthMax,
	"schemas/LookupResult/properties/entries/maxItems":                       contracts.BatchEntriesMax,
	"schemas/LookupResult/properties/deferred/maxItems":                      contracts.BatchEntriesMax,
	"schemas/Password/minLength":                                             contracts.PasswordLengthMin,
	"schemas/Password/maxLength":                                             contracts.PasswordLengthMax,
	"schemas/UserName/maxLength":                                             contracts.UserNameMax,
	"schemas/Problem/properties/errors/maxItems":                             contracts.FieldErrorsMax,
	"schemas/Problem/properties/moved/maxItems":                              contracts.BatchEntriesMax,
	"parameters/Search/schema/maxLength":                                     contracts.SearchMax,
	"parameters/IdempotencyKey/schema/maxLength":                             contracts.IdempotencyKeyMax,
}

func TestLimitsAreTheConstants(t *testing.T) {
	for place, limit := range limits {
		got, err := node(t, "openapi.yaml#/components/"+place).(json.Number).Int64()
		require.NoError(t, err)
		require.Equal(t, limit, got, place)
	}
	// And none is forgotten.
	seen := 0
	walk(node(t, "openapi.yaml#/components/schemas"), func(m map[string]any) {
		for _, key := range []string{"maxLength", "maxItems", "maxProperties"} {
			if _, ok := m[key].(json.Number); ok {
				seen++
			}
		}
	})
	listed := 0
	for place := range limits {
		if strings.HasPrefix(place, "schemas/") && !strings.HasSuffix(place, "/maximum") && !strings.HasSuffix(place, "/minLength") {
			listed++
		}
	}
	const pages = 5 // OrderPage and the like hold as many as the parameter Limit allows
	require.Equal(t, listed+pages, seen)
	hint, err := node(t, "asyncapi.yaml#/components/schemas/Hint/properties/version/maxLength").(json.Number).Int64()
	require.NoError(t, err)
	require.EqualValues(t, contracts.HintVersionMax, hint)
}

// sources parses the files of the package, tests aside.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	require.NotEmpty(t, files)
	return files
}
