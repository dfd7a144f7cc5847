package strictjson_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func problemOf(t *testing.T, err error) *contracts.Problem {
	t.Helper()
	p, ok := err.(*contracts.Problem)
	require.Truef(t, ok, "want a problem, got %v", err)
	return p
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", contracts.DepthMax) + strings.Repeat("]", contracts.DepthMax)
	for name, c := range map[string]struct{ data, pointer, detail string }{
		"unknown name":                {`{"orderNumber":"1","colour":"red"}`, "/colour", "is not a known field; names are case-sensitive"},
		"unknown name further in":     {`{"customer":{"nick":"x"}}`, "/customer/nick", "is not a known field; names are case-sensitive"},
		"wrong case":                  {`{"OrderNumber":"1"}`, "/OrderNumber", "is not a known field; names are case-sensitive"},
		"duplicate name":              {`{"orderNumber":"1","orderNumber":"2"}`, "/orderNumber", "appears twice"},
		"duplicate name, escaped":     {`{"orderNumber":"1","\u006frderNumber":"2"}`, "/orderNumber", "appears twice"},
		"duplicate name further in":   {`{"lines":[{"sku":"a"},{"sku":"a","sku":"b"}]}`, "/lines/1/sku", "appears twice"},
		"duplicate metadata key":      {`{"metadata":{"a":"1","a":"1"}}`, "/metadata/a", "appears twice"},
		"fraction":                    {`{"lines":[{"quantity":1.5}]}`, "/lines/0/quantity", "must be an integer"},
		"fraction by exponent":        {`{"shippingMinor":15e-1}`, "/shippingMinor", "must be an integer"},
		"fraction beside an integer":  {`{"shippingMinor":1.0,"lines":[{"quantity":1.5}]}`, "/lines/0/quantity", "must be an integer"},
		"exponent out of range":       {`{"shippingMinor":1e19}`, "/shippingMinor", "must be an integer of at most 9007199254740991"},
		"exponent far out of range":   {`{"shippingMinor":1e999999999}`, "/shippingMinor", "must be an integer"},
		"exponent beyond any":         {`{"shippingMinor":1e99999999999999999999}`, "/shippingMinor", "must be an integer"},
		"byte order mark":             {"\uFEFF{}", "", "must not begin with a byte order mark"},
		"integer as string":           {`{"shippingMinor":"1"}`, "/shippingMinor", "must be an integer"},
		"integer out of range":        {`{"shippingMinor":9223372036854775808}`, "/shippingMinor", "must be an integer of at most 9007199254740991"},
		"integer behind a pointer":    {`{"lines":[{"totalMinor":true}]}`, "/lines/0/totalMinor", "must be an integer"},
		"number as string":            {`{"orderNumber":7}`, "/orderNumber", "must be a string"},
		"number as enum":              {`{"status":7}`, "/status", "must be a string"},
		"string as boolean":           {`{"pricesIncludeTax":"yes"}`, "/pricesIncludeTax", "must be true or false"},
		"object as list":              {`{"lines":{}}`, "/lines", "must be an array"},
		"list as object":              {`{"customer":[]}`, "/customer", "must be an object"},
		"list as map":                 {`{"metadata":[]}`, "/metadata", "must be an object"},
		"number in a list of strings": {`{"tags":["a",1]}`, "/tags/1", "must be a string"},
		"time in words":               {`{"placedAt":"yesterday"}`, "/placedAt", "must be a time such as 2026-11-21T08:30:00Z"},
		"time without a zone":         {`{"placedAt":"2026-11-21T08:30:00"}`, "/placedAt", "must be a time such as 2026-11-21T08:30:00Z"},
		"time as number":              {`{"placedAt":1}`, "/placedAt", "must be a time such as 2026-11-21T08:30:00Z"},
		"null":                        {`{"lines":[],"customer":{"email":null}}`, "/customer/email", "must not be null; leave the field out instead"},
		"null alone":                  {`null`, "", "must not be null; leave the field out instead"},
		"fault before a null":         {`{"tags":[,null]}`, "/tags", "is not well-formed JSON at byte 9"},
		"scalar":                      {`7`, "", "must be an object"},
		"trailing value":              {`{} {}`, "", "must be one JSON value with nothing after it"},
		"trailing bracket":            {`{}}`, "", "must be one JSON value with nothing after it"},
		"empty":                       {" \n", "", "must not be empty"},
		"cut":                         {`{"lines":[{"sku":"a"`, "/lines/0", "ends too early"},
		"invalid UTF-8":               {"{\"customerNote\":\"a\xffb\"}", "/customerNote", "is not valid UTF-8"},
		"half a surrogate":            {`{"customerNote":"\ud800"}`, "/customerNote", "is not well-formed JSON at byte 17"},
		"comment":                     {`{/* hi */}`, "", "is not well-formed JSON at byte 1"},
		"not a number":                {`{"shippingMinor":NaN}`, "/shippingMinor", "is not well-formed JSON at byte 17"},
		"too deep":                    {`{"metadata":` + deep + `}`, "", "is nested deeper than 32 levels"},
		"too deep, never closed":      {strings.Repeat("[", 1<<20), "", "is nested deeper than 32 levels"},
		"long unknown name":           {`{"` + strings.Repeat("é", 500) + `":1}`, "/" + strings.Repeat("é", 127) + "…", "is not a known field; names are case-sensitive"},
		"name not printable":          {`{"a\u0000\u0085":1}`, "/a\ufffd\ufffd", "is not a known field; names are case-sensitive"},
		"name with a slash":           {`{"a/b~c":1}`, "/a~1b~0c", "is not a known field; names are case-sensitive"},
	} {
		t.Run(name, func(t *testing.T) {
			var o contracts.Order
			p := problemOf(t, strictjson.Decode([]byte(c.data), &o))
			require.Equal(t, 400, p.Status)
			require.Equal(t, []contracts.FieldError{{Pointer: c.pointer, Detail: c.detail}}, p.Errors)
		})
	}
}

