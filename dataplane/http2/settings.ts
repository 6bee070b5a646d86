import { defaultWindow, H2Code, mostFrameBytes, mostWindow, Setting, uint32At } from '../../shared/http2/frame.ts';

const entryBytes = 6;
const mostFrameSize = 16_777_215;

/** What a peer has said about itself (RFC 9113 §6.5.2), as far as it matters here. */
export class PeerSettings {
  headerTableBytes = 4096;
  concurrentStreams = Number.POSITIVE_INFINITY;
  initialWindow = defaultWindow;
  /** RFC 8441 §3. */
  takesExtendedConnect = false;
  readonly #isFromServer: boolean;

  constructor(isFromServer: boolean) {
    this.#isFromServer = isFromServer;
  }

  /** Takes in the payload of a SETTINGS frame; returns what is wrong with it, or noError. */
  read(bytes: Buffer, from: number, to: number): H2Code {
    if ((to - from) % entryBytes !== 0) return H2Code.frameSizeError;
    for (let at = from; at < to; at += entryBytes) {
      const code = this.#take((bytes[at]! << 8) | bytes[at + 1]!, uint32At(bytes, at + 2));
      if (code !== H2Code.noError) return code;
    }
    return H2Code.noError;
  }

  #take(setting: number, value: number): H2Code {
    switch (setting) {
      case Setting.headerTableSize:
        this.headerTableBytes = value;
        return H2Code.noError;
      case Setting.enablePush:
        return value > 1 || (this.#isFromServer && value === 1) ? H2Code.protocolError : H2Code.noError;
      case Setting.maxConcurrentStreams:
        this.concurrentStreams = value;
        return H2Code.noError;
      case Setting.initialWindowSize:
        if (value > mostWindow) return H2Code.flowControlError;
        this.initialWindow = value;
        return H2Code.noError;
      case Setting.maxFrameSize:
        return value < mostFrameBytes || value > mostFrameSize ? H2Code.protocolError : H2Code.noError;
      case Setting.enableConnectProtocol:
        if (value > 1 || (this.takesExtendedConnect && value === 0)) return H2Code.protocolError;
        this.takesExtendedConnect = value === 1;
        return H2Code.noError;
      default:
        return H2Code.noError; // RFC 9113 §6.5.2: unknown ones are ignored
    }
  }
}

/** Payload of a SETTINGS frame of ours. */
export function settingsPayload(entries: readonly (readonly [setting: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * entryBytes);
  entries.forEach(([setting, value], i) => {
    payload.writeUInt16BE(setting, i * entryBytes);
    payload.writeUInt32BE(value, i * entryBytes + 2);
  });
  return payload;
}
