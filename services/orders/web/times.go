package web

import (
	"fmt"
	"time"
)

// ago says how long a time is past: "3 minutes ago". A little in the future counts as now, as clocks
// differ.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < -time.Minute:
		return "in " + duration(-d)
	case d < 5*time.Second:
		return "just now"
	}
	return duration(d) + " ago"
}

// duration says a length of time in its largest unit.
func duration(d time.Duration) string {
	units := []struct {
		name string
		size time.Duration
	}{{"year", 365 * 24 * time.Hour}, {"month", 30 * 24 * time.Hour}, {"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}}
	for _, u := range units {
		if n := int64(d / u.size); n > 0 {
			return count(n, u.name)
		}
	}
	return "less than a second"
}

// count says how many of a thing there are: "1 order", "2 orders", "12 345 orders".
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(n) + "\u00a0" + noun
}

// number groups the digits of a large number.
func number(n int64) string { return amount(n, "JPY", "\u202f") }

// exactly is a time as it stands on hover.
func exactly(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("Monday, 2 January 2006, 15:04:05") + " UTC"
}

// clock is the time of day where it is today, else the day too; a script turns it into local time.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 2006, 15:04")
}

func seconds(s float64) string { return duration(time.Duration(s * float64(time.Second))) }

func machine(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// bytesOf says a size.
func bytesOf(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f\u00a0GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f\u00a0MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f\u00a0kB", float64(n)/(1<<10))
	}
	return count(n, "byte")
}
