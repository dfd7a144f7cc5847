package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// What a hash costs: the parameters that OWASP's password storage cheat sheet names first for argon2id.
// They are written into each hash, so raising them leaves the old ones valid.
const (
	hashMemoryKiB = 19 << 10
	hashPasses    = 2
	hashLanes     = 1
	hashBytes     = 32
	saltBytes     = 16
	hashMemoryMax = 256 << 10 // above this a stored hash is taken for damaged
)

// hashPassword makes what is kept of a password.
func hashPassword(password string) string {
	salt := randomBytes(saltBytes)
	return formatHash(salt, argon2.IDKey([]byte(password), salt, hashPasses, hashMemoryKiB, hashLanes, hashBytes))
}

// formatHash writes a hash in the PHC form $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func formatHash(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemoryKiB, hashPasses, hashLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// nobody is the hash of a password that no one has: an unknown name costs as much as a known one. It is
// no hash of anything: making one would cost every process its time and memory at the start.
var nobody = formatHash(randomBytes(saltBytes), randomBytes(hashBytes))

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

var errHash = errors.New("a stored password hash cannot be read")

// fits tells whether a password is the one of a hash.
func fits(password, stored string) (bool, error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errHash
	}
	var version int
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil || memory > hashMemoryMax || passes == 0 || lanes == 0 {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 {
		return false, errHash
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// checkPassword refuses a password that is too easily guessed. pointer is where it stands in the request.
func checkPassword(name, password, pointer string) error {
	detail := ""
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		detail = "must be UTF-8"
	case n < contracts.PasswordLengthMin || n > contracts.PasswordLengthMax:
		detail = fmt.Sprintf("must have %d to %d characters", contracts.PasswordLengthMin, contracts.PasswordLengthMax)
	case strings.Trim(strings.ToLower(password), name) == "" || strings.Trim(password, password[:1]) == "":
		detail = "is too easily guessed"
	}
	if detail == "" {
		return nil
	}
	return &orders.Error{Kind: orders.Invalid, Message: "the password cannot be taken", Fields: []contracts.FieldError{{Pointer: pointer, Detail: detail}}}
}
