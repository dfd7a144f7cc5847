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

// User is a person of this side.
type User struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"` // viewer, operator or admin
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"createdAt"`
}

// UserList is the answer of GET /admin/api/users.
type UserList struct {
	Users []User `json:"users"`
}

// NewUser is the body of POST /admin/api/users.
type NewUser struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	Password string `json:"password,omitzero"` // one is made when it is left out
}

// UserEdit is the body of PUT /admin/api/users/{name}.
type UserEdit struct {
	Role string `json:"role"`
}

// PasswordReset is the body of POST /admin/api/users/{name}/password.
type PasswordReset struct {
	Password string `json:"password,omitzero"` // one is made when it is left out
}

// UserPassword tells of a user, once with the password that was made for them.
type UserPassword struct {
	User     User   `json:"user"`
	Password string `json:"password,omitzero"` // only if it was made here
}

// Token is what is known of a program's token; the secret itself is not.
type Token struct {
	Name      string     `json:"name"`
	Role      string     `json:"role"` // client, viewer, operator or admin
	CreatedAt time.Time  `json:"createdAt"`
	CreatedBy string     `json:"createdBy"`
	UsedAt    *time.Time `json:"usedAt,omitzero"` // last time, to the hour
	ExpiresAt *time.Time `json:"expiresAt,omitzero"`
	RevokedAt *time.Time `json:"revokedAt,omitzero"`
}

// TokenList is the answer of GET /admin/api/tokens.
type TokenList struct {
	Tokens []Token `json:"tokens"`
}

// NewToken is the body of POST /admin/api/tokens.
type NewToken struct {
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	ExpiresAt *time.Time `json:"expiresAt,omitzero"` // never when it is left out
}

// TokenSecret tells of a new token, once with its secret.
type TokenSecret struct {
	Token  Token  `json:"token"`
	Secret string `json:"secret"`
}
