package httpapi

import (
	"net/http"
	"time"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

// Limits of what one role has in work. They leave the database busy, and memory bounded; a flood of
// one role, however large, then holds up no other: the bridges go on while a client storms.
const (
	turnsEach = 64
	turnWait  = 2 * time.Second
)

// Turns gives each role a number of turns and has requests beyond it wait a little. Who gets no turn is
// told to come again (429 with Retry-After). It stands behind
// authentication; those who log in have turns of their own.
func Turns() func(http.Handler) http.Handler {
	turns := map[access.Role]chan struct{}{}
	for _, role := range append([]access.Role{""}, access.Roles...) {
		turns[role] = make(chan struct{}, turnsEach)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			turn := turns[RoleOf(r.Context())]
			patience := time.NewTimer(turnWait)
			defer patience.Stop()
			select {
			case turn <- struct{}{}:
				defer func() { <-turn }()
				next.ServeHTTP(w, r)
			case <-r.Context().Done(): // nobody waits for an answer any more
			case <-patience.C:
				WriteProblem(w, r, http.StatusTooManyRequests, "too-many-requests", "this role has too many requests under way")
			}
		})
	}
}