func TestDecodeNeverRepeatsValues(t *testing.T) {
	for _, data := range []string{
		`{"shippingMinor":"jane@example.com"}`,
		`{"placedAt":"jane@example.com"}`,
		`{"lines":"jane@example.com"}`,
		`{"customerNote":"jane@example.com\x"}`,
		`{"orderNumber":"1"} jane@example.com`,
	} {
		var o contracts.Order
		require.NotContains(t, problemOf(t, strictjson.Decode([]byte(data), &o)).Error(), "jane")
	}
}

func TestDecodeTakesWhatLooksOdd(t *testing.T) {
	deep := `{"customerNote":"` + strings.Repeat(`[{\"\\`, 100) + `"}`
	var o contracts.Order
	require.NoError(t, strictjson.Decode([]byte(deep), &o), "brackets in strings do not nest")

	for number, want := range map[string]int64{"2.0": 2, "2.000": 2, "1e3": 1000, "1.5E1": 15, "20e-1": 2, "0.0": 0, "-0.0": 0, "-2.0": -2, "0e5": 0, "9007199254740991.0": 1<<53 - 1} {
		o = contracts.Order{}
		require.NoError(t, strictjson.Decode([]byte(`{"customerNote":"\"1.0","lines":[{"quantity":3}],"tags":["2.0"],"shippingMinor": `+number+`}`), &o), number)
		require.Equal(t, want, o.ShippingMinor, number)
		require.Equal(t, `"1.0`, o.CustomerNote)
		require.Equal(t, []string{"2.0"}, o.Tags)
		require.Len(t, o.Lines, 1)
	}

	for _, number := range []string{"1e9223372036854775807", "10e9223372036854775807", "1.5e9223372036854775807", "1.5e-9223372036854775808", "1e400"} {
		o = contracts.Order{}
		require.Error(t, strictjson.Decode([]byte(`{"shippingMinor": `+number+`}`), &o), number)
	}

	o = contracts.Order{}
	require.NoError(t, strictjson.Decode([]byte(" {\"customerNote\": \"null\"} \r\n\t"), &o))
	require.Equal(t, "null", o.CustomerNote)

	o = contracts.Order{}
	require.NoError(t, strictjson.Decode([]byte(`{"placedAt":"2026-11-21T10:30:00.123456+02:00"}`), &o))
	require.True(t, o.PlacedAt.Equal(time.Date(2026, 11, 21, 8, 30, 0, 123456000, time.UTC)))
}

