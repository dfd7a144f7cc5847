package outbox

import (
	"strings"
	"sync"
)

// Where a fault of the broker shows.
const (
	publishing = iota // the relay: hints are not taken
	keeping           // the keeper: the stream cannot be mended, or hints are not delivered
	places
)

// faults is what is wrong with the broker now, in words.
type faults struct {
	mu   sync.Mutex
	text [places]string
}

func (f *faults) set(place int, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text[place] = text
}

func (f *faults) get(place int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text[place]
}

// all joins the faults, "" when there are none.
func (f *faults) all() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, text := range f.text {
		if text != "" && (len(out) == 0 || out[0] != text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}
