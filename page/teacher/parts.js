// The small parts of the teacher's drawing: signs, buttons, names. The signs are drawn, since not every computer has these characters.

import { withClass } from '../draw/elements.js';
import { make, plain, write } from '../words.js';

const SHAPES = {
  cap: 'M12 3 1 8.5 12 14l9-4.5V16h2V8.5zM5 12.6V17c0 1.7 3.1 3 7 3s7-1.3 7-3v-4.4l-7 3.5z',
  hand: 'M7 11V5.2a1.3 1.3 0 0 1 2.6 0V10h.6V3.3a1.3 1.3 0 0 1 2.6 0V10h.6V4.2a1.3 1.3 0 0 1 2.6 0V11h.6V6.6a1.3 1.3 0 0 1 2.6 0V15c0 4.2-2.6 7-6.5 7-3 0-4.7-1.5-6.1-4.2L4 14.3c-.4-.8-.2-1.6.5-2 .6-.4 1.4-.2 1.9.4L7 13.6z',
  ear: 'M3 10v4h4l5 5V5L7 10zm11.5-3v2a3 3 0 0 1 0 6v2a5 5 0 0 0 0-10zm0-4v2a7 7 0 0 1 0 14v2a9 9 0 0 0 0-18z',
};

export function sign(shape) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'sign');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', SHAPES[shape]);
  svg.append(path);
  return svg;
}

// The teacher's mark. It is an element of its own, with a label: no text of a name can be one.
export function teachersMark() {
  const mark = withClass('teachers-mark', document.createElement('span'));
  mark.setAttribute('role', 'img');
  label(mark, 'teachers_mark');
  mark.append(sign('cap'));
  return mark;
}

// A label follows the language, like every sentence.
export function label(element, key) {
  element.dataset.label = key;
  element.setAttribute('aria-label', plain(key));
  return element;
}

export function button(key, values) {
  const element = write(make('button', ''), key, values);
  element.type = 'button';
  return element;
}

export function withId(id, element) {
  element.id = id;
  return element;
}
