package strictjson

import "github.com/orderbridge/orderbridge/contracts"

// scan looks through data before it is parsed: does it nest deeper than contracts.DepthMax, and does a
// null stand in it? It only has to be right as far as data is well-formed: up to the first fault it
// counts as the parser does, and there the parser stops.
func scan(data []byte) (deep, null bool) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > contracts.DepthMax {
				return true, null
			}
		case '}', ']':
			depth--
		case 'n': // outside of strings, only null has an n
			null = true
		}
	}
	return false, null
}
