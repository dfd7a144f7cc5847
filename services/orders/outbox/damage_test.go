package outbox

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// untilRepaired is much more than any repair takes.
const untilRepaired = 3 * time.Minute

// damages are ways in which a file can be found after a disk or a person harmed it.
var damages = map[string]func(data []byte) []byte{
	"a bit flipped": func(data []byte) []byte {
		if len(data) > 0 {
			data[len(data)/2] ^= 4
		}
		return data
	},
	"a bit flipped near its end": func(data []byte) []byte {
		if len(data) > 0 {
			data[len(data)*9/10] ^= 1
		}
		return data
	},
	"zeros":       func(data []byte) []byte { return make([]byte, len(data)) },
	"cut in half": func(data []byte) []byte { return data[:len(data)/2] },
	"empty":       func([]byte) []byte { return nil },
	"garbage": func(data []byte) []byte {
		r := rand.New(rand.NewPCG(1, 2))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		return data
	},
	// Unlike its stream's, the server reads a consumer's configuration whose checksum does not fit.
	"a key misspelt": func(data []byte) []byte {
		return bytes.Replace(data, []byte(`"ack_policy"`), []byte(`"ack_polici"`), 1)
	},
	"every message changed": func(data []byte) []byte { return bytes.ReplaceAll(data, []byte(`"peer":`), []byte(`"pear":`)) },
	"gone":                  nil,
}

// storeFiles lists the files of a broker's store that make up stream and consumers. The server removes some in the
// background.
func storeFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	root := filepath.Join(dir, "jetstream")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.Type().IsRegular() {
			name, relErr := filepath.Rel(root, path)
			require.NoError(t, relErr)
			files = append(files, name)
		}
		return err
	}))
	return files
}

// damage reports false when the file is not there: a server that runs replaces some of its files.
func damage(t *testing.T, path string, how func([]byte) []byte) bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	require.NoError(t, err)
	if how == nil {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, how(data), 0o600)
	}
	require.True(t, err == nil || errors.Is(err, fs.ErrNotExist), "%v", err)
	return err == nil
}

// fill makes a store with delivered hints, pending ones and ones in hand of a bridge that died.
func fill(t *testing.T, o Options, store *rows) {
	t.Helper()
	s := serve(t, o, store)
	defer s.stop()
	for range 20 {
		s.edit()
	}
	taken := 0
	stop := carry(t, o, func(m jetstream.Msg) {
		switch taken++; {
		case taken <= 10:
			store.settle(m)
		case taken <= 13: // in hand
		default:
			_ = m.NakWithDelay(time.Millisecond)
		}
	})
	require.Eventually(t, func() bool { return store.left() == 0 && store.pending() == 10 }, soon, time.Millisecond)
	stop()
}

// TestEveryHintArrivesWhateverIsDamaged: each file of the store, in each way, between two lives of the
// server. The store holds nothing that the database does not know.
func TestEveryHintArrivesWhateverIsDamaged(t *testing.T) {
	filled, left := options(t), newRows()
	fill(t, filled, left)
	files := storeFiles(t, filled.Embedded.StoreDir)
	require.Contains(t, strings.Join(files, "\n"), filepath.Join("msgs", "1.blk"))
	// They wait more than they work, so many run at once.
	cases, turns := sync.WaitGroup{}, make(chan struct{}, 8)
	defer cases.Wait()
	for _, file := range files {
		for name, how := range damages {
			turns <- struct{}{}
			cases.Go(func() {
				defer func() { <-turns }()
				t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file)+" "+name, func(t *testing.T) {
					arrivesAllTheSame(t, filled, left, file, how)
				})
			})
		}
	}
}

// arrivesAllTheSame damages a file of a copy of a store, and waits for what is left to arrive.
func arrivesAllTheSame(t *testing.T, filled Options, left *rows, file string, how func([]byte) []byte) {
	o, store := options(t), newRows()
	require.NoError(t, os.CopyFS(o.Embedded.StoreDir, os.DirFS(filled.Embedded.StoreDir)))
	store.due = append(store.due, left.due...)
	mark := *left.mark
	store.mark = &mark
	require.True(t, damage(t, filepath.Join(o.Embedded.StoreDir, "jetstream", file), how))
	s := serve(t, o, store)
	carry(t, o, store.settle)
	require.Eventually(t, func() bool { return store.pending() == 0 }, untilRepaired, 10*time.Millisecond)
	s.edit()
	require.Eventually(t, func() bool { return store.pending() == 0 }, untilRepaired, 10*time.Millisecond)
	require.Eventually(t, s.Working, untilRepaired, 10*time.Millisecond)
}

// TestEveryHintArrivesWhateverIsDamagedMeanwhile does it to a server that runs, and then goes on from there.
func TestEveryHintArrivesWhateverIsDamagedMeanwhile(t *testing.T) {
	for _, name := range []string{"a bit flipped", "cut in half", "garbage", "gone"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, store := options(t), newRows()
			fill(t, o, store)
			s := serve(t, o, store)
			require.Eventually(t, s.Working, soon, time.Millisecond)
			s.edit()
			require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
			damaged := 0
			for _, file := range storeFiles(t, o.Embedded.StoreDir) {
				if damage(t, filepath.Join(o.Embedded.StoreDir, "jetstream", file), damages[name]) {
					damaged++
				}
			}
			require.NotZero(t, damaged)
			carry(t, o, store.settle)
			require.Eventually(t, func() bool { return store.pending() == 0 }, untilRepaired, 10*time.Millisecond)
			s.stop()
			s = serve(t, o, store)
			s.edit()
			require.Eventually(t, func() bool { return store.pending() == 0 }, untilRepaired, 10*time.Millisecond)
			require.Eventually(t, s.Working, untilRepaired, 10*time.Millisecond)
		})
	}
}
