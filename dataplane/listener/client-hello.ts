import { isIPv4 } from 'node:net';
import { textAt } from '../message/grammar.ts';
import { VectorReader } from './vector-reader.ts';

/** Bytes of a connection in which its ClientHello has to end; most take less than 2 KiB. */
export const mostHelloBytes = 16_384;

const handshakeRecord = 22;
const recordHeaderBytes = 5;
const mostRecordBytes = 16_384;
const clientHello = 1;
const messageHeaderBytes = 4;
const serverNameExtension = 0;
const hostNameType = 0;

/** A name as DNS has them. Addresses, and a dot at the end, are not allowed (RFC 6066 §3). */
const nameForm = /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/;
const mostNameBytes = 253;

/**
 * Whom a TLS caller wants to reach, in lower case, from the bytes that its connection begins with (RFC 8446 §4.1.2, RFC 6066 §3).
 * Null when it names nobody, or when anything in its ClientHello is not as it must be; undefined while more bytes are needed,
 * as they never are from `mostHelloBytes` on.
 */
export function readServerName(bytes: Buffer): string | null | undefined {
  const hello = firstMessage(bytes.subarray(0, mostHelloBytes));
  if (hello === undefined) return bytes.length < mostHelloBytes ? undefined : null;
  return hello === null ? null : serverNameIn(hello);
}

/** The body of the ClientHello, which may be cut into records anywhere (RFC 8446 §5.1). */
function firstMessage(bytes: Buffer): Buffer | null | undefined {
  const message = Buffer.allocUnsafe(bytes.length);
  let size = 0;
  for (let at = 0; at + recordHeaderBytes < bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3 || length === 0 || length > mostRecordBytes) return null;
    at += recordHeaderBytes;
    size += bytes.copy(message, size, at, at + length);
    at += length;
    if (message[0] !== clientHello) return null;
    if (size < messageHeaderBytes) continue;
    const end = messageHeaderBytes + message.readUIntBE(1, 3);
    if (size >= end) return message.subarray(messageHeaderBytes, end);
  }
  return undefined;
}

function serverNameIn(body: Buffer): string | null {
  const hello = new VectorReader(body);
  hello.skip(2 + 32); // version, random
  const session = hello.vector(1);
  const suites = hello.vector(2);
  const compressions = hello.vector(1);
  const isSound =
    session.length <= 32 &&
    suites.length >= 2 &&
    suites.length % 2 === 0 &&
    compressions.length >= 1 &&
    !hello.isBroken;
  if (!isSound || hello.isAtEnd) return null; // before TLS 1.3 there may be no extensions at all
  const extensions = new VectorReader(hello.vector(2));
  return hello.isAtEnd ? nameAmong(extensions) : null;
}

function nameAmong(extensions: VectorReader): string | null {
  let found: Buffer | null = null;
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (type !== serverNameExtension) continue;
    if (found !== null) return null; // RFC 8446 §4.2: each comes once
    found = data;
  }
  return found === null || extensions.isBroken ? null : nameInList(new VectorReader(found));
}

/** The list has one name of each type, and there is one type (RFC 6066 §3). */
function nameInList(extension: VectorReader): string | null {
  const list = new VectorReader(extension.vector(2));
  const type = list.number(1);
  const bytes = list.vector(2);
  const isSound = extension.isWhole && list.isWhole && type === hostNameType && bytes.length <= mostNameBytes;
  if (!isSound) return null;
  const name = textAt(bytes, 0, bytes.length).toLowerCase();
  return nameForm.test(name) && !isIPv4(name) ? name : null;
}
