package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// readSheet reads a form that was rendered with an order; nil for one that is being created. A field that
// nobody touched gets the very text that it was rendered with, since a browser may send another one for the
// same value. Rows that are empty, or to be removed, are left out.
func readSheet(v url.Values, seen *contracts.Order) sheet {
	if seen == nil {
		seen = &contracts.Order{}
	}
	was := sheetOf(seen)
	s := sheet{fields: map[string]string{}}
	for pointer, text := range was.fields {
		s.fields[pointer] = asRendered(pointer, text, v.Get(pointer))
	}
	if s.fields["/pricesIncludeTax"] != "true" {
		s.fields["/pricesIncludeTax"] = "false" // a box that is not ticked is not sent
	}
	s.lines = readRows(v, "/lines", "lineId", lineFields, contracts.LinesMax, byID(was.lines))
	s.parcels = readRows(v, "/tracking", "was", parcelFields, contracts.TrackingMax, byID(was.parcels))
	return s
}

func readRows(v url.Values, list, id string, names []string, high int, was map[string]row) []row {
	var out []row
	for i := range high + 100 { // more than may be, so that the API says so
		at := list + "/" + strconv.Itoa(i) + "/"
		if !v.Has(at + names[0]) {
			break
		}
		r, filled := row{id: v.Get(at + id), fields: map[string]string{}}, false
		for _, n := range names {
			r.fields[n] = asRendered(at+n, was[r.id].fields[n], v.Get(at+n))
			filled = filled || strings.TrimSpace(r.fields[n]) != ""
		}
		if filled && v.Get(at+"remove") == "" {
			out = append(out, r)
		}
	}
	return out
}

// asRendered returns the text that a field was rendered with where a browser that sends this text was not
// made to change it: line ends become CRLF, an e-mail field loses its outer blanks, and a time may lose
// ":00".
func asRendered(pointer, rendered, sent string) string {
	sent = strings.ReplaceAll(sent, "\r\n", "\n")
	same := sent == rendered
	switch pointer {
	case "/placedAt", "/cancelledAt":
		x, errX := parseFormTime(sent)
		y, errY := parseFormTime(rendered)
		same = same || errX == nil && errY == nil && x.Equal(y)
	case "/customer/email":
		same = same || strings.Trim(sent, asciiBlanks) == strings.Trim(rendered, asciiBlanks)
	}
	if same {
		return rendered
	}
	return sent
}

// asciiBlanks are what browsers take from the ends of an e-mail address.
const asciiBlanks = " \t\n\f\r"

// parseFormTime reads what a date field with a time sends.
func parseFormTime(text string) (t time.Time, err error) {
	for _, form := range []string{formTime, "2006-01-02T15:04"} {
		if t, err = time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return t, err
}
