import { isDeepStrictEqual, promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import type { Labels, ResourceKey } from '../../shared/resources/resource.ts';
import type { RolloutSettings } from '../../shared/resources/rollout.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { Step } from '../catalog/plan.ts';

/** What people decide about a resource: all of it but status and revision. */
export type Configuration = {
  readonly kind: 'Service' | 'Route' | 'Policy';
  readonly name: string;
  readonly labels: Labels;
  readonly spec: object;
  readonly rollout?: RolloutSettings;
};

/** What became of one resource; null where it was not there. */
export type ConfigurationChange = {
  readonly key: ResourceKey;
  readonly before: Configuration | null;
  readonly after: Configuration | null;
};

/** What is said of a change at a glance. */
export type EntryHead = {
  /** RFC 3339. */
  readonly at: string;
  readonly by: string;
  readonly summary: string;
  readonly note?: string;
};

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);
/** As fast as gzip, and smaller. */
const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
/** More than any request brings; an entry that somebody forged is not unpacked without end. */
const mostBytes = 512 * 1024 * 1024;
const mostNamed = 5;

/** The configuration that the steps of a write change. */
export function changesOf(steps: readonly Step[]): ConfigurationChange[] {
  return steps.flatMap(({ action, key, resource, known }) => {
    if (resource.kind === 'Instance') return [];
    const change = {
      key,
      before: known ? configurationOf(known.resource) : null,
      after: action === 'removed' ? null : configurationOf(resource),
    };
    return isDeepStrictEqual(change.before, change.after) ? [] : [change];
  });
}

function configurationOf({ kind, name, labels, spec, rollout }: AnyResource): Configuration {
  return { kind, name, labels, spec, ...(rollout ? { rollout } : {}) } as Configuration;
}

/** `changed Route/a, Route/b; removed Service/c`, with at most five names. */
export function summaryOf(changes: readonly ConfigurationChange[]): string {
  const named = changes.slice(0, mostNamed);
  const parts = (['created', 'changed', 'removed'] as const).flatMap((action) => {
    const keys = named.filter((change) => actionOf(change) === action).map(({ key }) => key);
    return keys.length > 0 ? [`${action} ${keys.join(', ')}`] : [];
  });
  const more = changes.length - named.length;
  return `${parts.join('; ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export function actionOf({ before, after }: ConfigurationChange): 'created' | 'changed' | 'removed' {
  return before === null ? 'created' : after === null ? 'removed' : 'changed';
}

/** The text that is stored. */
export async function encodeEntry(head: EntryHead, changes: readonly ConfigurationChange[]): Promise<string> {
  const packed = await compress(JSON.stringify(changes), options);
  return JSON.stringify({ ...head, changes: packed.toString('base64') });
}

/** Null for what is no entry, as after an edit by hand. */
export function readHead(text: string): EntryHead | null {
  let entry: Partial<EntryHead> | null;
  try {
    entry = JSON.parse(text) as Partial<EntryHead> | null;
  } catch {
    return null;
  }
  const { at, by, summary, note } = entry ?? {};
  if (at === undefined || by === undefined || summary === undefined) return null;
  return { at, by, summary, ...(note === undefined ? {} : { note }) };
}

/** Rejects for what is no entry. */
export async function readChanges(text: string): Promise<ConfigurationChange[]> {
  const { changes } = JSON.parse(text) as { changes: string };
  const unpacked = await decompress(Buffer.from(changes, 'base64'), { maxOutputLength: mostBytes });
  return JSON.parse(unpacked.toString('utf8')) as ConfigurationChange[];
}
