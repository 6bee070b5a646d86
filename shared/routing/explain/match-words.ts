import type { FieldMatch, GrpcMatch, PathMatch, RouteMatch, SourceMatch } from '../../resources/route-match.ts';

const pathWords: Readonly<Record<PathMatch['type'], string>> = {
  Exact: 'path',
  PathPrefix: 'prefix',
  RegularExpression: 'pattern',
  Template: 'template',
};

/** The kinds of fields that a match may ask for, with the word for one. */
export const fieldLists = [
  ['headers', 'header'],
  ['queryParams', 'query parameter'],
  ['cookies', 'cookie'],
] as const;

/** A match in words: `prefix /v2, header x is y`. */
export function matchInWords(match: RouteMatch): string {
  const words = [
    ...(match.path ? [pathInWords(match.path)] : []),
    ...(match.grpc ? [grpcInWords(match.grpc)] : []),
    ...(match.method ? [`method ${match.method}`] : []),
    ...fieldLists.flatMap(([list, word]) => (match[list] ?? []).map((field) => fieldInWords(word, field))),
    ...(match.source ? [sourceInWords(match.source)] : []),
  ];
  return words.join(', ') || 'any request';
}

export function pathInWords({ type, value }: PathMatch): string {
  return `${pathWords[type]} ${value}`;
}

export function grpcInWords({ type, service, method }: GrpcMatch): string {
  const names = [...(service ? [`service ${service}`] : []), ...(method ? [`method ${method}`] : [])].join(', ');
  return `gRPC ${type === 'RegularExpression' ? 'pattern of ' : ''}${names}`;
}

export function fieldInWords(word: string, { type, name, value, invert = false }: FieldMatch): string {
  const not = invert ? 'not ' : '';
  if (type === 'Exact') return `${word} ${name} is ${not}${value === '' ? 'empty' : value}`;
  if (type === 'RegularExpression') return `${word} ${name} ${invert ? 'does not match' : 'matches'} ${value}`;
  return `${word} ${name} is ${(type === 'Present') === invert ? 'missing' : 'there'}`;
}

export function sourceInWords({ services, namespaces, labels = {} }: SourceMatch): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const words = [
    ...(services ? [`of service ${services.join(' or ')}`] : []),
    ...(namespaces ? [`in namespace ${namespaces.join(' or ')}`] : []),
    ...(pairs.length > 0 ? [`with ${pairs.join(' and ')}`] : []),
  ];
  return `for callers ${words.join(' ')} only`;
}
