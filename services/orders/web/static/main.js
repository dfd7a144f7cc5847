// What the pages do with JavaScript, each part on its own. Without it they work all the same, but do
// not follow what happens.
import './times.js';
import './live.js';
import './forms.js';
import './try.js';
