package postgres

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector"
)

// TestOneRefusedWriteHoldsUpNoOther: several are stored by one commit, and the database refuses one of them.
func TestOneRefusedWriteHoldsUpNoOther(t *testing.T) {
	s := open(t, 4).Connector()
	good, bad := uuid.New(), uuid.New()
	intent := &connector.Intent{OrderID: good, Target: "t", Body: []byte(`{}`), SentAt: time.Now()}
	list := []*statement{
		{sql: saveIntent, args: []any{good, false, "", "t", intent.Body, "", intent.SentAt}, err: errNotWritten},
		{sql: saveIntent, args: []any{bad, false, "", "t", []byte(`{`), "", intent.SentAt}, err: errNotWritten},
		{sql: dropIntent, args: []any{uuid.New(), intent.SentAt}, err: errNotWritten},
	}
	s.commit(t.Context(), durably, list)
	require.NoError(t, list[0].err)
	require.EqualValues(t, 1, list[0].rows)
	require.Error(t, list[1].err)
	require.NoError(t, list[2].err)
	require.Zero(t, list[2].rows)
	rec, err := s.Record(t.Context(), good)
	require.NoError(t, err)
	require.Equal(t, "t", rec.Intent.Target)
	rec, err = s.Record(t.Context(), bad)
	require.NoError(t, err)
	require.Nil(t, rec.Intent)
}

// TestOneOfTwoIntents: whoever stores its intent first sends.
func TestOneOfTwoIntents(t *testing.T) {
	s := open(t, 4).Connector()
	id := uuid.New()
	var mu sync.Mutex
	var all sync.WaitGroup
	first := 0
	for i := range 8 {
		all.Go(func() {
			saved, err := s.SaveIntent(t.Context(), &connector.Intent{OrderID: id, SentAt: time.Unix(int64(i), 0)}, nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && saved {
				first++
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, first)
	rec, err := s.Record(t.Context(), id)
	require.NoError(t, err)
	saved, err := s.SaveIntent(t.Context(), &connector.Intent{OrderID: id, SentAt: time.Unix(100, 0)}, rec.Intent)
	require.NoError(t, err)
	require.True(t, saved)
	saved, err = s.SaveIntent(t.Context(), &connector.Intent{OrderID: id, SentAt: time.Unix(101, 0)}, rec.Intent)
	require.NoError(t, err)
	require.False(t, saved)
	require.NoError(t, s.DropIntent(t.Context(), rec.Intent))
	rec, err = s.Record(t.Context(), id)
	require.NoError(t, err)
	require.NotNil(t, rec.Intent, "another one has taken its place")
	require.NoError(t, s.DropIntent(t.Context(), rec.Intent))
	rec, err = s.Record(t.Context(), id)
	require.NoError(t, err)
	require.Nil(t, rec.Intent)
}

// TestWhatIsDurable: a crash of the database loses no intent.
func TestWhatIsDurable(t *testing.T) {
	s := open(t, 1).Connector()
	_, err := s.pool.Exec(t.Context(), `SET synchronous_commit = on`) // tests run without, on this one connection
	require.NoError(t, err)
	settings := func(how string) string {
		var is string
		one := &statement{sql: `SELECT set_config('orderbridge.test', current_setting('synchronous_commit'), false)`}
		s.commit(t.Context(), how, []*statement{one})
		require.NoError(t, one.err)
		require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT current_setting('orderbridge.test')`).Scan(&is))
		return is
	}
	require.Equal(t, "on", settings(durably))
	require.Equal(t, "off", settings(soon))
	require.Equal(t, "on", settings(durably), "it is for one transaction only")
}
