package bridge

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// canned answers every request from memory, so that the figures are the bridge's own.
type canned struct{ lookup, put []byte }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	data := c.put
	if r.Method == http.MethodPost {
		data = c.lookup
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(data)), Body: io.NopCloser(bytes.NewReader(data)), Request: r}
	if data == nil {
		resp.StatusCode = http.StatusNoContent
	}
	return resp, nil
}

func (c canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, err := c.RoundTrip(r)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// typical makes what the sides say about n orders of usual size.
func typical(b *testing.B, n int) (local, remote canned) {
	answer := contracts.Batch{Side: "b"}
	var heads, contents [][]byte
	for i := range n {
		at, v := time.Date(2026, 11, 21, 8, 30, 0, i*1000, time.UTC), contracts.Version{"a.7kq2mz": int64(i), "b.x81mq0": 77}
		order := &contracts.Order{
			ID: orderID(i), OrderNumber: fmt.Sprintf("A-%06d", i), Source: "web", Currency: "EUR", PlacedAt: at,
			Status: contracts.StatusConfirmed, PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled,
			Customer:        contracts.Customer{Name: "Ada Lovelace", Email: "ada@example.com"},
			ShippingAddress: &contracts.Address{Name: "Ada Lovelace", Line1: "Hauptstr. 12", City: "Berlin", PostalCode: "10115", Country: "DE"},
			Lines: []contracts.Line{
				{LineID: orderID(i), SKU: "TEA-100", Name: "Green tea, 100 g", Quantity: 2, UnitPriceMinor: 890, TaxRatePPM: 70_000, TaxMinor: 116},
				{LineID: orderID(i + 1), SKU: "CUP-1", Name: "Cup", Quantity: 1, UnitPriceMinor: 1490},
			},
			Tags: []string{"gift"}, Metadata: map[string]string{"campaign": "autumn"},
		}
		e := contracts.Entry{
			ItemID: orderID(i), State: "UPD", Version: v, UpdatedAt: at, ItemURI: "/orders/" + orderID(i),
			Fingerprint: "fp1:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
		}
		content, err := strictjson.Encode(order)
		require.NoError(b, err)
		e.Order = nil
		head, err := strictjson.Encode(e)
		require.NoError(b, err)
		heads, contents = append(heads, head), append(contents, content)
		e.State, e.AnswerTo = "OK", v
		answer.Entries = append(answer.Entries, e)
	}
	var err error
	local.lookup, err = strictjson.EncodeLines(contracts.LookupResult{Side: "a", Entries: []contracts.Entry{}}, heads, contents)
	require.NoError(b, err)
	remote.put, err = strictjson.Encode(answer)
	require.NoError(b, err)
	return local, remote
}

func benchmark(b *testing.B, p *pipe, n int) {
	all := hints(n)
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range all {
			m.done = ""
		}
		p.settle(b.Context(), b.Context(), messages(all))
	}
	require.Equal(b, map[string]int{"ack": n}, tally(all))
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkPipe is the bridge alone; BenchmarkPipeOverHTTP has the wire and two idle servers in it.
func BenchmarkPipe(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			local, remote := typical(b, n)
			benchmark(b, newTestPipe(zap.NewNop(), local, remote), n)
		})
	}
}

func BenchmarkPipeOverHTTP(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			local, remote := typical(b, n)
			p := newTestPipe(zap.NewNop(), nil, nil)
			for c, h := range map[**client]canned{&p.local: local, &p.remote: remote} {
				s := httptest.NewServer(h)
				b.Cleanup(s.Close)
				*c = newClient("", s.URL, remoteToken, 1, p.local.failed, p.metrics.observe)
			}
			benchmark(b, p, n)
			p.local.http.CloseIdleConnections()
			p.remote.http.CloseIdleConnections()
		})
	}
}
