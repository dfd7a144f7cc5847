package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// DeviceTrust is how long a browser keeps the mark of a device.
const DeviceTrust = 180 * 24 * time.Hour

const markPoint = "."

// newDevice makes the mark that a device of a user shows at later logins: a random name of the device, and
// a MAC of it with the hash of the user's password as the key. So it needs no table, nobody makes one
// without the database, and it is void once the password changes.
func newDevice(u *User) string {
	device := rand.Text()
	return device + markPoint + deviceMAC(u, device)
}

func deviceMAC(u *User, device string) string {
	mac := hmac.New(sha256.New, []byte(u.PasswordHash))
	mac.Write([]byte("device\x00" + u.Name + "\x00" + device)) //nolint:errcheck // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// deviceOf is the name of the device that a mark shows, or empty when it is none of the user's.
func deviceOf(u *User, mark string) string {
	device, mac, ok := strings.Cut(mark, markPoint)
	if !ok || u == nil || !hmac.Equal([]byte(mac), []byte(deviceMAC(u, device))) {
		return ""
	}
	return device
}
