package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// escaped writes every character of an order's texts as an escape, which takes six bytes for each.
func escaped(t *testing.T, o *contracts.Order) []byte {
	t.Helper()
	compact, err := strictjson.Encode(o)
	require.NoError(t, err)
	var out bytes.Buffer
	inside := false
	for i := 0; i < len(compact); i++ {
		switch c := compact[i]; {
		case c == '"':
			inside = !inside
			out.WriteByte(c)
		case inside && c < 0x80 && c != '\\':
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			out.WriteByte(c)
		}
	}
	require.True(t, json.Valid(out.Bytes()))
	return out.Bytes()
}

// TestSizesCountWhatIsStored: how a client writes an order does not decide whether it is too large.
func TestSizesCountWhatIsStored(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	line := o.Lines[0]
	o.Lines = nil
	for range 350 {
		line.LineID, line.Name = "", strings.Repeat("<&>", contracts.NameLengthMax/3)
		line.SKU = strings.Repeat("s", contracts.ShortTextMax)
		o.Lines = append(o.Lines, line)
	}
	o.Totals = nil
	made := s.create(o)
	o = made.Order
	stored, err := strictjson.Encode(&o)
	require.NoError(t, err)
	require.Greater(t, len(stored), contracts.OrderBytesMax/2)
	o.CustomerNote = "second"
	body := escaped(t, &o)
	require.Greater(t, len(body), contracts.OrderBytesMax)
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, body, "If-Match", "*")
	require.Equal(t, "second", s.get(o.ID).CustomerNote)

	// The commands take the order from a file and from standard input, however it is written.
	o.CustomerNote = "third"
	file := filepath.Join(t.TempDir(), "order.json")
	require.NoError(t, os.WriteFile(file, escaped(t, &o), 0o600))
	_, err = run(t, s, "client", cli.Orders, "edit", o.ID, "--file", file)
	require.NoError(t, err)
	_, err = run(t, s, "client", cli.Orders, "edit", o.ID, "--set", "internalNote=<&>")
	require.NoError(t, err)

	for range 200 {
		line.LineID = ""
		o.Lines = append(o.Lines[:len(o.Lines):len(o.Lines)], line)
	}
	o.Lines = o.Lines[:contracts.LinesMax]
	for i := range o.Lines {
		o.Lines[i].Name = strings.Repeat("水", contracts.NameLengthMax)
	}
	o.Totals = nil
	p := s.want(http.StatusUnprocessableEntity, "client", "PUT", "/orders/"+o.ID, &o, "If-Match", "*").problem(t)
	require.Contains(t, p.Detail+p.Title, "larger than 262144 bytes")
	s.want(http.StatusRequestEntityTooLarge, "client", "PUT", "/orders/"+o.ID, append(escaped(t, &made.Order), bytes.Repeat([]byte(" "), contracts.OrderRequestBytesMax)...), "If-Match", "*").problem(t)
}
