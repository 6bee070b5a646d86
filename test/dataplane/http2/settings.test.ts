import t from 'tap';
import { PeerSettings, settingsPayload } from '../../../dataplane/http2/settings.ts';
import { H2Code } from '../../../shared/http2/frame.ts';
import { Setting, settingsOf } from '../../harness/http2/frame.ts';

type Entries = readonly (readonly [id: number, value: number])[];

function read(entries: Entries, { isFromServer = false, settings = new PeerSettings(isFromServer) } = {}) {
  const payload = settingsPayload(entries);
  const code = settings.read(Buffer.concat([Buffer.of(9), payload]), 1, payload.length + 1);
  return { settings, code };
}

t.test(
  'what a peer has said about itself is kept, the last word counts, and what is unknown is not looked at',
  async (t) => {
    const { settings, code } = read([
      [Setting.headerTableSize, 100],
      [Setting.maxConcurrentStreams, 7],
      [Setting.initialWindowSize, 1],
      [Setting.initialWindowSize, 0x7fffffff],
      [Setting.maxFrameSize, 16_777_215],
      [Setting.maxHeaderListSize, 1],
      [Setting.enableConnectProtocol, 1],
      [0xffff, 0xffffffff],
    ]);
    t.equal(code, H2Code.noError);
    t.match(settings, {
      headerTableBytes: 100,
      concurrentStreams: 7,
      initialWindow: 0x7fffffff,
      takesExtendedConnect: true,
    });
  },
);

t.test('each value is refused beyond its bound, as RFC 9113 §6.5.2 and RFC 8441 §3 say', async (t) => {
  const faults: readonly [Entries[number], H2Code][] = [
    [[Setting.initialWindowSize, 0x80000000], H2Code.flowControlError],
    [[Setting.maxFrameSize, 16_383], H2Code.protocolError],
    [[Setting.maxFrameSize, 16_777_216], H2Code.protocolError],
    [[Setting.enablePush, 2], H2Code.protocolError],
    [[Setting.enableConnectProtocol, 2], H2Code.protocolError],
  ];
  for (const [entry, code] of faults) t.equal(read([entry]).code, code, entry.join(' '));
  t.equal(read([[Setting.enablePush, 1]]).code, H2Code.noError);
  t.equal(read([[Setting.enablePush, 1]], { isFromServer: true }).code, H2Code.protocolError);
  const { settings } = read([[Setting.enableConnectProtocol, 1]]);
  t.equal(read([[Setting.enableConnectProtocol, 0]], { settings }).code, H2Code.protocolError, 'taken back');
});

t.test('a payload that is no whole number of settings is refused', async (t) => {
  for (const size of [1, 5, 7])
    t.equal(new PeerSettings(false).read(Buffer.alloc(size), 0, size), H2Code.frameSizeError);
});

t.test('our own settings are written as a peer reads them', async (t) => {
  const entries: Entries = [
    [Setting.maxConcurrentStreams, 256],
    [0xabcd, 0xffffffff],
  ];
  t.strictSame(settingsOf({ type: 4, flags: 0, stream: 0, payload: settingsPayload(entries) }), entries);
});
