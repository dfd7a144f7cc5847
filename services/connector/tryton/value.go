package tryton

import (
	"encoding/json"
	"fmt"
	"time"
)

// object is a JSON object.
type object = map[string]any

// plain turns Tryton's classes into plain JSON: decimals into texts, times into RFC 3339, dates into 2006-01-02.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			var err error
			if v[i], err = plain(v[i]); err != nil {
				return nil, err
			}
		}
	case object:
		if class, ok := v["__class__"]; ok {
			return plainClass(class, v)
		}
		for k := range v {
			var err error
			if v[k], err = plain(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func plainClass(class any, v object) (any, error) {
	part := func(name string) int {
		number, _ := v[name].(json.Number)
		n, _ := number.Int64()
		return int(n)
	}
	switch class {
	case "Decimal":
		if text, ok := v["decimal"].(string); ok {
			return text, nil
		}
	case "datetime":
		at := time.Date(part("year"), time.Month(part("month")), part("day"),
			part("hour"), part("minute"), part("second"), part("microsecond")*1000, time.UTC)
		return at.Format(time.RFC3339Nano), nil
	case "date":
		return time.Date(part("year"), time.Month(part("month")), part("day"), 0, 0, 0, 0, time.UTC).Format(time.DateOnly), nil
	}
	return nil, fmt.Errorf("the answer has a value of an unknown class %v", class)
}

func decimal(text string) object { return object{"__class__": "Decimal", "decimal": text} }

func date(day time.Time) object {
	return object{"__class__": "date", "year": day.Year(), "month": int(day.Month()), "day": day.Day()}
}

func datetime(at time.Time) object {
	at = at.UTC()
	return object{
		"__class__": "datetime", "year": at.Year(), "month": int(at.Month()), "day": at.Day(),
		"hour": at.Hour(), "minute": at.Minute(), "second": at.Second(), "microsecond": at.Nanosecond() / 1000,
	}
}

// text is a member that is a text; empty when it is null or absent.
func text(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

// inner is a member that is an object; nil when it is null or absent.
func inner(o object, name string) object {
	in, _ := o[name].(object)
	return in
}

// objects is a member that is an array of objects.
func objects(o object, name string) []object {
	list, _ := o[name].([]any)
	all := make([]object, 0, len(list))
	for _, v := range list {
		if one, ok := v.(object); ok {
			all = append(all, one)
		}
	}
	return all
}

// number is a member that is an id; 0 when it is null or absent.
func number(o object, name string) int64 {
	v, _ := o[name].(json.Number)
	n, _ := v.Int64()
	return n
}
