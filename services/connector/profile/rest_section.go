package profile

// REST says how the API of a system is called.
type REST struct{}

func (r *REST) check(c *compiler, m *Mapping) {}
