/** Green for what is new, red for what is gone: only where somebody looks, and has not asked for none (no-color.org). */
export type Colours = { added(text: string): string; removed(text: string): string };

export function coloursOf(stream: { readonly isTTY?: boolean }, noColour: string | undefined): Colours {
  const isOn = stream.isTTY === true && !noColour;
  const paint = (code: number) => (text: string) => (isOn ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { added: paint(32), removed: paint(31) };
}
