// Live updates: when the side says that something has changed, the page is asked for again, and what
// stands in its [data-live] parts is brought to what came, in place: focus, scrolling and what is being
// typed stay.
import {morph} from './morph.js';
import {renewTimes} from './times.js';

const parts = document.querySelectorAll('[data-live]');
const banner = document.getElementById('live');
// Events come every five seconds at least; a service that hangs sends none, and closes nothing.
const silentMax = 8000, answerMax = 4000;
let source, running = false, again = false, next, failures = 0, heard = 0;

async function renew() {
  if (running) { again = true; return; }
  clearTimeout(next); // one at a time, however many want it
  next = undefined;
  running = true;
  try {
    const url = new URL(location.href);
    url.searchParams.delete('done');
    const response = await fetch(url, {headers: {Accept: 'text/html'}, credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(answerMax)});
    if (response.redirected && new URL(response.url).pathname !== url.pathname) { location.reload(); return; }
    const type = response.headers.get('Content-Type') || '';
    if (!type.startsWith('text/html')) throw new Error(String(response.status));
    if (response.status >= 500) throw new Error(String(response.status));
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
    for (const part of document.querySelectorAll('[data-live]')) {
      const to = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (to) morph(part, to);
    }
    warn(fresh);
    renewTimes();
    failures = 0;
    lost(false);
  } catch {
    failures++;
    lost(true);
    again = false;
    next = setTimeout(renew, Math.min(1000 * failures, 10000));
  } finally {
    running = false;
    if (again) { again = false; next = setTimeout(renew, 250); }
  }
}

// warn says when what a form was made from is not what there is any more. The form stays as it is.
function warn(fresh) {
  const note = document.querySelector('[data-moved]');
  const mine = document.querySelector('form input[name=version]'), now = fresh.querySelector('form input[name=version]');
  if (note && mine) note.hidden = !!now && mine.value === now.value;
}

// lost says that what is shown may be out of date.
function lost(is) {
  if (is === !banner.hidden) return;
  banner.hidden = !is;
  banner.textContent = is ? 'This side cannot be reached. What you see may be out of date.' : '';
  for (const part of parts) part.classList.toggle('stale', is);
}

function listen() {
  if (source || document.hidden || 'still' in document.body.dataset) return;
  source = new EventSource('/admin/api/events');
  heard = Date.now();
  for (const event of ['open', 'changed', 'sample']) source.addEventListener(event, () => { heard = Date.now(); });
  source.addEventListener('changed', renew);
  if (document.querySelector('[data-samples]')) source.addEventListener('sample', renew);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) { // refused: the session may have ended
      stop();
      setTimeout(() => { check(); listen(); }, 3000);
    } else {
      setTimeout(check, 2500);
    }
  };
}

// check asks once more when the stream has not come back by itself, unless that will be done anyway.
function check() { if (!next && source?.readyState !== EventSource.OPEN) renew(); }

setInterval(() => {
  if (!source || document.hidden || Date.now() - heard < silentMax) return;
  heard = Date.now();
  if (!next) renew();
}, 1000);

function stop() { if (source) { source.close(); source = undefined; } }

// A tab that nobody sees needs no stream: browsers allow few of them for one address.
document.addEventListener('visibilitychange', () => { if (document.hidden) stop(); else listen(); });
window.addEventListener('pagehide', stop);
window.addEventListener('pageshow', listen);
listen();
