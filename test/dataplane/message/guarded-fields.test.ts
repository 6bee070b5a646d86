import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { writeRequestHead } from '../../../dataplane/http1/head-writer.ts';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import { Callers } from '../../../dataplane/listener/callers.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { admit } from '../../../dataplane/message/guarded-fields.ts';
import { HeadVerdict } from '../../../dataplane/message/head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { TraceContext } from '../../../observability/tracing/trace-context.ts';
import { escaped, holdsFor } from '../../harness/property.ts';
import { readRequests } from '../../harness/strict-reader.ts';
import { proxyDocument } from '../harness/resources.ts';
import { codecLimits } from '../http1/codec-relay.ts';

/** What a hop makes of fields about callers, beside a plain version that only uses lists and strings. */

type Field = [name: string, value: string];
type Case = {
  readonly kind: 'application' | 'trusted' | 'anybody';
  readonly send: 'x-forwarded' | 'forwarded' | 'both' | 'none';
  readonly underscoreNames: 'drop' | 'refuse' | 'allow';
  readonly fields: readonly Field[];
};

const older = [
  ...['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded', 'x-forwarded-'],
  ...['x-real-ip', 'x-client-ip', 'x-cluster-client-ip', 'true-client-ip', 'x-forwarded-client-cert-x'],
];
const identity = ['x-forwarded-client-cert', 'client-cert', 'client-cert-chain', 'l5d-client-id'];
const words = ['x-meshlane-reason', 'x-meshlane-', 'x-meshlane-a'];
const plain = [
  'accept',
  'x',
  'x-',
  'x-forwarde',
  'x-forward-for',
  'x-meshlan-a',
  'forwarded-for',
  'a.b',
  'max-forwards',
  'via',
];
const known = [
  ...older,
  ...identity,
  ...words,
  'forwarded',
  'content-length',
  'transfer-encoding',
  'max-forwards',
  'via',
];

const spelled = (names: readonly string[]) =>
  fc.constantFrom(...names).chain((name) => fc.constantFrom(name, name.toUpperCase(), name.replace('x-f', 'X-f')));
const twin = spelled(known.filter((name) => name.includes('-'))).chain((name) =>
  fc.constantFrom('_', '.', '~', "'").map((sign) => name.replace('-', sign)),
);
const name = fc.oneof(
  spelled([...older, 'x-forwarded-for', 'x-forwarded-for', 'forwarded', 'forwarded']),
  spelled([...identity, ...words, ...plain]),
  twin,
  fc.constantFrom('user_id', '_'),
);
const value = fc.constantFrom('', 'a', '192.0.2.1, 10.0.0.1', 'for="[::1]";by=b', 'for="open', 'https', '0');
const cases: fc.Arbitrary<Case> = fc.record({
  kind: fc.constantFrom('application', 'trusted', 'anybody'),
  send: fc.constantFrom('x-forwarded', 'forwarded', 'both', 'none'),
  underscoreNames: fc.constantFrom('drop', 'refuse', 'allow'),
  fields: fc.array(fc.tuple(name, value), { maxLength: 8 }),
});

const requestOf = ({ fields }: Case) =>
  Buffer.from(`GET / HTTP/1.1\r\nHost: app:81\r\n${fields.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`, 'latin1');

function callerOf({ kind, send, underscoreNames }: Case): Caller {
  const forwarding = { fields: send, application: ['192.0.2.1'], trusted: ['192.0.2.2'] };
  const address = { application: '192.0.2.1', trusted: '192.0.2.2', anybody: '192.0.2.3' }[kind];
  const { spec } = proxyDocument({ listeners: [{ name: 'a', port: 0, forwarding, underscoreNames }] });
  return new Callers(spec.listeners[0]!, 'https').at(address);
}

/** What the next hop gets by the plain version; null when the request is refused. */
function expected({ kind, send, underscoreNames, fields }: Case): Field[] | null {
  const lower = (field: Field) => field[0].toLowerCase();
  const isTwin = (one: string) => {
    const dashed = one.replace(/[^a-z0-9]/g, '-');
    return dashed !== one && (known.includes(dashed) || /^x-(forwarded|meshlane)-/.test(dashed));
  };
  if (underscoreNames === 'refuse' && fields.some((one) => lower(one).includes('_') || isTwin(lower(one)))) return null;
  const sendsOlder = send === 'x-forwarded' || send === 'both';
  const sendsForwarded = send === 'forwarded' || send === 'both';
  const admitted = fields.filter((field) => {
    const one = lower(field);
    if (isTwin(one) || words.includes(one)) return false;
    if (one.includes('_')) return underscoreNames === 'allow';
    if (identity.includes(one)) return kind === 'trusted';
    if (kind === 'application') return true;
    if (one === 'forwarded')
      return kind === 'trusted' && sendsForwarded && (field[1].match(/"/g)?.length ?? 0) % 2 === 0;
    return !older.includes(one) || (kind === 'trusted' && sendsOlder);
  });
  if (kind === 'application') return admitted;
  const valuesOf = (one: string) =>
    admitted.filter((field) => lower(field) === one && field[1] !== '').map(([, v]) => v);
  const has = (one: string) => admitted.some((field) => lower(field) === one);
  const address = kind === 'trusted' ? '192.0.2.2' : '192.0.2.3';
  const result = admitted.filter((field) => !['x-forwarded-for', 'forwarded'].includes(lower(field)));
  if (sendsOlder) {
    result.push(['X-Forwarded-For', [...valuesOf('x-forwarded-for'), address].join(', ')]);
    if (!has('x-forwarded-proto')) result.push(['X-Forwarded-Proto', 'https']);
    if (!has('x-forwarded-host')) result.push(['X-Forwarded-Host', 'app:81']);
  }
  const element = `for=${address};proto=https;host="app:81"`;
  if (sendsForwarded) result.push(['Forwarded', [...valuesOf('forwarded'), element].join(', ')]);
  return result;
}

t.test('what the next hop is told is what the plain version says', async (t) => {
  const head = new RequestHead();
  const trace = new TraceContext();
  trace.begin(false);
  const show = (one: Case) => `${one.kind} ${one.send} ${one.underscoreNames} ${escaped(requestOf(one))}`;
  holdsFor(t, cases, { runs: 5000, show }, (one) => {
    const bytes = requestOf(one);
    const caller = callerOf(one);
    deepStrictEqual(readRequestHead(head, bytes, 0, bytes.length, codecLimits), HeadVerdict.whole);
    const verdict = head.guarded === 0 ? HeadVerdict.whole : admit(head, caller);
    const wanted = expected(one);
    deepStrictEqual(verdict, wanted === null ? HeadVerdict.refused : HeadVerdict.whole);
    if (wanted === null) return;
    for (const gone of [...words, ...(one.kind === 'trusted' ? [] : identity)])
      deepStrictEqual(head.header(gone), null);
    const out = new OutBuffer();
    writeRequestHead(out, { head, trace, caller, isUpgrade: false, remainingMs: 0, attempt: 1 });
    const { messages, fault } = readRequests(Buffer.from(out.bytes.subarray(0, out.length)));
    deepStrictEqual(fault, null);
    deepStrictEqual(
      messages[0]?.fields.filter(([name]) => !/^(host|traceparent)$/i.test(name)),
      wanted,
    );
  });
});
