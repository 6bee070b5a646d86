import { ascii } from '../transport/out-buffer.ts';
import { FieldName } from './field-name.ts';
import { isListedByConnection } from './head.ts';
import { RequestHead } from './request-head.ts';

const name = 'x-meshlane-mirror';
const line = ascii(`${name}: 1\r\n`);

/** A copy of a head that stays, with the field that tells its receiver what it is. */
export function asMirror(head: RequestHead): RequestHead {
  const copy = new RequestHead();
  copy.copyFrom(head, line.length);
  if (copy.connectionNamesFields) dropListed(copy);
  const start = copy.end - 2;
  line.copy(copy.bytes, start);
  copy.bytes.write('\r\n', start + line.length, 'latin1');
  const valueStart = start + name.length + 2;
  copy.addField(FieldName.meshlaneMirror, start, start + name.length, valueStart, valueStart + 1);
  copy.end += line.length;
  return copy;
}

/** Before our field is there, so that no caller can have it taken away (RFC 9110 §7.6.1). */
function dropListed(copy: RequestHead): void {
  for (let i = 0; i < copy.fieldCount; i++)
    if (copy.names[i] !== FieldName.host && isListedByConnection(copy, i)) copy.names[i] = FieldName.removed;
  copy.connectionNamesFields = false;
}
