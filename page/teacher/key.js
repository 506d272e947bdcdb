// How a page comes to the teacher's key: by a link that works once. The terminal prints it, the address bar loses it at once, and the
// server exchanges its code for the key. Without a code the terminal prints a new link.

import { on, problem, state, takeTeacherKey } from '../state.js';
import { showKey } from './room.js';

const PATIENCE = 10_000;  // milliseconds that the server may take
const ANSWERS = { 202: 'teach_printed', 403: 'teach_refused', 429: 'teach_too_soon' };

async function exchangeCode() {
  const code = state.teachCode;
  if (code === null) return;
  state.teachCode = null;
  problem('message', null);
  try {
    const response = await fetch('teacher', { method: 'POST', body: code, signal: AbortSignal.timeout(PATIENCE) });
    if (response.status !== 200) return problem('message', ANSWERS[response.status] ?? 'teach_unreachable');
    takeTeacherKey((await response.json()).key);
  } catch { problem('message', 'teach_unreachable'); }
}

on('link', exchangeCode);
on('teacher', showKey);
exchangeCode();
