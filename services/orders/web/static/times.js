// Times: "3 minutes ago" that stays true, and hours in the reader's zone.
const units = [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
const exact = new Intl.DateTimeFormat(undefined, {dateStyle: 'full', timeStyle: 'medium', hourCycle: 'h23'});
const day = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23'});
const hour = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});

function ago(seconds) {
  if (seconds < -60) return 'in ' + length(-seconds);
  return seconds < 5 ? 'just now' : length(seconds) + ' ago';
}

function length(seconds) {
  for (const [name, size] of units) {
    const n = Math.floor(seconds / size);
    if (n > 0) return `${n}\u00a0${name}${n === 1 ? '' : 's'}`;
  }
  return 'less than a second';
}

export function renewTimes() {
  const now = Date.now();
  for (const el of document.querySelectorAll('time[data-ago], time[data-clock]')) {
    const at = new Date(el.dateTime);
    const text = el.hasAttribute('data-ago') ? ago((now - at) / 1000)
      : (at.toDateString() === new Date(now).toDateString() ? hour : day).format(at);
    if (el.textContent !== text) el.textContent = text;
    const title = exact.format(at);
    if (el.title !== title) el.title = title;
  }
}

renewTimes();
setInterval(renewTimes, 5000);
