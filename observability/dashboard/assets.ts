import { readFile } from 'node:fs/promises';

/** The files of the page by the path they are served at. */
export type Assets = ReadonlyMap<string, { readonly contentType: string; readonly body: string }>;

/** Only our own files and our own API: text in a span can never become a script, a style or a request elsewhere. */
export const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const files = [
  ['/', 'page.html', 'text/html; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/waterfall.js', 'waterfall.js', 'text/javascript; charset=utf-8'],
  ['/dom.js', 'dom.js', 'text/javascript; charset=utf-8'],
  ['/icon.svg', 'icon.svg', 'image/svg+xml'],
] as const;

/** Reads the page's files once, at the start. */
export async function loadAssets(): Promise<Assets> {
  const entries = files.map(async ([path, file, contentType]) => {
    const body = await readFile(new URL(file, import.meta.url), 'utf8');
    return [path, { contentType, body }] as const;
  });
  return new Map(await Promise.all(entries));
}
