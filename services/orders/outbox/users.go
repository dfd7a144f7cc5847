package outbox

import (
	"fmt"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/bcrypt"

	"github.com/orderbridge/orderbridge/contracts"
)

// Users of the embedded server besides the service. They and their rights are those of an external one,
// deploy/nats/nats-server.conf.
const (
	BridgeUser   = "bridge"
	OperatorUser = "operator"
)

// rights are the subjects that a user may publish to and subscribe to.
type rights struct{ publish, subscribe []string }

func (r rights) permissions() *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: r.publish},
		Subscribe: &server.SubjectPermission{Allow: r.subscribe},
	}
}

// with adds the rights of another role.
func (r rights) with(other rights) rights {
	return rights{
		slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.publish, other.publish)))),
		slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.subscribe, other.subscribe)))),
	}
}

var (
	// serviceRights: it makes and mends the stream and its consumers, and publishes hints.
	serviceRights = rights{
		[]string{
			contracts.HintSubjectPrefix + ">",
			"$JS.API.STREAM.INFO." + contracts.HintStream,
			"$JS.API.STREAM.CREATE." + contracts.HintStream,
			"$JS.API.STREAM.UPDATE." + contracts.HintStream,
			"$JS.API.STREAM.DELETE." + contracts.HintStream,
			purgeRight,
			readHintRight,
			"$JS.API.CONSUMER.INFO." + contracts.HintStream + ".*",
			"$JS.API.CONSUMER.CREATE." + contracts.HintStream + ".>",
			"$JS.API.CONSUMER.DELETE." + contracts.HintStream + ".*",
			"$JS.API.CONSUMER.PAUSE." + contracts.HintStream + ".*",
		},
		[]string{contracts.ServiceInbox + ".>", contracts.BridgeSubjectPrefix + "*"},
	}
	// bridgeRights: it takes hints from consumers that exist, acknowledges them, and reports.
	bridgeRights = rights{
		[]string{
			"$JS.API.CONSUMER.INFO." + contracts.HintStream + ".*",
			"$JS.API.CONSUMER.MSG.NEXT." + contracts.HintStream + ".*",
			"$JS.ACK." + contracts.HintStream + ".>",
			"$JS.ACK.*.*." + contracts.HintStream + ".>",
			contracts.BridgeSubjectPrefix + "*",
		},
		[]string{contracts.BridgeInbox + ".>"},
	}
	// operatorRights: a person looks. Pausing goes through the service, which remembers it.
	operatorRights = rights{
		[]string{
			"$JS.API.INFO",
			"$JS.API.STREAM.INFO.*",
			"$JS.API.STREAM.LIST",
			"$JS.API.STREAM.NAMES",
			"$JS.API.STREAM.MSG.GET.*",
			"$JS.API.DIRECT.GET.>",
			"$JS.API.CONSUMER.INFO.>",
			"$JS.API.CONSUMER.LIST.*",
			"$JS.API.CONSUMER.NAMES.*",
		},
		[]string{"_INBOX.>", "$JS.EVENT.ADVISORY.>", contracts.BridgeSubjectPrefix + "*"},
	}
)

// embeddedUsers are the users of the embedded server. It keeps hashes; the passwords are long and random,
// so the cheapest ones will do.
func embeddedUsers(o EmbeddedOptions) ([]*server.User, error) {
	service := serviceRights
	if o.BridgePassword == "" {
		service = service.with(bridgeRights)
	}
	users := []*server.User{}
	for _, u := range []struct {
		name, password string
		rights         rights
	}{{o.User, o.Password, service}, {BridgeUser, o.BridgePassword, bridgeRights}, {OperatorUser, o.OperatorPassword, operatorRights}} {
		if u.password == "" {
			continue
		}
		hash, err := bcrypt.GenerateFromPassword([]byte(u.password), bcrypt.MinCost)
		if err != nil {
			return nil, fmt.Errorf("password of user %s of the embedded broker: %w", u.name, err)
		}
		users = append(users, &server.User{Username: u.name, Password: string(hash), Permissions: u.rights.permissions()})
	}
	return users, nil
}
