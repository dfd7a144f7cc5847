//go:build linux

package trytond

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The users of a filled database, with FirstPassword until SetPassword.
const (
	ConnectorLogin = "connector"
	PersonLogin    = "clerk"
	FirstPassword  = "k7Qw2-mZp9Lx-rTv4" // Tryton wants many different characters
)

// SetPassword gives a user of a filled database another password. It ends the user's sessions.
func SetPassword(ctx context.Context, dir, database, login, password string) (err error) {
	cmd, err := Script(ctx, dir, "hash.py", mustScript("hash.py"), "TRYTON_PASSWORD="+password)
	if err != nil {
		return err
	}
	hash, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("hash a password for Tryton: %w", err)
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, `DELETE FROM ir_session WHERE create_uid = (SELECT id FROM res_user WHERE login = $1)`, login); err != nil {
		return fmt.Errorf("end the sessions of %s in Tryton: %w", login, err)
	}
	if _, err := conn.Exec(ctx, `UPDATE res_user SET password_hash = $2 WHERE login = $1`, login, string(bytes.TrimSpace(hash))); err != nil {
		return fmt.Errorf("set the password of %s in Tryton: %w", login, err)
	}
	return nil
}
