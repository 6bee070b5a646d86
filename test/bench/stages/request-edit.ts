import { deepStrictEqual } from 'node:assert/strict';
import { editRequest } from '../../../dataplane/message/edited-head.ts';
import { fieldEdit, fieldRemoval } from '../../../dataplane/message/field-edit.ts';
import { FieldName } from '../../../dataplane/message/field-name.ts';
import type { Head } from '../../../dataplane/message/head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { readPlainHead } from './plain-head.ts';
import { requestHeads, sampleRequestHead } from './sample-heads.ts';
import type { Stage } from './stage.ts';

const edits = [fieldEdit('set', 'X-Tenant', 'shop'), fieldRemoval('authorization'), fieldEdit('add', 'accept', 'a/b')];

type Line = readonly [name: string, value: string];

export const stage: Stage = {
  name: 'request-edit',
  what: 'set, remove and add a field of a head that was read',
  plain: 'edit a list of names and values, write it and read it again',
  prepare() {
    const heads = requestHeads.map(sampleRequestHead);
    const copy = new RequestHead();
    return {
      check() {
        heads.forEach((head, i) => {
          editRequest(copy, head, edits, null, null);
          deepStrictEqual(linesOf(copy), linesOf(editPlain(requestHeads[i]!)));
        });
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += editRequest(copy, heads[i & 3]!, edits, null, null).end;
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += editPlain(requestHeads[i & 3]!).end;
        return sum;
      },
    };
  },
};

function editPlain(bytes: Buffer): RequestHead {
  const { startLine, lines, fields } = readPlainHead(bytes);
  const listed = (fields.get('connection') ?? '').split(',').map((option) => option.trim().toLowerCase());
  const isOf = (line: string, name: string) => line.toLowerCase().startsWith(`${name}:`);
  const gone = ['x-tenant', 'authorization', ...listed];
  const kept = lines.filter((line) => !gone.some((name) => isOf(line, name)));
  const last = kept.findLast((line) => isOf(line, 'accept'));
  const edited = [
    startLine,
    ...kept.filter((line) => line !== last),
    'X-Tenant: shop',
    last === undefined ? 'accept: a/b' : `${last},a/b`,
  ];
  return sampleRequestHead(Buffer.from(`${edited.join('\r\n')}\r\n\r\n`, 'latin1'));
}

function linesOf(head: Head): Line[] {
  const lines: Line[] = [];
  for (let i = 0; i < head.fieldCount; i++) {
    if (head.names[i] === FieldName.removed) continue;
    lines.push([head.bytes.toString('latin1', head.offsets[i * 4], head.offsets[i * 4 + 1]), head.valueAt(i)]);
  }
  return lines;
}
