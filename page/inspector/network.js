// What a neighbour on the network sees of a frame: on ws:// the frame itself, on wss:// the TLS record that carried it.

import { withClass } from '../draw/elements.js';
import { make, write } from '../words.js';
import { hexBytes, textOf } from './decode.js';

const SHOWN = 21;        // bytes of each: of a record no more are known
const RECORD_HEADER = 5; // type, version and length (RFC 8446, section 5.1)

export function networkOf(frame) {
  const box = withClass('network', document.createElement('section'));
  const bytes = [...hexBytes(frame.header), ...hexBytes(frame.payload)].slice(0, SHOWN);
  const plain = hexBytes(frame.header).length;
  box.append(write(make('h3', ''), 'network_title'), write(make('p', ''), 'network_plain'), dump(bytes, plain));
  if (frame.plain !== undefined) box.append(write(make('p', ''), 'network_masked'), dump(hexBytes(frame.plain).slice(0, SHOWN), 0));
  if (frame.record === undefined) {
    box.append(write(make('p', ''), 'network_would'));
  } else {
    const record = hexBytes(frame.record);
    const length = parseInt(record[3] + record[4], 16);
    box.append(write(make('p', ''), 'network_record', { length }), dump(record, RECORD_HEADER));
  }
  return box;
}

// Bytes, those of the header apart, and the characters that they would be.
function dump(bytes, header) {
  const row = withClass('dump', document.createElement('p'));
  const text = textOf(bytes).replace(/[^\x20-\x7e\u00a0-\u024f]/gu, '.');
  row.append(make('b', bytes.slice(0, header).join(' ')), ' ', bytes.slice(header).join(' '), ' ', make('i', text));
  return row;
}
