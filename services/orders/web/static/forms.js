// Forms: what makes them quicker to use.

// Whoever sends a form sees that it is under way, and cannot send it twice.
document.addEventListener('submit', (event) => {
  const button = event.submitter;
  if (!button || event.defaultPrevented) return;
  setTimeout(() => { button.setAttribute('aria-busy', 'true'); button.form?.querySelectorAll('button').forEach((b) => { b.disabled = true; }); });
});
window.addEventListener('pageshow', () => {
  document.querySelectorAll('button[aria-busy]').forEach((b) => { b.removeAttribute('aria-busy'); b.form?.querySelectorAll('button').forEach((x) => { x.disabled = false; }); });
});

// Filters apply when one is chosen.
for (const form of document.querySelectorAll('form[data-auto]')) {
  form.addEventListener('change', (event) => { if (event.target.matches('select, [type=checkbox], [type=date]')) form.requestSubmit(); });
}

// What is wrong is read first.
document.querySelector('[data-focus]')?.focus();

// Rows are added and removed in place.
for (const button of document.querySelectorAll('[data-add]')) {
  const list = button.parentElement.querySelector(`[data-rows="${button.dataset.add}"]`);
  button.addEventListener('click', (event) => {
    event.preventDefault();
    const rows = list.querySelectorAll('fieldset');
    const fresh = rows[rows.length - 1].cloneNode(true);
    const from = `${button.dataset.add}/${rows.length - 1}/`, to = `${button.dataset.add}/${rows.length}/`;
    for (const el of fresh.querySelectorAll('[name]')) {
      el.name = el.name.replace(from, to);
      if (el.type === 'checkbox') el.checked = false; else el.value = '';
      el.removeAttribute('aria-invalid');
      el.removeAttribute('aria-describedby');
    }
    const dashed = (s) => s.replaceAll('/', '-');
    for (const el of fresh.querySelectorAll('[id]')) el.id = el.id.replace(dashed(from), dashed(to));
    for (const el of fresh.querySelectorAll('[for]')) el.htmlFor = el.htmlFor.replace(dashed(from), dashed(to));
    fresh.querySelectorAll('.fault, .meanwhile').forEach((el) => el.remove());
    fresh.querySelector('legend').textContent = fresh.querySelector('legend').textContent.replace(/\d+/, rows.length + 1);
    list.append(fresh);
    fresh.querySelector('input:not([type=hidden])').focus();
  });
}

// Who leaves a form with changes is asked.
for (const form of document.querySelectorAll('form[data-guard]')) {
  let touched = !!document.querySelector('[data-focus]');
  form.addEventListener('input', () => { touched = true; });
  form.addEventListener('submit', () => { touched = false; });
  window.addEventListener('beforeunload', (event) => { if (touched) event.preventDefault(); });
}

// One box chooses all.
document.addEventListener('change', (event) => {
  if (!event.target.matches('[data-all]')) return;
  event.target.form.querySelectorAll('[name=case]').forEach((box) => { box.checked = event.target.checked; });
});
document.querySelectorAll('[data-all]').forEach((box) => { box.hidden = false; });
