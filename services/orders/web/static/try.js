// The API page: calls that can be tried.
for (const form of document.querySelectorAll('form[data-try]')) {
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const result = form.querySelector('.result');
    let path = form.dataset.path, body;
    const query = new URLSearchParams(), headers = {};
    for (const [name, value] of new FormData(form)) {
      const [kind, key] = name.split(/:(.*)/s);
      if (kind === 'path') path = path.replace(`{${key}}`, encodeURIComponent(value));
      else if (value === '') continue;
      else if (kind === 'query') query.set(key, value);
      else if (kind === 'header') headers[key] = value;
      else if (kind === 'token') headers.Authorization = `Bearer ${value}`;
      else { body = value; headers['Content-Type'] = form.dataset.media; }
    }
    if (query.size) path += '?' + query;
    result.hidden = false;
    result.textContent = 'Calling…';
    try {
      const response = await fetch(path, {method: form.dataset.method, headers, body});
      let text = await response.text();
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is no JSON */ }
      const named = ['content-type', 'etag', 'location', 'link', 'retry-after', 'x-request-id'].filter((h) => response.headers.has(h));
      result.textContent = `${form.dataset.method} ${path}\n${response.status} ${response.statusText}\n` + named.map((h) => `${h}: ${response.headers.get(h)}\n`).join('') + '\n' + text;
    } catch {
      result.textContent = 'The side cannot be reached.';
    }
  });
}
