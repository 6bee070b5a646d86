/** Byte classes of RFC 9110 §5.6 and RFC 9112, as tables: one load per byte. */

const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Lower case of each byte that may stand in a token (RFC 9110 §5.6.2), 0 for all others. */
export const tokenLower = new Uint8Array(256);
for (const char of tokenChars) tokenLower[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);

/** The same for letters, digits and "-", of which nearly all field names are made; 0 for all others. */
export const nameLower = tokenLower.map((lower, byte) => (/[-0-9a-z]/i.test(String.fromCharCode(byte)) ? lower : 0));

/**
 * 1 for bytes that may stand in a method. It is a token, too, but all that are registered have these; and what a rule says of
 * DELETE must hold for an application that takes `delete` for the same.
 */
export const isMethodByte = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ-_') isMethodByte[char.charCodeAt(0)] = 1;

/** 1 for bytes that may stand in a field value: HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5). */
export const isValueByte = new Uint8Array(256).fill(1, 0x20).fill(0, 0x7f, 0x80);
isValueByte[0x09] = 1;

/** 1 for bytes that may stand in a request target: visible ASCII. */
export const isTargetByte = new Uint8Array(256).fill(1, 0x21, 0x7f);

/** Value of a hexadecimal digit, 255 for all others. */
export const hexValue = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  hexValue[digit.toString(16).charCodeAt(0)] = digit;
  hexValue[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;

/** The bytes `from..to` as text, one character a byte. */
export function textAt(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, to);
}
