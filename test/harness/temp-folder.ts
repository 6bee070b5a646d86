import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atProcessEnd, type Owner } from './owner.ts';

/**
 * A new empty folder outside the checkout, removed with what is in it when its owner (or this process) ends.
 * Everybody may read it: some tools give up root first and then answer 403 from a folder of mode 0700.
 */
export function tempFolder(owner?: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'meshlane-test-'));
  chmodSync(folder, 0o755);
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  const forget = atProcessEnd(remove);
  owner?.teardown(() => {
    forget();
    remove();
  });
  return folder;
}
