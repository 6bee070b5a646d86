import type { StrictMessage } from '../strict-reader.ts';
import { valuesOf } from './rules.ts';

const connectionFields = ['keep-alive', 'proxy-connection', 'te', 'http2-settings'];

/**
 * What a message that a proxy wrote should not have in it (RFC 9110 §7.6.1), or null: fields of the connection before it,
 * options of `Connection` beyond its own, an Upgrade that is not its own, a target not in the form for an origin.
 */
export function forwardingFault({ startLine, fields }: StrictMessage): string | null {
  for (const [name] of fields) if (connectionFields.includes(name.toLowerCase())) return `${name} was forwarded`;
  const options = valuesOf(fields, 'connection')
    .flatMap((value) => value.split(','))
    .map((option) => option.trim().toLowerCase());
  if (options.length > 1) return 'more than one option in Connection';
  const stranger = options.find((option) => !['close', 'keep-alive', 'upgrade'].includes(option));
  if (stranger !== undefined) return `the option ${stranger} was forwarded in Connection`;
  const upgrades = valuesOf(fields, 'upgrade');
  if (upgrades.length > 1) return 'more than one Upgrade';
  if (upgrades.length > 0 !== options.includes('upgrade')) return 'one of Upgrade and Connection without the other';
  if (upgrades.some((value) => /(^|[,\s])h2c(\/|[,\s]|$)/i.test(value))) return 'an upgrade to h2c was forwarded';
  const isRequest = !startLine.startsWith('HTTP/');
  if (isRequest && !/^[^ ]+ (?:\/|\* )/.test(startLine)) return 'a target that is not in origin form';
  return /^HTTP\/1\.1 | HTTP\/1\.1$/.test(startLine) ? null : 'a version that is not our own';
}