func TestDecodeBatch(t *testing.T) {
	bad := []string{
		`{"itemId":"1","itemId":"2"}`,
		`7`,
		`null`,
		"{\"state\":\"\xff\"}",
		`{"nested":{"entries":[{}]}}`,
		`"{]"`,
	}
	batch, err := strictjson.DecodeBatch([]byte(" {\"side\" : \"a\", \"entries\": [ "+strings.Join(bad, " ,\n")+" ] } \n"), contracts.BatchEntriesMax)
	require.NoError(t, err)
	require.Equal(t, "a", batch.Side)
	require.Len(t, batch.Entries, len(bad))
	for i, e := range batch.Entries {
		require.Equal(t, bad[i], string(e))
		var entry contracts.Entry
		problemOf(t, strictjson.Decode(e, &entry))
	}

	batch, err = strictjson.DecodeBatch([]byte(`{"entries":[],"seen":{"a.x":3},"\u0073ide":"b"}`), contracts.BatchEntriesMax)
	require.NoError(t, err)
	require.Equal(t, &strictjson.Batch{Side: "b", Entries: [][]byte{}, Seen: map[string]int64{"a.x": 3}}, batch)
}

func TestDecodeBatchRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		data            string
		status          int
		pointer, detail string
	}{
		"empty":             {``, 400, "", "must not be empty"},
		"byte order mark":   {"\uFEFF" + `{"side":"a","entries":[]}`, 400, "", "must not begin with a byte order mark"},
		"list":              {`[]`, 400, "", "must be an object"},
		"null":              {`null`, 400, "", "must be an object"},
		"cut list":          {`[`, 400, "", "ends too early"},
		"cut":               {`{"side":"a","entries":[{}`, 400, "/entries", "ends too early"},
		"cut name":          {`{"sid`, 400, "", "ends too early"},
		"no value":          {`{"side":}`, 400, "/side", "is not well-formed JSON at byte 8"},
		"no list":           {`{"entries":`, 400, "/entries", "ends too early"},
		"fault in an entry": {`{"side":"a","entries":[{},{"state":}]}`, 400, "/entries/1", "is not well-formed JSON at byte 35"},
		"unbalanced":        {`{"side":"a","entries":[{]]}`, 400, "/entries/0", "is not well-formed JSON at byte 24"},
		"trailing":          {`{"side":"a","entries":[]}{}`, 400, "", "must be one JSON value with nothing after it"},
		"unknown name":      {`{"side":"a","entries":[],"peer":"b"}`, 400, "/peer", "is not a known field; names are case-sensitive"},
		"wrong case":        {`{"Side":"a"}`, 400, "/Side", "is not a known field; names are case-sensitive"},
		"side twice":        {`{"side":"a","side":"a"}`, 400, "/side", "appears twice"},
		"entries twice":     {`{"entries":[],"entries":[]}`, 400, "/entries", "appears twice"},
		"side a number":     {`{"side":1}`, 400, "/side", "must be a string"},
		"side null":         {`{"side":null}`, 400, "/side", "must be a string"},
		"side not UTF-8":    {"{\"side\":\"\xff\"}", 400, "/side", "must be a string"},
		"entries an object": {`{"side":"a","entries":{}}`, 400, "/entries", "must be an array"},
		"seen twice":        {`{"seen":{},"seen":{}}`, 400, "/seen", "appears twice"},
		"seen a list":       {`{"seen":[]}`, 400, "/seen", "must hold an integer for each epoch, once"},
		"epoch twice":       {`{"seen":{"a.x":1,"a.x":2}}`, 400, "/seen", "must hold an integer for each epoch, once"},
		"no side":           {`{"entries":[]}`, 400, "/side", "is required"},
		"no entries":        {`{"side":"a"}`, 400, "/entries", "is required"},
		"too deep":          {`{"side":"a","entries":[` + strings.Repeat(`[`, 31) + strings.Repeat(`]`, 31) + `]}`, 400, "", "is nested deeper than 32 levels"},
		"too many":          {`{"side":"a","entries":[{}` + strings.Repeat(`,{}`, contracts.BatchEntriesMax) + `]}`, 413, "/entries", "must not hold more than 500 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strictjson.DecodeBatch([]byte(c.data), contracts.BatchEntriesMax)
			p := problemOf(t, err)
			require.Equal(t, c.status, p.Status)
			require.Equal(t, []contracts.FieldError{{Pointer: c.pointer, Detail: c.detail}}, p.Errors)
		})
	}
}
