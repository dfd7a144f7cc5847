package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// codec translates one value. Ours is as JSON has it, nil for none: times are RFC 3339 texts in UTC, amounts are
// json.Numbers of minor units.
type codec interface {
	decode(theirs any, currency string) (ours any, err error)
	encode(ours any, currency string) (theirs any, err error)
}

// The names of codecs.
const (
	codecText    = "text"
	codecName    = "name"
	codecMoney   = "money"
	codecGross   = "gross"
	codecNet     = "net"
	codecPercent = "percent"
	codecInt     = "int"
	codecBool    = "bool"
	codecTime    = "time"
	codecDate    = "date"
	codecTags    = "tags"
	codecEnum    = "enum"
)

// kinds are the codecs that fit each kind of field, the first of which is taken when a profile names none.
var kinds = map[kind][]string{
	kindText:  {codecText, codecEnum, codecName},
	kindState: {codecEnum},
	kindMoney: {codecMoney},
	kindUnit:  {codecMoney, codecGross},
	kindOff:   {codecMoney, codecNet},
	kindRate:  {codecInt, codecPercent},
	kindInt:   {codecInt},
	kindBool:  {codecBool},
	kindTime:  {codecTime},
	kindDate:  {codecDate},
	kindTags:  {codecTags},
	kindHere:  {},
}

// newCodec makes the codec that a field names, or the default one of its kind.
func newCodec(k kind, spec *field) (string, codec, error) {
	name := spec.Codec
	if name == "" && len(kinds[k]) > 0 {
		name = kinds[k][0]
		if len(spec.Values) > 0 && slices.Contains(kinds[k], codecEnum) {
			name = codecEnum
		}
	}
	if !slices.Contains(kinds[k], name) {
		return "", nil, fmt.Errorf("the codec is one of %s", strings.Join(kinds[k], ", "))
	}
	if spec.As != "" && spec.As != "text" && spec.As != "number" {
		return "", nil, fmt.Errorf("as is text or number")
	}
	number := spec.As == "number"
	switch name {
	case codecMoney, codecGross, codecNet:
		return name, decimalCodec{digits: contracts.Decimals, number: number}, nil
	case codecPercent: // parts per million are percent with four digits
		return name, decimalCodec{digits: func(string) int { return 4 }, number: number}, nil
	case codecInt:
		return name, decimalCodec{digits: func(string) int { return 0 }, number: spec.As != "text"}, nil
	case codecBool:
		return name, boolCodec{}, nil
	case codecTime:
		c, err := newTimeCodec(spec.Layout, spec.Zone)
		return name, c, err
	case codecDate:
		layout := spec.Layout
		if layout == "" {
			layout = time.DateOnly
		}
		day := time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)
		if again, err := time.Parse(layout, day.Format(layout)); err != nil || !again.Equal(day) {
			return name, nil, fmt.Errorf("%s is not a layout of Go with year, month and day", quote(layout))
		}
		return name, dateCodec{layout: layout}, nil
	case codecTags:
		return name, tagsCodec{separator: spec.Separator}, nil
	case codecEnum:
		c, err := newEnumCodec(spec.Values, number)
		return name, c, err
	}
	return name, textCodec{number: number, null: spec.Nullable}, nil
}

// textCodec is for texts, which the system may keep as a number, 0 for none. It reads CR LF as the LF that orders have.
type textCodec struct{ number, null bool }

func (c textCodec) decode(theirs any, _ string) (any, error) {
	text, err := scalar(theirs)
	if err != nil || text == "" || c.number && text == "0" {
		return nil, err
	}
	return strings.ReplaceAll(text, "\r\n", "\n"), nil
}

func (c textCodec) encode(ours any, _ string) (any, error) {
	text, _ := ours.(string)
	if text == "" && c.null {
		return nil, nil
	}
	if !c.number {
		return text, nil
	}
	if text == "" {
		return json.Number("0"), nil
	}
	if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		return nil, fmt.Errorf("the system has a whole number here")
	}
	return json.Number(text), nil
}

