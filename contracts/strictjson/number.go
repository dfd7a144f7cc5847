package strictjson

import (
	"bytes"
	"strconv"
	"strings"
)

// integersMax bounds the digits that an exponent may add: no integer of the contract has more.
const integersMax = 20

// plainIntegers writes every number that is an integer, such as 2.0 or 1e3, without fraction and exponent, and
// leaves the rest as it is. JSON knows one kind of number (RFC 8259), so 2.0 is the integer 2; the JSON library
// takes only the plain form. It reports whether there was such a number.
func plainIntegers(data []byte) (out []byte, changed bool) {
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == '"':
			end := i + 1
			for end < len(data) && data[end] != '"' {
				if data[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(data))
			out = append(out, data[i:end]...)
			i = end
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(data) && bytes.IndexByte([]byte("0123456789+-.eE"), data[end]) >= 0 {
				end++
			}
			number := string(data[i:end])
			if plain, ok := plainInteger(number); ok {
				number, changed = plain, true
			}
			out = append(out, number...)
			i = end
		default:
			out = append(out, c)
			i++
		}
	}
	return out, changed
}

// plainInteger writes a number with a fraction or an exponent as an integer, if it is one exactly.
func plainInteger(number string) (plain string, ok bool) {
	mantissa, exponent, scaled := strings.Cut(strings.ToLower(number), "e")
	whole, fraction, fractional := strings.Cut(mantissa, ".")
	if !scaled && !fractional {
		return "", false
	}
	shift := 0
	if scaled {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return "", false
		}
	}
	whole, negative := strings.CutPrefix(whole, "-")
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	zeros := len(digits) - len(significant) + shift - len(fraction) // behind the significant digits
	switch {
	case significant == "":
		return "0", true
	case zeros < 0 || zeros > integersMax || len(significant)+zeros > integersMax: // each by itself: their sum may overflow
		return "", false
	}
	plain = significant + strings.Repeat("0", zeros)
	if negative {
		plain = "-" + plain
	}
	return plain, true
}
