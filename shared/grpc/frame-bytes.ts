import { frameHeadBytes } from '../http2/frame.ts';

/** The head of a frame whose payload has so many bytes (RFC 9113 §4.1). */
export function frameHead(type: number, flags: number, stream: number, size: number): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes);
  head.writeUIntBE(size, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return head;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The payload of SETTINGS: numbers of settings and their values. */
export function settingsPayload(settings: readonly (readonly [setting: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [i, [setting, value]] of settings.entries()) {
    payload.writeUInt16BE(setting, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  }
  return payload;
}
