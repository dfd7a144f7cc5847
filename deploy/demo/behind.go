//go:build linux

package demo

import (
	"context"
	"fmt"
)

// behind is a shop or ERP that knows nothing of orderbridge, and of which side b is the connector.
type behind interface {
	// missing fails where the machine does not have what it takes.
	missing() error
	// start starts it. The databases run.
	start(ctx context.Context) error
	stop(ctx context.Context) error
	// settings are what `orderbridge connector` gets of it, besides those of its side.
	settings() map[string]string
	// variables are those of demo.env.
	variables() []variable
	// guide is what the user reads when all is up, with words in braces.
	guide() string
	// words are the words of the guide, each followed by what is to stand for it.
	words() []string
}

// The values of --with-shop.
const (
	shopSimulated = "simulated"
	shopTryton    = "tryton"
)

// chooseBehind makes what the options ask for, and fails where the machine does not have it.
func (d *demo) chooseBehind() error {
	switch d.options.Shop {
	case "":
		return nil
	case shopSimulated:
		d.behind = newWebShop(d.folder, d.options, d.sides[1])
	case shopTryton:
		d.behind = newTryton(d)
	default:
		return fmt.Errorf("--with-shop must be %s or %s", shopSimulated, shopTryton)
	}
	return d.behind.missing()
}
