package contracts

import "time"

// AuditEvent is one thing that a person or a token did.
type AuditEvent struct {
	ID        string    `json:"id"` // its place, as the parameter after takes it
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`            // user:NAME, token:NAME, admin:token, cli, or anonymous
	Action    string    `json:"action"`           // a name of AuditActions
	Subject   string    `json:"subject,omitzero"` // what it was done to: order:ID, peer:NAME, reconciliation:ID, user:NAME, token:NAME
	Detail    string    `json:"detail,omitzero"`  // the role that was given, the address of a login, the reason
	RequestID string    `json:"requestId,omitzero"`
}

// AuditPage is one page of the audit, newest first.
type AuditPage struct {
	Events []AuditEvent `json:"events"`
	Next   string       `json:"next,omitzero"`
}

// OrderActionPrefix begins the actions that change an order.
const OrderActionPrefix = "order."

// AuditActions are the names of what people and tokens do.
var AuditActions = []string{
	"order.created", "order.edited", "order.deleted", "order.resolved", "order.retried",
	"collision.proposed", "collision.rejected",
	"peer.paused", "peer.resumed", "peer.brake", "peer.forgotten",
	"reconciliation.requested", "reconciliation.confirmed", "reconciliation.dropped",
	"login", "login.failed", "logout",
	"user.created", "user.role", "user.password", "user.disabled", "user.enabled",
	"token.created", "token.revoked",
}

// AuditExportMax is how many events an export tells of at most.
const AuditExportMax = 100_000
