/**
 * Where keys lead: slots in a circle, each owned by one endpoint. Made from names and weights alone, so that all proxies
 * come to the same; who is away is passed over by looking at the slots behind, which moves nobody else's keys.
 */
export type HashTable = {
  /** Owner of each slot, as its place in the list that the table was made from. */
  readonly owners: Uint32Array;
  /** The slot that a key's hash leads to. */
  slotOf(hash: number): number;
};

/** What a table needs to know of an endpoint. */
export type HashOwner = { readonly name: string; readonly weight: number };

/** Places in the order of the names: that in which instances became known differs between proxies. */
export function placesByName(owners: readonly HashOwner[]): number[] {
  return [...owners.keys()].sort((a, b) => (owners[a]!.name < owners[b]!.name ? -1 : 1));
}
