package contracts

import "time"

// Limits of people's names and passwords, in characters.
const (
	UserNameMax       = 32
	PasswordLengthMin = 12
	PasswordLengthMax = 200
)

// UserNamePattern is what the name of a person or of a token looks like.
const UserNamePattern = `^[a-z][a-z0-9._-]{0,31}$`

// Login is the body of POST /admin/api/session.
type Login struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// Session is the answer of GET /admin/api/session: who the caller is, and what they may do.
type Session struct {
	Actor     string     `json:"actor"`              // as the log and the audit name the caller
	User      string     `json:"user,omitzero"`      // the person's name; none for a token
	Role      string     `json:"role"`               // viewer, operator or admin
	ExpiresAt *time.Time `json:"expiresAt,omitzero"` // of a person's session, if no more requests come
}

// PasswordChange is the body of POST /admin/api/session/password.
type PasswordChange struct {
	Password    string `json:"password"` // the present one
	NewPassword string `json:"newPassword"`
}
