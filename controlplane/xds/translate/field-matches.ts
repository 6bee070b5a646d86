import type { FieldMatch, RouteMatch } from '../../../shared/resources/route-match.ts';
import { compilePattern } from '../../../shared/routing/pattern.ts';
import type { Message } from '../codec.ts';
import type { ClientKind } from './client-kind.ts';
import { escapePattern } from './path-matches.ts';
import { whyNotPortable } from './portable-pattern.ts';

/** Thrown for a condition that xDS cannot say; caught where the match as a whole is left out. */
export class NoEqual extends Error {}

/** The conditions of a match beside its path. Throws `NoEqual` when one of them cannot be said. */
export function fieldMatches(match: RouteMatch, client: ClientKind): Message {
  const headers = [
    ...methodMatches(match, client),
    ...(match.headers ?? []).map(headerMatch),
    ...(match.cookies ?? []).map(cookieMatch),
  ];
  const queries = (match.queryParams ?? []).map(queryMatch);
  return {
    ...(headers.length > 0 ? { headers } : {}),
    ...(queries.length > 0 ? { query_parameters: queries } : {}),
  };
}

/** All calls of gRPC are POST, and their clients see no method. */
function methodMatches({ method, grpc }: RouteMatch, client: ClientKind): Message[] {
  const wanted = grpc ? 'POST' : method;
  if (client === 'envoy') return wanted ? [{ name: ':method', string_match: { exact: wanted } }] : [];
  if (wanted && wanted !== 'POST') throw new NoEqual('no call of gRPC has another method than POST');
  return [];
}

function headerMatch(match: FieldMatch): Message {
  const lower = match.name.toLowerCase();
  const name = lower === 'host' ? ':authority' : lower;
  const invert = (match.type === 'Absent') !== (match.invert ?? false);
  if (match.type === 'Present' || match.type === 'Absent') return { name, present_match: true, ...inverted(invert) };
  const matcher = stringMatch(match);
  if (!invert) return { name, string_match: matcher };
  return { name, string_match: matcher, ...inverted(true), ...missingIsOther(match) };
}

/** Ours takes a missing field for one that does not match; xDS, for an empty one, if that is told. */
function missingIsOther({ type, value = '' }: FieldMatch): Message {
  const takesEmpty = type === 'Exact' ? value === '' : compilePattern(value).test('');
  if (takesEmpty) throw new NoEqual('an inverted test that an empty value passes would differ for a missing one');
  return { treat_missing_header_as_empty: true };
}

function cookieMatch(match: FieldMatch): Message {
  if (match.type === 'RegularExpression') throw new NoEqual('a pattern for a part of the Cookie field');
  const invert = (match.type === 'Absent') !== (match.invert ?? false);
  const value = match.type === 'Exact' ? `${escapePattern(match.value ?? '')} *(?:;.*)?` : '.*';
  const regex = portable(`(?:.*; *)?${escapePattern(match.name)}=${value}`);
  const missing = invert ? { ...inverted(true), treat_missing_header_as_empty: true } : {};
  return { name: 'cookie', string_match: { safe_regex: { regex } }, ...missing };
}

/** Compared as it was sent, so a value is written as most clients send it. */
function queryMatch(match: FieldMatch): Message {
  if (match.type === 'Absent' || match.invert) throw new NoEqual('an inverted test of a query parameter');
  const name = encodeURIComponent(match.name);
  if (match.type === 'Present') return { name, present_match: true };
  if (match.type === 'Exact') return { name, string_match: { exact: encodeURIComponent(match.value ?? '') } };
  return { name, string_match: stringMatch(match) };
}

function stringMatch({ type, value = '' }: FieldMatch): Message {
  return type === 'Exact' ? { exact: value } : { safe_regex: { regex: portable(`(?:${value})`) } };
}

function portable(regex: string): string {
  const why = whyNotPortable(regex);
  if (why !== null) throw new NoEqual(`as a pattern of RE2 it ${why}`);
  return regex;
}

function inverted(isInverted: boolean): Message {
  return isInverted ? { invert_match: true } : {};
}
