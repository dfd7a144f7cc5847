//go:build linux

package e2eshop

import (
	"os"
	"testing"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
