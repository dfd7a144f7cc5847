package contracts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate says what is wrong with an entry, leaving the order's content aside: content that this side
// refuses makes an ERROR of that order, while an entry that breaks these rules is no entry at all.
// An empty version says that the sender has nothing.
func (e *Entry) Validate() []FieldError {
	c := &checker{}
	c.in("")
	c.form("itemId", e.ItemID, isID, formID)
	c.state("state", e.State)
	c.version("version", e.Version)
	if nothing := len(e.Version) == 0; !nothing || e.Fingerprint != "" {
		c.form("fingerprint", e.Fingerprint, isFingerprint, "must be fp1: and 64 hexadecimal digits in lower case")
	}
	if len(e.Version) > 0 || !e.UpdatedAt.IsZero() {
		c.time("updatedAt", e.UpdatedAt)
	}
	if len(e.Version) > 0 {
		c.requiredText("itemURI", e.ItemURI, ItemURILengthMax)
	} else {
		c.text("itemURI", e.ItemURI, ItemURILengthMax)
	}
	e.checkDeleted(c)
	if r := e.Refused; r != nil {
		c.in("/refused")
		c.version("version", r.Version)
		c.lengthOnly("reason", r.Reason, ReasonLengthMax)
		c.in("")
	}
	c.version("answerTo", e.AnswerTo)
	e.checkOrder(c)
	return c.errs
}

func (e *Entry) checkDeleted(c *checker) {
	switch e.State {
	case "NEW", "UPD", "OK":
		if e.Deleted {
			c.fail("deleted", "must not be true in the state "+e.State)
		}
	case "DEL", "DEL_SYNCED":
		if !e.Deleted {
			c.fail("deleted", "must be true in the state "+e.State)
		}
	}
}

// checkOrder checks how the order fits the envelope.
func (e *Entry) checkOrder(c *checker) {
	switch {
	case e.Order == nil:
	case e.Deleted:
		c.fail("order", "must be left out when deleted is true")
	case len(e.Version) == 0:
		c.fail("order", "must be left out when version is empty")
	case e.Order.ID != e.ItemID:
		c.in("/order")
		c.fail("id", "must be the itemId")
	}
}

func (c *checker) side(name, side string) {
	c.form(name, side, isSide, "must be a side's name: up to 16 lower-case letters, digits and -, a letter first")
}

func (c *checker) state(name, state string) { oneOf(c, name, state, States[1:]) }

// version checks a vector; it may be empty.
func (c *checker) version(name string, v Version) {
	if fault := versionSizeFault(v); fault != "" {
		c.fail(name, fault)
		return
	}
	sound := true
	for key, n := range v {
		sound = sound && isVersionElement(key) && n >= 1 && n <= VersionNumberMax && !v.listsTwice(key)
	}
	if sound {
		return
	}
	outer := c.place
	c.in(outer + "/" + name)
	defer c.in(outer)
	for _, key := range slices.Sorted(maps.Keys(v)) {
		switch n := v[key]; {
		case !isVersionElement(key):
			c.fail(key, "needs a key of a side and an epoch, such as a.7kq2mz")
		case v.listsTwice(key):
			c.fail(key, "must be there once")
		case n < 1 || n > VersionNumberMax:
			c.fail(key, fmt.Sprintf("must be between 1 and %d", int64(VersionNumberMax)))
		}
	}
}

// listsTwice reports whether a key is there as a head and beside it as none.
func (v Version) listsTwice(key string) bool {
	_, twice := v[key+VersionHead]
	return twice
}

func versionSizeFault(v Version) string {
	if len(v) > VersionKeysMax {
		return fmt.Sprintf("must not hold more than %d keys", VersionKeysMax)
	}
	if len(v) <= VersionSideKeysMax {
		return ""
	}
	count := map[string]int{}
	for key := range v {
		side, _, _ := strings.Cut(key, ".")
		if count[side]++; count[side] > VersionSideKeysMax {
			return fmt.Sprintf("must not hold more than %d keys of one side", VersionSideKeysMax)
		}
	}
	return ""
}
