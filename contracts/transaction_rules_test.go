package contracts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func validEntry() *contracts.Entry {
	return &contracts.Entry{
		ItemID: testID(0), State: "UPD", Version: contracts.Version{"a.7kq2mz": 1042},
		Fingerprint: "fp1:" + strings.Repeat("0f", 32), UpdatedAt: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		ItemURI: "/orders/" + testID(0), Order: validOrder(),
	}
}

func versionOf(keys int) contracts.Version {
	v := contracts.Version{}
	for i := range keys {
		v[fmt.Sprintf("%c.%d", 'a'+i/contracts.VersionSideKeysMax, i)] = 1
	}
	return v
}

func TestEntryRules(t *testing.T) {
	type entry = contracts.Entry
	nothing := func(e *entry) { *e = entry{ItemID: e.ItemID, State: "ERROR_SYNCED", Version: contracts.Version{}} }
	for name, c := range map[string]struct {
		change func(*entry)
		want   []string // pointers
	}{
		"as it is":                  {func(*entry) {}, nil},
		"nothing at the sender":     {nothing, nil},
		"nothing, with an order":    {func(e *entry) { nothing(e); e.Order = validOrder() }, []string{"/order"}},
		"empty":                     {func(e *entry) { *e = entry{} }, []string{"/itemId", "/state"}},
		"version and no more":       {func(e *entry) { *e = entry{ItemID: e.ItemID, State: "UPD", Version: e.Version} }, []string{"/fingerprint", "/updatedAt", "/itemURI"}},
		"id in upper case":          {func(e *entry) { e.ItemID = strings.ToUpper(e.ItemID) }, []string{"/itemId", "/order/id"}},
		"unknown state":             {func(e *entry) { e.State = "upd" }, []string{"/state"}},
		"reserved state":            {func(e *entry) { e.State = "SYNC" }, nil},
		"version key without epoch": {func(e *entry) { e.Version = contracts.Version{"a": 1} }, []string{"/version/a"}},
		"version keys of all sorts": {func(e *entry) {
			e.Version = contracts.Version{"a.": 1, ".b": 1, "A.b": 1, "a.B": 1, "1.b": 1, "a.b.c": 1, "a-1.b2": 1, "a/b.c": 1}
		}, []string{"/version/.b", "/version/1.b", "/version/A.b", "/version/a.", "/version/a.B", "/version/a.b.c", "/version/a~1b.c"}},
		"longest version key": {func(e *entry) {
			e.Version = contracts.Version{strings.Repeat("a", 16) + "." + strings.Repeat("9", 16): contracts.VersionNumberMax}
		}, nil},
		"version key too long":     {func(e *entry) { e.Version = contracts.Version{"a." + strings.Repeat("9", 17): 1} }, []string{"/version/a." + strings.Repeat("9", 17)}},
		"named head":               {func(e *entry) { e.Version = contracts.Version{"a.b": 1, "a.c!": 2} }, nil},
		"head and beside it none":  {func(e *entry) { e.Version = contracts.Version{"a.b": 1, "a.b!": 2} }, []string{"/version/a.b"}},
		"head named twice":         {func(e *entry) { e.Version = contracts.Version{"a.b!!": 1} }, []string{"/version/a.b!!"}},
		"version number 0":         {func(e *entry) { e.Version = contracts.Version{"a.b": 0} }, []string{"/version/a.b"}},
		"version number over 2^53": {func(e *entry) { e.Version = contracts.Version{"a.b": contracts.VersionNumberMax + 1} }, []string{"/version/a.b"}},
		"most version keys":        {func(e *entry) { e.Version = versionOf(contracts.VersionKeysMax) }, nil},
		"one version key more":     {func(e *entry) { e.Version = versionOf(contracts.VersionKeysMax + 1) }, []string{"/version"}},
		"one key of a side more": {func(e *entry) {
			e.Version = versionOf(contracts.VersionSideKeysMax)
			e.Version["a.more"] = 1
		}, []string{"/version"}},
		"fingerprint of elsewhere":  {func(e *entry) { e.Fingerprint = "fp2" + e.Fingerprint[3:] }, []string{"/fingerprint"}},
		"fingerprint in upper case": {func(e *entry) { e.Fingerprint = "fp1:" + strings.Repeat("0F", 32) }, []string{"/fingerprint"}},
		"time before 1970":          {func(e *entry) { e.UpdatedAt = time.Unix(-1, 0) }, []string{"/updatedAt"}},
		"longest item URI":          {func(e *entry) { e.ItemURI = strings.Repeat("/", contracts.ItemURILengthMax) }, nil},
		"item URI too long":         {func(e *entry) { e.ItemURI = strings.Repeat("/", contracts.ItemURILengthMax+1) }, []string{"/itemURI"}},
		"NEW and deleted":           {func(e *entry) { e.State, e.Deleted, e.Order = "NEW", true, nil }, []string{"/deleted"}},
		"OK and deleted":            {func(e *entry) { e.State, e.Deleted, e.Order = "OK", true, nil }, []string{"/deleted"}},
		"DEL and not deleted":       {func(e *entry) { e.State = "DEL" }, []string{"/deleted"}},
		"DEL":                       {func(e *entry) { e.State, e.Deleted, e.Order = "DEL", true, nil }, nil},
		"DEL_SYNCED":                {func(e *entry) { e.State, e.Deleted, e.Order = "DEL_SYNCED", true, nil }, nil},
		"COLLISION with a deletion": {func(e *entry) { e.State, e.Deleted, e.Order = "COLLISION", true, nil }, nil},
		"deleted with an order":     {func(e *entry) { e.State, e.Deleted = "DEL", true }, []string{"/order"}},
		"without an order":          {func(e *entry) { e.Order = nil }, nil},
		"order of another id":       {func(e *entry) { e.Order.ID = testID(9) }, []string{"/order/id"}},
		"order that is not valid":   {func(e *entry) { e.Order.Lines = nil; e.Order.Currency = "euro" }, nil},
		"refusal":                   {func(e *entry) { e.Refused = &contracts.Refusal{Version: e.Version, Reason: "a\r\nb"} }, nil},
		"refusal of no version":     {func(e *entry) { e.Refused = &contracts.Refusal{Version: contracts.Version{"?": 1}} }, []string{"/refused/version/?"}},
		"longest reason": {func(e *entry) {
			e.Refused = &contracts.Refusal{Reason: strings.Repeat("é", contracts.ReasonLengthMax)}
		}, nil},
		"reason too long": {func(e *entry) {
			e.Refused = &contracts.Refusal{Reason: strings.Repeat("é", contracts.ReasonLengthMax+1)}
		}, []string{"/refused/reason"}},
		"reason with NUL":      {func(e *entry) { e.Refused = &contracts.Refusal{Reason: "\x00"} }, []string{"/refused/reason"}},
		"answer to nothing":    {func(e *entry) { e.AnswerTo = contracts.Version{} }, nil},
		"answer to no version": {func(e *entry) { e.AnswerTo = contracts.Version{"a.b": -1} }, []string{"/answerTo/a.b"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := validEntry()
			c.change(e)
			require.Equal(t, c.want, pointers(e.Validate()))
		})
	}
}

