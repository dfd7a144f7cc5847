package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders/peering"
)

const (
	epochKey    = `SELECT key FROM epoch_key`
	reportEpoch = `INSERT INTO live_epochs (key, issued, server, at) VALUES ($1, $2, $3, clock_timestamp())
	ON CONFLICT (key) DO UPDATE SET issued = EXCLUDED.issued, server = EXCLUDED.server, at = EXCLUDED.at`
	forgetEpoch = `DELETE FROM live_epochs WHERE key = $1 OR at < now() - $2::interval`
	liveEpochs  = `SELECT key, issued, server, at FROM live_epochs WHERE at >= now() - $1::interval`
	databaseNow = `SELECT last_value, pg_postmaster_start_time(), clock_timestamp(), unverified FROM log_seq, epoch_key`
	// A database that never met the peer without a number missing may be in the place of another one.
	mayBeAnother = `UPDATE epoch_key SET unverified = true WHERE EXISTS (SELECT FROM peers WHERE peer = $1 AND told IS NULL)`
)

// EpochKey is the key of the codes in the names of this side's epochs.
func (s *Store) EpochKey(ctx context.Context) ([]byte, error) {
	var key string
	err := s.pool.QueryRow(ctx, epochKey).Scan(&key)
	return []byte(key), translate(err, "read the key of epochs")
}

// ReportEpoch implements peering.Store.
func (s *Store) ReportEpoch(ctx context.Context, epoch peering.LiveEpoch, before string, within time.Duration) error {
	var server *time.Time
	if !epoch.Server.IsZero() {
		server = &epoch.Server
	}
	_, err := s.pool.Exec(ctx, reportEpoch, epoch.Key, epoch.N, server)
	if err == nil {
		_, err = s.pool.Exec(ctx, forgetEpoch, before, within)
	}
	return translate(err, "report the epoch")
}

// ForgetEpoch implements peering.Store.
func (s *Store) ForgetEpoch(ctx context.Context, key string) error {
	_, err := s.pool.Exec(ctx, forgetEpoch, key, 24*time.Hour)
	return translate(err, "end the epoch")
}

// Epochs implements peering.Store.
func (s *Store) Epochs(ctx context.Context, within time.Duration) (*peering.Epochs, error) {
	out := &peering.Epochs{Live: map[string]peering.LiveEpoch{}}
	b := &pgx.Batch{}
	b.Queue(liveEpochs, within).Query(func(rows pgx.Rows) error {
		var one peering.LiveEpoch
		var server *time.Time
		_, err := pgx.ForEachRow(rows, []any{&one.Key, &one.N, &server, &one.At}, func() error {
			one.Server = time.Time{}
			if server != nil {
				one.Server = *server
			}
			out.Live[one.Key] = one
			return nil
		})
		return err
	})
	b.Queue(databaseNow).QueryRow(func(row pgx.Row) error { return row.Scan(&out.Last, &out.Server, &out.Now, &out.Unverified) })
	return out, translate(s.batch(ctx, b), "read epochs")
}
