package ordersync

// What services, bridges, brokers and the wire do.

// take does a step; it reports false when it cannot happen, or when nothing would come of it.
func (o *open) take(st step) bool {
	s, me, m := int(st.side), &o.s[st.side], o.m
	switch st.do {
	case sends:
		return o.send(s)
	case requestArrives, requestRepeats:
		return o.arriveRequest(s, int(st.arg), st.do == requestRepeats)
	case answerArrives, answerRepeats:
		return o.arriveAnswer(s, int(st.arg), st.do == answerRepeats)
	case requestIsLost:
		return o.lose(request, s, int(st.arg)) != 0
	case answerIsLost:
		return o.lose(answer, s, int(st.arg)) != 0
	case answerIsWritten:
		l := o.lose(reading, s, int(st.arg))
		return l != 0 && o.post(answer, s, o.tell(1-s, l>>1), l&1)
	case heals:
		if m.noHeal || me.hint || !o.holds(s).Due {
			return false
		}
		o.hint(s)
	case brokerIsLost:
		if !m.brokerLoss || !me.hint {
			return false
		}
		o.ack(s)
	case reconciles:
		return s == 0 && o.reconcile()
	case isBackedUp:
		if me.backup != 0 || me.holds == 0 || o.restores() >= m.restores {
			return false
		}
		me.backup, me.backupLog = me.holds, me.log
	case isRestored:
		if o.restores() >= m.restores || me.backup == me.holds {
			return false
		}
		me.holds, me.log = me.backup, me.backupLog
		me.restored++
		if m.mutant != keepEpoch && m.mutant != skipNumbers {
			me.epoch++
		}
		o.s[0].behind = true
	case isStartedAnew:
		if o.restarts() >= m.restarts || o.holds(s).Version.number(o.dot(s, 0).Key) == 0 ||
			m.calmRestarts && (!o.quietWire() || !o.holds(s).State.Settled()) {
			return false
		}
		me.epoch++
		me.restarted++
	default:
		panic("not here: " + st.text())
	}
	return true
}

func (o *open) lose(kind, s, i int) uint16 {
	l := o.mail[kind][s][i]
	o.mail[kind][s][i] = 0
	return l
}

// send: the bridge looks up what a hint tells of. What is not due any more is done; otherwise the
// present entry is on its way, and the hint stays until the answer was applied.
func (o *open) send(s int) bool {
	if !o.s[s].hint {
		return false
	}
	if !o.holds(s).Due {
		o.ack(s)
		return true
	}
	current := uint16(1)
	if o.m.mutant == ackAtPublish {
		o.ack(s)
		current = 0
	}
	return o.post(request, s, o.tell(s, 0), current)
}

func (o *open) arriveRequest(s, i int, again bool) bool {
	l := o.mail[request][s][i]
	if l == 0 || again && o.m.noDup {
		return false
	}
	if !again {
		o.mail[request][s][i] = 0
	}
	asked := &o.m.letters.values[l>>1]
	if s == 0 && !o.accepts(1) && unreadable(asked.content) {
		return o.post(answer, s, o.m.letter(turnedAway(asked)), l&1)
	}
	o.observe(1-s, l>>1)
	if o.m.lateTexts && o.holds(1-s).Version.Compare(asked.Version) != Equal {
		return o.post(reading, s, l>>1, l&1)
	}
	return o.post(answer, s, o.tell(1-s, l>>1), l&1)
}

func (o *open) arriveAnswer(s, i int, again bool) bool {
	l := o.mail[answer][s][i]
	if l == 0 || again && o.m.noDup {
		return false
	}
	if !again {
		o.mail[answer][s][i] = 0
		if l&1 == 1 {
			o.ack(s)
		}
	}
	o.observe(s, l>>1)
	return true
}

// reconcile compares both sides, when nothing is under way: each side's entry is sent to the other
// as a request, and the answer is applied.
func (o *open) reconcile() bool {
	if o.m.restores == 0 || o.m.noReconcile || !o.quietWire() {
		return false
	}
	for s := range 2 {
		if !o.holds(s).Known() {
			continue
		}
		l := o.tell(s, 0)
		if asked := &o.m.letters.values[l]; s == 0 && !o.accepts(1) && unreadable(asked.content) {
			o.observe(s, o.m.letter(turnedAway(asked)))
			continue
		}
		o.observe(1-s, l)
		o.observe(s, o.tell(1-s, l))
	}
	o.s[0].behind = false
	return true
}

// accepts: side a accepts everything.
func (o *open) accepts(s int) bool { return s == 0 || o.s[s].accepts || !o.m.refuses && !o.m.door }

// observe lets a side observe a letter.
func (o *open) observe(s int, l uint16) {
	me, ok := &o.s[s], o.accepts(s)
	key := [3]uint32{me.holds, uint32(l) << 1}
	if ok {
		key[1]++
	}
	merges := merging{limits: o.m.limits}
	if me.merges {
		merges = merging{on: true, onAgreed: o.m.mutant == mergeOnAgreed, stamp: o.dot(s, me.log+1), limits: o.m.limits}
		key[2] = 1 + uint32(me.log)<<1 + uint32(me.epoch)<<9
	}
	r, known := o.m.seen[key]
	if !known {
		got := observe(o.m.decide, o.holds(s), o.m.letters.values[l], ok, merges)
		o.m.remember(&got.holding)
		r = seenLetter{o.m.holding(got.holding), got.hint, got.rule == ExtMerge, got.wrong}
		o.m.rules[got.rule] = true
		o.m.seen[key] = r
	}
	me.holds = r.holds
	if r.merged {
		if me.log++; me.log > 2*me.written+mergesMax {
			o.fail("merges without end")
		}
	}
	if r.hint {
		o.hint(s)
	}
	o.fail(r.wrong)
}

// tell is the letter that a side writes of its order; asked is the letter that it answers, or 0.
func (o *open) tell(s int, asked uint16) uint16 {
	key := [2]uint32{o.s[s].holds, uint32(asked)}
	l, known := o.m.told[key]
	if !known {
		var to *letter
		if asked != 0 {
			copied := o.m.letters.values[asked] // the table moves when it grows
			to = &copied
		}
		l = o.m.letter(entryOf(o.holds(s), to, o.m.limits))
		o.m.told[key] = l
	}
	return l
}

func (o *open) fail(wrong string) {
	if o.wrong == "" {
		o.wrong = wrong
	}
}