// scalar is a text, number or truth value of the system as a text; empty when there is none.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("is an object or a list, not a single value")
}

// decimalCodec is for amounts, whole numbers and percentages: decimals whose digits are never rounded.
type decimalCodec struct {
	digits func(currency string) int
	number bool // written as a JSON number, not as a text
}

func (c decimalCodec) decode(theirs any, currency string) (any, error) {
	n, err := decimalOf(theirs, c.digits(currency))
	if err != nil {
		return nil, err
	}
	return integer(n), nil
}

func (c decimalCodec) encode(ours any, currency string) (any, error) {
	text := formatDecimal(int64Of(ours), c.digits(currency))
	if c.number {
		return json.Number(text), nil
	}
	return text, nil
}

func integer(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// int64Of is a number of an order of ours; 0 for none.
func int64Of(ours any) int64 {
	number, _ := ours.(json.Number)
	n, _ := number.Int64()
	return n
}

// boolCodec is for truth values, which may be 0 and 1.
type boolCodec struct{}

func (boolCodec) decode(theirs any, _ string) (any, error) {
	text, err := scalar(theirs)
	if err != nil {
		return nil, err
	}
	switch text {
	case "true", "1":
		return true, nil
	case "false", "0", "":
		return false, nil
	}
	return nil, fmt.Errorf("%s is neither true nor false", quote(theirs))
}

func (boolCodec) encode(ours any, _ string) (any, error) {
	yes, _ := ours.(bool)
	return yes, nil
}

// timeCodec is for moments, written in a layout and, where that has no zone, in a declared one.
type timeCodec struct {
	layout string // empty: seconds since 1970
	zone   *time.Location
}

// layouts are the names that a profile has for usual layouts.
var layouts = map[string]string{
	"":        "2006-01-02T15:04:05.999999Z07:00",
	"rfc3339": "2006-01-02T15:04:05.999999Z07:00",
	"rfc2822": time.RFC1123Z,
	"local":   "2006-01-02T15:04:05",
	"unix":    "",
}

func newTimeCodec(layout, zone string) (timeCodec, error) {
	if named, ok := layouts[layout]; ok {
		layout = named
	} else if at, err := time.Parse(layout, time.Unix(0, 0).UTC().Format(layout)); err != nil || at.Unix() != 0 {
		return timeCodec{}, fmt.Errorf("%s is neither rfc3339, rfc2822, local or unix nor a layout of Go with date and time", quote(layout))
	}
	zoned := layout == "" || strings.Contains(layout, "Z07") || strings.Contains(layout, "-07")
	if zoned == (zone != "") {
		if zoned {
			return timeCodec{}, fmt.Errorf("the layout has a zone already")
		}
		return timeCodec{}, fmt.Errorf("the layout has no zone, so the profile needs one, such as UTC or Asia/Tokyo")
	}
	at, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return timeCodec{}, fmt.Errorf("%s is not a time zone", quote(zone))
	}
	return timeCodec{layout: layout, zone: at}, nil
}

func (c timeCodec) decode(theirs any, _ string) (any, error) {
	text, err := scalar(theirs)
	if err != nil || text == "" {
		return nil, err
	}
	at, err := c.parse(text)
	if err != nil {
		return nil, err
	}
	return at.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), nil
}

func (c timeCodec) parse(text string) (time.Time, error) {
	if c.layout == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("%s is not a number of seconds", quote(text))
		}
		return time.Unix(seconds, 0), nil
	}
	at, err := time.ParseInLocation(c.layout, text, c.zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is not a time like %s", quote(text), c.layout)
	}
	return at, nil
}

func (c timeCodec) encode(ours any, _ string) (any, error) {
	text, _ := ours.(string)
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, err
	}
	if c.layout == "" {
		return integer(at.Unix()), nil
	}
	return at.In(c.zone).Format(c.layout), nil
}

// dateCodec is for days.
type dateCodec struct{ layout string }

