/** What the control API did, or would do, to resources. */
export type Effects = {
  readonly revision: number;
  readonly dryRun?: true;
  readonly effects: readonly {
    readonly action: string;
    readonly resource: { readonly kind: string; readonly name: string; readonly revision?: number };
  }[];
};

export function effectsInWords({ effects, dryRun }: Effects): string {
  const lines = effects.map(
    ({ action, resource }) => `${resource.kind}/${resource.name} ${dryRun ? would(action) : action}\n`,
  );
  return `${lines.join('')}${dryRun ? 'dry run: nothing was stored\n' : ''}`;
}

function would(action: string): string {
  return action === 'unchanged' ? 'would stay as it is' : `would be ${action}`;
}
