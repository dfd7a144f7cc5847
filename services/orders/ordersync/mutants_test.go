package ordersync

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests of the test: each of these is a protocol, or a service around it, with one fault. A
// search that does not find the fault would not find it in ours either.

// mutate makes a protocol that handles some observations in its own way, and the others like ours.
func mutate(fault func(r Record, e Entry, o *Outcome)) observer {
	return func(r Record, e Entry) Outcome {
		o := Observe(r, e)
		fault(r, e, &o)
		return o
	}
}

var mutants = []struct {
	name   string
	bounds bounds
	decide observer
	finds  string
}{
	{
		"an acknowledgement of an older version counts",
		bounds{edits: [2]int{2, 0}},
		mutate(func(r Record, e Entry, o *Outcome) {
			if r.State.pending() && e.State.Settled() && e.Version.Compare(r.Version) == Older {
				o.settle(r.Head)
				o.Hint = false
			}
		}), "settled, and the peer never had it",
	},
	{
		"an answer counts for whatever is there by now",
		bounds{edits: [2]int{2, 0}},
		mutate(func(r Record, e Entry, o *Outcome) {
			if r.State.pending() && e.AnswerTo != nil && e.State.Settled() {
				o.settle(r.Head)
				o.Take, o.Hint = false, false
			}
		}), "settled, and the peer never had it",
	},
	{
		"the last write wins",
		bounds{edits: [2]int{1, 1}},
		mutate(func(r Record, e Entry, o *Outcome) {
			if e.Version.Compare(r.Version) == Concurrent && e.Fingerprint > r.Fingerprint {
				o.settle(Head{r.Version.Join(e.Version), e.Fingerprint, e.Deleted})
				o.Take, o.Keep = true, false
			}
		}), "whose author had not seen it",
	},
	{
		"a deletion wins",
		bounds{edits: [2]int{2, 1}},
		mutate(func(r Record, e Entry, o *Outcome) {
			if e.Version.Compare(r.Version) == Concurrent && e.Deleted {
				o.settle(Head{r.Version.Join(e.Version), e.Fingerprint, true})
				o.Take, o.Keep = true, false
			}
		}), "whose author had not seen it",
	},
	{
		"late news replaces what is kept",
		bounds{edits: [2]int{1, 2}},
		func(r Record, e Entry) Outcome {
			if r.State == Collision && e.Version.Compare(r.Theirs.Version) == Older {
				r.Theirs = nil
			}
			return Observe(r, e)
		}, "quiet, but",
	},
	{
		"refused content is taken over",
		bounds{edits: [2]int{1, 0}, refuses: true},
		func(r Record, e Entry) Outcome { e.Refusal = ""; return Observe(r, e) }, "that this side refuses",
	},
	{
		"an edit of a case is not told",
		bounds{edits: [2]int{2, 1}},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.State == Collision {
				o.Due, o.Hint = false, false
			}
		}), "quiet, but",
	},
	{
		"a change is due without a hint",
		bounds{edits: [2]int{1, 0}, refuses: true},
		mutate(func(r Record, e Entry, o *Outcome) { o.Hint = false }), "due without a hint",
	},
	{
		"every error is told again for ever",
		bounds{edits: [2]int{1, 0}, refuses: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.State == ErrorSynced && e.AnswerTo != nil {
				o.Due, o.Hint = true, true
			}
		}), "never come to an end",
	},

	{
		"a creation that meets a deletion is an error",
		bounds{edits: [2]int{1, 2}},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.Rule == ExtApart {
				*o = Outcome{Record: r}
				o.fail(e, "unexpected", ExtUnexpected)
				o.owe(r, e)
			}
		}), "nobody refuses anything",
	},

	// What the search found in earlier versions of this protocol.
	{
		"a join counts as told by the answer",
		bounds{edits: [2]int{2, 1}, common: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.Rule == ExtJoin && e.AnswerTo == nil {
				o.settle(o.Head)
				o.Hint = false
			}
		}), "quiet, but",
	},
	{
		"what was refused is accepted without a word",
		bounds{edits: [2]int{1, 0}, refuses: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.Take && r.Theirs != nil && r.Theirs.Version.Compare(e.Version) == Equal {
				o.settle(e.Head)
				o.Hint = false
			}
		}), "quiet, but",
	},
	{
		"a late refusal counts against what is settled",
		bounds{edits: [2]int{1, 0}, refuses: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if r.State.Settled() && e.refuses(r) {
				*o = Outcome{Record: r}
				o.apply(Error, r.State)
			}
		}), "quiet, but",
	},
	{
		"who was told of a refusal need not hear that it is over",
		bounds{edits: [2]int{1, 0}, refuses: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if e.Version.Compare(r.Version) == Equal && r.Known() && r.State.pending() && r.same(e.Head) {
				o.settle(r.Head)
				o.Hint = false
			}
		}), "quiet, but",
	},
	{
		"an error does not look at what else the peer has",
		bounds{edits: [2]int{2, 1}, door: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.Rule == ExtKeepNewest || o.Rule == ExtErrorUp && (e.State == Error || e.State == ErrorSynced) {
				*o = Outcome{Record: r}
				o.owe(r, e)
			}
		}), "",
	},
	{
		"a case that left an error is not told",
		bounds{edits: [2]int{2, 1}, door: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if r.State == ErrorSynced && o.State == Collision && e.AnswerTo == nil && !r.Due {
				o.Due, o.Hint = false, false
			}
		}), "quiet, but",
	},
	{
		"two deletions take a number each",
		bounds{edits: [2]int{2, 1}, merges: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.Rule == ExtMerge && r.Deleted && e.Merge.Stamp.Key != "" {
				o.Head = Written(o.Head, Tombstone, true, e.Merge.Stamp, Writer{})
			}
		}), "merges without end",
	},
	{
		"a merge counts as told by the answer",
		bounds{edits: [2]int{2, 1}, merges: true},
		mutate(func(r Record, e Entry, o *Outcome) {
			if o.Rule == ExtMerge && e.AnswerTo == nil {
				o.settle(o.Head)
				o.Hint = false
			}
		}), "settled, and the peer never had it",
	},

	{
		"higher numbers of a side count as having seen the lower ones",
		bounds{edits: [2]int{3, 0}, restores: 1},
		func(r Record, e Entry) Outcome {
			for _, d := range r.Version.Dots() {
				for _, newer := range e.Version.Dots() {
					if sideOf(newer.Key) == sideOf(d.Key) && newer.N > d.N {
						e.Version = e.Version.With(d)
					}
				}
			}
			return Observe(r, e)
		}, "whose author had not seen it",
	},

	// Faults of the service around the core.
	{"elements of a version go that may be its heads", bounds{edits: [2]int{3, 0}, restarts: 2, calmRestarts: true, limits: limits{0, 2}, mutant: leaveHeads}, Observe, "do not compare"},
	{"a merge goes by what was agreed", bounds{edits: [2]int{2, 2}, merges: true, noDup: true, mutant: mergeOnAgreed}, Observe, "not the last one"},
	{"a hint goes as soon as the request is sent", bounds{edits: [2]int{1, 0}, mutant: ackAtPublish}, Observe, "due without a hint"},
	{"a restore gives numbers out again", bounds{edits: [2]int{2, 0}, restores: 1, mutant: keepEpoch}, Observe, "two contents"},
	{"a restore loses numbers unnoticed", bounds{edits: [2]int{2, 0}, restores: 1, mutant: skipNumbers}, Observe, "whose author had not seen it"},
	{"brokers lose hints, and nobody looks for them", bounds{edits: [2]int{1, 0}, brokerLoss: true, noHeal: true}, Observe, "not quiet"},
	{"a restore is never reconciled", bounds{edits: [2]int{1, 0}, restores: 1, noReconcile: true}, Observe, "not quiet"},
}

func TestMutants(t *testing.T) {
	for _, m := range mutants {
		if raceDetector && m.bounds.edits == [2]int{2, 2} {
			continue // found after half a million worlds
		}
		t.Run(m.name, func(t *testing.T) {
			x := explore(m.bounds, m.decide)
			if x.failure == "" {
				x.calm()
			}
			require.Contains(t, x.failure, m.finds)
			require.NotEmpty(t, x.failure, "%d worlds and nothing found", len(x.worlds))
			t.Logf("found after %d worlds\n%s", len(x.worlds), x.story())
		})
	}
}