func (c dateCodec) decode(theirs any, _ string) (any, error) {
	text, err := scalar(theirs)
	if err != nil || text == "" {
		return nil, err
	}
	day, err := time.Parse(c.layout, text)
	if err != nil {
		return nil, fmt.Errorf("%s is not a date like %s", quote(text), c.layout)
	}
	return day.Format(time.DateOnly), nil
}

func (c dateCodec) encode(ours any, _ string) (any, error) {
	text, _ := ours.(string)
	if text == "" {
		return nil, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, err
	}
	return day.Format(c.layout), nil
}

// tagsCodec is for a set of texts: an array, or one text with a separator.
type tagsCodec struct{ separator string }

func (c tagsCodec) decode(theirs any, _ string) (any, error) {
	var all []any
	switch theirs := theirs.(type) {
	case nil:
	case []any:
		all = theirs
	case string:
		if c.separator == "" {
			return nil, fmt.Errorf("%s is not a list", quote(theirs))
		}
		for part := range strings.SplitSeq(theirs, c.separator) {
			all = append(all, strings.TrimSpace(part))
		}
	default:
		return nil, fmt.Errorf("%s is not a list", quote(theirs))
	}
	var tags []string
	for _, v := range all {
		text, err := scalar(v)
		if err != nil {
			return nil, err
		}
		if text != "" {
			tags = append(tags, text)
		}
	}
	slices.Sort(tags)
	var ours []any
	for _, tag := range slices.Compact(tags) {
		ours = append(ours, tag)
	}
	if ours == nil {
		return nil, nil
	}
	return ours, nil
}

func (c tagsCodec) encode(ours any, _ string) (any, error) {
	list, _ := ours.([]any)
	if c.separator == "" {
		return append([]any{}, list...), nil
	}
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i], _ = v.(string)
	}
	return strings.Join(parts, c.separator), nil
}

// enumCodec is for values out of a table. One of theirs may stand for several of ours: it is read as the first, but
// for an order that is known here with another of them, which stays as long as the system says the same.
type enumCodec struct {
	ours   map[string][]string
	number bool
}

func newEnumCodec(values map[string]texts, number bool) (enumCodec, error) {
	if len(values) == 0 {
		return enumCodec{}, fmt.Errorf("an enum needs values")
	}
	c := enumCodec{ours: map[string][]string{}, number: number}
	for theirs, ours := range values {
		if len(ours) == 0 {
			return enumCodec{}, fmt.Errorf("%s stands for nothing of ours", quote(theirs))
		}
		if number {
			if _, err := strconv.ParseInt(theirs, 10, 64); err != nil {
				return enumCodec{}, fmt.Errorf("%s is not a number", quote(theirs))
			}
		}
		c.ours[theirs] = ours
	}
	return c, nil
}

// choose reads a value; known is the one that the order has here.
func (c enumCodec) choose(theirs, known any) (any, error) {
	text, err := scalar(theirs)
	if err != nil {
		return nil, err
	}
	ours, ok := c.ours[text]
	if !ok {
		return nil, fmt.Errorf("the profile does not know the value %s", quote(theirs))
	}
	if word, is := known.(string); is && slices.Contains(ours, word) {
		return word, nil
	}
	if ours[0] == "" {
		return nil, nil
	}
	return ours[0], nil
}

func (c enumCodec) decode(theirs any, _ string) (any, error) { return c.choose(theirs, nil) }

// encode writes the value that is read as ours or, when there is none, one that stands for it.
func (c enumCodec) encode(ours any, _ string) (any, error) {
	word, _ := ours.(string)
	best := ""
	rank := -1
	for theirs, list := range c.ours {
		at := slices.Index(list, word)
		if at >= 0 && (rank < 0 || at < rank || at == rank && theirs < best) {
			best, rank = theirs, at
		}
	}
	if rank < 0 {
		return nil, fmt.Errorf("the system has no value for %s", quote(word))
	}
	if c.number {
		return json.Number(best), nil
	}
	return best, nil
}
