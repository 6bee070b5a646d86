// `npm run peers`: gets every tool the tests and benches use, and shows what is where.
import { peersFolder } from './peer-install.ts';
import { type PeerName, peerNames, peerTable } from './peer-table.ts';
import { findPeer } from './peers.ts';

const help = `Finds or installs the real tools that the tests and benches run beside Meshlane.

Usage: npm run peers [-- NAME ...]

Without names: all of them. Tools that the machine has are used when their version fits; the others come from Debian
packages (as root), Python packages or Go modules, the latter two into
  ${peersFolder}
Exit code 1 when one could not be had.

Names: ${peerNames.join(' ')}
`;

const words = process.argv.slice(2);
const unknown = words.find((word) => !(word in peerTable));
if (words.includes('--help') || words.includes('-h')) process.stdout.write(help);
else if (unknown !== undefined) {
  process.stderr.write(`peers: there is no tool "${unknown}". Names: ${peerNames.join(' ')}\n`);
  process.exitCode = 2;
} else await showPeers(words.length === 0 ? peerNames : (words as PeerName[]));

async function showPeers(names: readonly PeerName[]): Promise<void> {
  const rows: [name: string, version: string, place: string][] = [];
  // One by one: they would wait for the same lock, and builds use every core already.
  for (const name of names) {
    const result = await findPeer(name, { retry: true });
    if (result.path === null) process.exitCode = 1;
    rows.push(result.path === null ? [name, '-', `missing: ${result.reason}`] : [name, result.version, result.path]);
  }
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const versionWidth = Math.max(...rows.map(([, version]) => version.length));
  for (const [name, version, place] of rows)
    process.stdout.write(`${name.padEnd(nameWidth + 2)}${version.padEnd(versionWidth + 2)}${place}\n`);
}
