package contracts

// Validate says what is wrong with a failed call. Whoever has access to the broker may tell of one, and
// only what is right is shown.
func (f *FailedCall) Validate() []FieldError {
	c := &checker{}
	c.in("")
	c.time("at", f.At)
	c.time("since", f.Since)
	c.number("count", f.Count, 1, VersionNumberMax)
	oneOf(c, "call", f.Call, BridgeCalls)
	oneOf(c, "target", f.Target, BridgeTargets)
	c.requiredText("method", f.Method, FailedHeaderMax)
	c.requiredText("path", f.Path, FailedHeaderMax)
	c.requiredText("requestId", f.RequestID, FailedHeaderMax)
	c.number("entries", f.Entries, 0, VersionNumberMax)
	c.number("sentBytes", f.SentBytes, 0, VersionNumberMax)
	c.number("elapsedMs", f.ElapsedMs, 0, VersionNumberMax)
	c.number("status", f.Status, 0, 999)
	c.text("contentType", f.ContentType, FailedHeaderMax)
	c.text("retryAfter", f.RetryAfter, FailedHeaderMax)
	c.requiredText("reason", f.Reason, FailedReasonMax)
	c.text("said", f.Said, FailedSaidMax)
	oneOf(c, "verdict", f.Verdict, FailedVerdicts)
	if c.count("orders", len(f.Orders), FailedOrdersMax) {
		for i, id := range f.Orders {
			c.item("/orders", i)
			c.form("", id, isID, formID)
		}
	}
	return c.errs
}