func TestHintRules(t *testing.T) {
	type hint = contracts.Hint
	for name, c := range map[string]struct {
		change func(*hint)
		want   []string // pointers
	}{
		"as it is":         {func(*hint) {}, nil},
		"empty":            {func(h *hint) { *h = hint{} }, []string{"/id", "/version", "/state", "/side", "/peer", "/time"}},
		"id":               {func(h *hint) { h.ID = "1" }, []string{"/id"}},
		"state":            {func(h *hint) { h.State = "GONE" }, []string{"/state"}},
		"version":          {func(h *hint) { h.Version = "a.b:1\n" }, []string{"/version"}},
		"side upper case":  {func(h *hint) { h.Side = "A" }, []string{"/side"}},
		"longest side":     {func(h *hint) { h.Side = "a" + strings.Repeat("-", 15) }, nil},
		"side too long":    {func(h *hint) { h.Side = strings.Repeat("a", 17) }, []string{"/side"}},
		"peer with a dot":  {func(h *hint) { h.Peer = "b.c" }, []string{"/peer"}},
		"to itself":        {func(h *hint) { h.Peer = h.Side }, []string{"/peer"}},
		"time out of time": {func(h *hint) { h.Time = time.Unix(-1, 0) }, []string{"/time"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hint{ID: testID(0), Version: "a.7kq2mz:1042", State: "NEW", Side: "a", Peer: "b", Time: time.Unix(0, 0)}
			c.change(h)
			require.Equal(t, c.want, pointers(h.Validate()))
		})
	}
}
