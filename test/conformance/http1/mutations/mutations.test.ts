import t from 'tap';
import { withOwner } from '../../../harness/owner.ts';
import { codecCase, mutatedReply, mutatedRequest, plainRequest, type WireCase } from './cases.ts';
import { type CodecCase, checkCodec } from './codec-check.ts';
import type { Finding } from './finding.ts';
import { readFound } from './found.ts';
import { Random } from './random.ts';
import { runMutations } from './run.ts';
import { runWire } from './wire-run.ts';

const found = readFound();

t.test('20,000 mutated messages find nothing in the codec or through a proxy', async (t) => {
  const report = await runMutations({ seed: 1, messages: 20_000 }, () => undefined);
  t.same(report.findings, []);
  t.equal(report.codec.messages + report.wire.cases, 20_000);
  // Else it would be others that are tested: most of them have to get past the first bytes.
  const { taken, messages } = report.codec;
  t.ok(taken.whole > messages / 8 && taken.partial > messages / 50 && taken.refused > messages / 2);
  t.ok(report.wire.reachedInstance > report.wire.cases / 3);
  t.ok(report.wire.answered > report.wire.cases / 2);
});

t.test('what once went wrong in the codec goes right', async (t) => {
  for (const { file, fact, section, request, reply } of found) {
    t.match(section, /^RFC \d+ §/, file);
    const cases: CodecCase[] = [];
    if (request !== null) cases.push({ kind: 'request', bytes: request });
    if (reply !== null) cases.push({ kind: 'reply', bytes: reply, methods: ['GET', 'HEAD'] });
    for (const one of cases)
      for (let cuts = 0; cuts < 40; cuts++) t.equal(checkCodec(one, new Random(cuts)).fault, null, `${file}: ${fact}`);
  }
});

t.test('what once went wrong goes right through a proxy', async (t) => {
  const findings: Finding[] = [];
  const caseAt = (index: number): WireCase => {
    const { request, reply } = found[index]!;
    return { request: request ?? Buffer.from(plainRequest(index, new Random(1))), reply };
  };
  const observer = { onFinding: (finding: Finding) => void findings.push(finding), onProgress: () => undefined };
  await withOwner((owner) => runWire(owner, { seed: 1, from: 0, to: found.length, caseAt }, observer));
  t.same(findings, []);
});

t.test('a message is the same for the same seed and place, and another for others', async (t) => {
  const differing = new Set<string>();
  for (let seed = 0; seed < 20; seed++)
    for (let index = 0; index < 20; index++) {
      t.equal(mutatedRequest(seed, index), mutatedRequest(seed, index));
      t.equal(mutatedReply(seed, index), mutatedReply(seed, index));
      t.same(codecCase(seed, index), codecCase(seed, index));
      differing.add(mutatedRequest(seed, index));
    }
  t.ok(differing.size > 350, `${differing.size} of 400 differ`);
});
