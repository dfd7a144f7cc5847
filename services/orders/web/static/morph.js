// Brings a part of the page to what a fresh one has, changing only what differs. Elements are matched
// by id, or else by kind and place. A field that somebody is in, or has changed, keeps its value; a
// part with data-keep is left alone.
export function morph(from, to) {
  attributes(from, to);
  const known = new Map();
  for (const el of from.children) if (el.id) known.set(el.id, el);
  let at = from.firstChild;
  for (const want of [...to.childNodes]) {
    const named = want.id && known.get(want.id);
    if (named && named !== at) {
      from.insertBefore(named, at);
      at = named;
    }
    if (at && same(at, want)) {
      update(at, want);
      at = at.nextSibling;
    } else {
      const fresh = document.importNode(want, true);
      if (fresh.id && fresh.tagName === 'TR') fresh.classList.add('lit');
      from.insertBefore(fresh, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    if (!holds(at)) at.remove();
    at = next;
  }
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || '') === (b.id || '');
}

// holds tells that somebody is in this part: it goes when they have left.
function holds(node) {
  return node.nodeType === Node.ELEMENT_NODE && node.contains(document.activeElement) && document.activeElement.matches('input, select, textarea');
}

function update(at, want) {
  if (at.nodeType === Node.TEXT_NODE) {
    if (at.data !== want.data) at.data = want.data;
    return;
  }
  if (at.nodeType !== Node.ELEMENT_NODE || at.hasAttribute('data-keep') || at.isEqualNode(want)) return;
  if (at.matches('input, select, textarea')) {
    if (at === document.activeElement || changed(at)) return;
    attributes(at, want);
    if (at.matches('input')) { at.value = want.value; at.checked = want.checked; return; }
  }
  if (at.tagName === 'TIME') { // its text is renewed here
    attributes(at, want);
    return;
  }
  morph(at, want);
}

function changed(field) {
  if (field.matches('select')) return [...field.options].some((o) => o.selected !== o.defaultSelected);
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

function attributes(at, want) {
  for (const {name, value} of [...want.attributes]) if (at.getAttribute(name) !== value && name !== 'open') at.setAttribute(name, value);
  for (const {name} of [...at.attributes]) if (!want.hasAttribute(name) && name !== 'open' && name !== 'tabindex') at.removeAttribute(name);
}
