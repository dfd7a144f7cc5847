package profiles

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

func BenchmarkWooCommerce(b *testing.B) {
	m, err := Load("woocommerce")
	if err != nil {
		b.Fatal(err)
	}
	entries, _ := os.ReadDir("woocommerce/samples")
	data, _ := os.ReadFile("woocommerce/samples/" + entries[0].Name())
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	body := map[string]any{}
	if err := d.Decode(&body); err != nil {
		b.Fatal(err)
	}
	doc := &foreign.Document{ID: "1", Body: body}
	id := uuid.New()
	o, lines, err := m.Read(doc, id, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := m.Read(doc, id, o, lines); err != nil {
				b.Fatal(err)
			}
		}
	})
	want := *o
	want.CustomerNote = "changed"
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Write(doc, &want, lines); err != nil {
				b.Fatal(err)
			}
		}
	})
}
