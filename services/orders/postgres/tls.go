package postgres

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
)

// CheckTLS refuses a connection string that leads to another machine without proof that it is the database: with any
// sslmode below verify-full somebody in between can read along, or answer in its place.
func CheckTLS(url string) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil // it cannot be used at all, which Open says
	}
	safe := verified(cfg.Host, cfg.TLSConfig)
	for _, f := range cfg.Fallbacks {
		safe = safe && verified(f.Host, f.TLSConfig)
	}
	if !safe {
		return errors.New("leads to another machine without sslmode=verify-full: set it, with sslrootcert if the authority is your own")
	}
	return nil
}

func verified(host string, c *tls.Config) bool {
	ip := net.ParseIP(host)
	local := strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
	return local || c != nil && !c.InsecureSkipVerify && c.ServerName != ""
}
