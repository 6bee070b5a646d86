import type { PathModifier, RequestRedirect, UrlRewrite } from '../../../shared/resources/filters/path-filters.ts';
import type { Message } from '../codec.ts';
import type { XdsPath } from './path-matches.ts';
import { field } from './values.ts';

const responseCodes: Readonly<Record<number, string>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};
const usualPorts = { http: 80, https: 443 };

export function redirectAction(redirect: RequestRedirect, path: XdsPath): Message {
  const { scheme, hostname, port = scheme && usualPorts[scheme], statusCode } = redirect;
  return {
    response_code: responseCodes[statusCode],
    ...field('scheme_redirect', scheme),
    ...field('host_redirect', hostname),
    ...field('port_redirect', port),
    ...(redirect.path ? redirectedPath(redirect.path, path) : {}),
  };
}

/** The fields of a route's action that change what the instance sees as host and path. */
export function rewriteFields({ hostname, path: change }: UrlRewrite, path: XdsPath): Message {
  return { ...field('host_rewrite_literal', hostname), ...(change ? rewrittenPath(change, path) : {}) };
}

function redirectedPath({ type, replaceFullPath, replacePrefixMatch = '' }: PathModifier, path: XdsPath): Message {
  return type === 'ReplaceFullPath'
    ? field('path_redirect', replaceFullPath)
    : { prefix_rewrite: newPrefix(replacePrefixMatch, path) };
}

function rewrittenPath({ type, replaceFullPath = '', replacePrefixMatch = '' }: PathModifier, path: XdsPath): Message {
  if (type === 'ReplacePrefixMatch') return { prefix_rewrite: newPrefix(replacePrefixMatch, path) };
  const substitution = replaceFullPath.replaceAll('\\', '\\\\');
  return { regex_rewrite: { pattern: { regex: '^.*$' }, substitution } };
}

/** What stands in place of what was matched: of `/old` that is all of the path, of `/old/` its begin. */
function newPrefix(text: string, { isBelowPrefix }: XdsPath): string {
  const prefix = text.replace(/\/$/, '');
  return isBelowPrefix || prefix === '' ? `${prefix}/` : prefix;
}
