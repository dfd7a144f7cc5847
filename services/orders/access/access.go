package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/orderbridge/orderbridge/services/orders"
)

// Hash is what is kept of a secret.
type Hash [sha256.Size]byte

// HashOf is the hash of a secret that is random enough to need no salt.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// Store keeps people, sessions, tries and the audit. Errors are *orders.Error.
type Store interface {
	AddUser(ctx context.Context, u User, e Event) error
	User(ctx context.Context, name string) (*User, error)
	Users(ctx context.Context) ([]User, error)
	// ChangeUser changes what is not nil, and ends all sessions of the user.
	ChangeUser(ctx context.Context, name string, c UserChange, e Event) (*User, error)

	// AddSession keeps a session of a user, unless they were changed since they were found: ErrCredentials.
	AddSession(ctx context.Context, h Hash, u *User, s Session, e Event) error
	// Session finds a session, or nil. It tells nothing of a disabled user's.
	Session(ctx context.Context, h Hash) (*Session, error)
	SeenSession(ctx context.Context, h Hash, at time.Time) error
	EndSession(ctx context.Context, h Hash, e Event) error

	// Try lets decide see what is known of the tries under each key, all at one moment, and keeps what
	// it returns; an error of decide's changes nothing and is passed on.
	Try(ctx context.Context, keys []TryKey, decide func([]Tries) ([]Tries, error)) error
	// ForgetTries drops all tries of a name.
	ForgetTries(ctx context.Context, name Hash) error

	AddToken(ctx context.Context, h Hash, t Token, e Event) error
	Tokens(ctx context.Context) ([]Token, error)
	// Token finds a token, or nil.
	Token(ctx context.Context, h Hash) (*Token, error)
	UsedToken(ctx context.Context, name string, at time.Time) error
	// RevokeToken revokes a token at the time of the event, if it is not revoked yet.
	RevokeToken(ctx context.Context, name string, e Event) (*Token, error)

	Record(ctx context.Context, e Event) error
	// Expire drops sessions and tries that ended before some times.
	Expire(ctx context.Context, sessionsSeen, sessionsBegun, tries time.Time) error
}

// Event is one row of the audit: what somebody did in the admin that is no change of an order.
type Event struct {
	At        time.Time
	Actor     string
	Action    string // a name of contracts.AuditActions
	Subject   string // what it was done to: "user:anna", "peer:b"
	Detail    string
	RequestID string
}

// Access lets people in.
type Access struct {
	store   Store
	now     func() time.Time
	log     *zap.Logger
	looking chan struct{} // one for each password that is hashed
	trusted chan struct{} // the same, for those who are known or have a device that is
	lookups lookups
	recent  *recent
	noted   *rate.Limiter // failed logins that go to the audit
}

// Limits of logins.
const (
	loginsAtOnce = 2 // each takes 19 MiB, and a CPU for a while
	loginWait    = 2 * time.Second
	notedEach    = time.Second
	notedBurst   = 100
)

// New makes the access to a side.
func New(store Store, now func() time.Time, log *zap.Logger) *Access {
	return &Access{
		store: store, now: now, log: log.Named("access"), looking: make(chan struct{}, loginsAtOnce),
		trusted: make(chan struct{}, loginsAtOnce), lookups: newLookups(), recent: &recent{shown: map[Hash]time.Time{}},
		noted: rate.NewLimiter(rate.Every(notedEach), notedBurst),
	}
}

// turn waits for a turn at hashing a password; the caller gives it back. Trusted are those whom no stranger
// may hold up.
func (a *Access) turn(ctx context.Context, trusted bool) (back func(), err error) {
	turns := a.looking
	if trusted {
		turns = a.trusted
	}
	patience := time.NewTimer(loginWait)
	defer patience.Stop()
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-patience.C:
		return nil, &TooMany{time.Second}
	case <-ctx.Done():
		return nil, orders.Wrap(orders.Unavailable, ctx.Err(), "wait for a turn")
	}
}

// event is a row of the audit, made now.
func (a *Access) event(by orders.By, action, subject, detail string) Event {
	return Event{At: a.now(), Actor: by.Actor, Action: action, Subject: subject, Detail: detail, RequestID: by.RequestID}
}

// Run drops what has expired, until ctx ends.
func (a *Access) Run(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		now := a.now()
		a.recent.forget(now.Add(-recentTrust))
		err := a.store.Expire(ctx, now.Add(-SessionIdle), now.Add(-SessionMax), now.Add(-triesTrust))
		if err != nil && ctx.Err() == nil {
			a.log.Warn("expired sessions cannot be dropped", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ErrCredentials says that name and password do not fit, and not which of the two.
var ErrCredentials = errors.New("the name or the password is wrong")

// TooMany says that a login was not looked at, and when to come again.
type TooMany struct{ Wait time.Duration }

// Error implements error.
func (e *TooMany) Error() string { return "too many tries: wait before the next one" }
