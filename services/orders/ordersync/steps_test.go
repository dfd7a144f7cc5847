package ordersync

import (
	"strings"
)

// step is one thing that happens in a world.
type step struct {
	do   deed
	side uint8 // who does it; of a letter, the side that asked
	arg  uint8 // which letter, or which content
}

type deed uint8

const (
	sends           deed = iota // the bridge takes a hint: lookup, then a request, or nothing to do
	requestArrives              //
	requestRepeats              // arrives, and will come again
	requestIsLost               //
	answerIsWritten             // lateTexts: after the observation
	answerArrives               // is applied and the hint acknowledged
	answerRepeats               // is applied, but not acknowledged, and will come again
	answerIsLost                //
	heals                       // a hint for what is due and has none
	reconciles                  //
	brokerIsLost                // with all its hints
	isBackedUp                  //
	isRestored                  //
	isStartedAnew               // a process of the side
	edits                       // people of the side
	deletes                     //
	resolves                    //
	retries                     //
	accepts                     // side b begins to accept what it refused, or to refuse it again
	switches                    // the policy to merging, or back

	firstPersonal = edits
	deedsEnd      = switches + 1
)

// hints tells that people changed the order, so that the peer must be told.
func (d deed) hints() bool { return d != accepts && d != switches }

var deedTexts = [deedsEnd]string{
	"the bridge of ? takes a hint", "the request of ? arrives", "the request of ? arrives, and will come again", "the request of ? is lost",
	"the answer to ? is written", "the answer to ? arrives", "the answer to ? arrives, and will come again", "the answer to ? is lost",
	"? hints what is due", "the sides are reconciled", "the broker of ? loses its store", "? is backed up", "? is restored", "? is started anew",
	"people edit at ?", "people delete at ?", "people resolve at ?", "people retry at ?", "? thinks otherwise about what it refuses", "? switches the policy",
}

// What people write: arg of edits and resolves.
const (
	ownContent uint8 = iota
	theOther         // field, in own words
	theCommon
	theRefused
	theUnreadable
	takeOurs
	takeTheirs
	contentsEnd
)

func (s step) text() string {
	t := strings.ReplaceAll(deedTexts[s.do], "?", string(rune('A'+s.side)))
	if s.do == edits || s.do == resolves {
		t += [contentsEnd]string{"", ": the other field", ": common", ": refused", ": unreadable", ": ours", ": theirs"}[s.arg]
	}
	return t
}

// each tries every step that can happen in a world; calm leaves out people and faults.
func (m *model) each(w world, calm bool, visit func(step, *open)) {
	start := m.open(w)
	var o open // in one place, since visit lets it escape
	for s := range 2 {
		for do := range firstPersonal {
			if calm && !start.calm(do, s) {
				continue
			}
			args := 1
			if do <= answerIsLost && do >= requestArrives {
				args = m.inFlight
			}
			for arg := range args {
				o = start
				if st := (step{do, uint8(s), uint8(arg)}); o.take(st) {
					visit(st, &o)
				}
			}
		}
		if calm {
			continue
		}
		for _, p := range m.personal(&start, s) {
			o = start
			o.s[s] = p.side
			if p.hint {
				o.hint(s)
			}
			o.fail(p.wrong)
			visit(p.step, &o)
		}
	}
}

// calm tells a step that happens without people and without faults.
func (o *open) calm(do deed, s int) bool {
	switch do {
	case requestArrives, answerIsWritten, answerArrives, heals:
		return true
	case sends: // unless the hint is being worked on
		for k := range o.mail {
			for _, l := range o.mail[k][s] {
				if l&1 == 1 {
					return false
				}
			}
		}
		return true
	case reconciles:
		return o.s[0].behind
	default:
		return false
	}
}
