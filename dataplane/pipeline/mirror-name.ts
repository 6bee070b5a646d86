const suffix = ' (mirror)';

/** What a route or rule is called where its copies are counted. */
export function mirrorName(name: string): string {
  return name + suffix;
}

export function isMirrorName(name: string): boolean {
  return name.endsWith(suffix);
}
