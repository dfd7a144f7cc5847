package postgres

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
)

func TestDatabaseErrorsByKind(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want orders.Kind
	}{
		"disk full": {&pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "53100"}, orders.Unavailable},
		"the server ends, it cannot write its log": {&pgconn.PgError{SeverityUnlocalized: "PANIC", Code: "XX000"}, orders.Unavailable},
		"the session ends, for whatever reason":    {&pgconn.PgError{SeverityUnlocalized: "FATAL", Code: "XX000"}, orders.Unavailable},
		"the connection ends":                      {errors.New("unexpected EOF"), orders.Unavailable},
		"a bug":                                    {&pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "42P01"}, orders.Internal},
		"a value that its column cannot hold":      {&pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "22021"}, orders.Invalid},
	} {
		require.Equal(t, c.want, orders.KindOf(translate(c.err, "try")), name)
	}
}
