package contracts

import (
	"net/url"
	"strings"
	"time"
)

// The forms of texts, by hand because they are asked for every line of every order, and regexp is slow.
// openapi.yaml has them as patterns; a test holds the two together.

// isID tells whether s is a UUID in its one canonical form: lower case, with hyphens.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
				return false
			}
		}
	}
	return true
}

// isSide tells whether s can be the name of a side: ^[a-z][a-z0-9-]{0,15}$.
func isSide(s string) bool {
	return len(s) >= 1 && len(s) <= 16 && isLower(s[0]) && all(s, func(b byte) bool { return isLower(b) || isDigit(b) || b == '-' })
}

// isVersionKey: ^[a-z][a-z0-9-]{0,15}\.[a-z0-9]{1,16}$, a side and one of its epochs.
func isVersionKey(s string) bool {
	side, epoch, ok := strings.Cut(s, ".")
	return ok && isSide(side) && len(epoch) >= 1 && len(epoch) <= 16 && all(epoch, isLowerOrDigit)
}

// isVersionElement: the same, and VersionHead where it is a head.
func isVersionElement(s string) bool { return isVersionKey(strings.TrimSuffix(s, VersionHead)) }

// isFingerprint: ^fp1:[0-9a-f]{64}$.
func isFingerprint(s string) bool {
	hex, ok := strings.CutPrefix(s, "fp1:")
	return ok && len(hex) == 64 && all(hex, func(b byte) bool { return isDigit(b) || b >= 'a' && b <= 'f' })
}

// isSource: ^[a-z][a-z0-9_-]{0,31}$.
func isSource(s string) bool {
	return len(s) >= 1 && len(s) <= SourceLengthMax && isLower(s[0]) && all(s, func(b byte) bool { return isLowerOrDigit(b) || b == '_' || b == '-' })
}

// isCurrency: ^[A-Z]{3}$. Which codes there are changes with the years, so any three letters do.
func isCurrency(s string) bool { return len(s) == 3 && all(s, isUpper) }

// isCountry: ^[A-Z]{2}$.
func isCountry(s string) bool { return len(s) == 2 && all(s, isUpper) }

// isPhone: ^\+[1-9][0-9]{6,14}$ (E.164).
func isPhone(s string) bool {
	return len(s) >= 8 && len(s) <= 16 && s[0] == '+' && s[1] != '0' && all(s[1:], isDigit)
}

// isEmail: one @ with something on both sides of it, no blank and no control character. More than
// that only the mail system knows.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	blank := func(r rune) bool { return r == ' ' || r == '@' }
	return ok && local != "" && domain != "" && !strings.ContainsFunc(local, blank) && !strings.ContainsFunc(domain, blank)
}

// isLocale: ^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$ (the shape of BCP 47).
func isLocale(s string) bool {
	if len(s) > LocaleLengthMax {
		return false
	}
	for i, part := range strings.Split(s, "-") {
		low, is := 1, isLetterOrDigit
		if i == 0 {
			low, is = 2, isLetter
		}
		if len(part) < low || len(part) > 8 || !all(part, is) {
			return false
		}
	}
	return true
}

// isMetadataKey: ^[a-z0-9_.-]{1,64}$.
func isMetadataKey(s string) bool {
	return len(s) >= 1 && len(s) <= MetadataKeyMax && all(s, func(b byte) bool { return isLowerOrDigit(b) || b == '_' || b == '.' || b == '-' })
}

// isDate: a day that the calendar has.
func isDate(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Year() >= YearMin
}

// isWebAddress: an absolute http or https address without user and password.
func isWebAddress(s string) bool {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && u.User == nil && !strings.Contains(s, " ")
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(b byte) bool         { return b >= '0' && b <= '9' }
func isLower(b byte) bool         { return b >= 'a' && b <= 'z' }
func isUpper(b byte) bool         { return b >= 'A' && b <= 'Z' }
func isLetter(b byte) bool        { return isLower(b) || isUpper(b) }
func isLowerOrDigit(b byte) bool  { return isLower(b) || isDigit(b) }
func isLetterOrDigit(b byte) bool { return isLetter(b) || isDigit(b) }
