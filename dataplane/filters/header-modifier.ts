import type { HeaderModifier } from '../../shared/resources/filters/header-modifier.ts';
import { type FieldEdit, fieldEdit, fieldRemoval } from '../message/field-edit.ts';

/** The edits of a modifier. Each name has one of them, so their order means nothing. */
export function editsOf(modifier: HeaderModifier | undefined): FieldEdit[] {
  if (modifier === undefined) return [];
  const { set = [], add = [], remove = [] } = modifier;
  return [
    ...set.map(({ name, value }) => fieldEdit('set', name, value)),
    ...add.map(({ name, value }) => fieldEdit('add', name, value)),
    ...remove.map((name) => fieldRemoval(name)),
  ];
}

/** Fields that every reply of our own says by itself. */
const own = new Set(['content-type', 'date']);

/** What a modifier comes to for a reply that has none of its fields yet: field lines. */
export function linesOf(modifier: HeaderModifier | undefined): string {
  return [...(modifier?.set ?? []), ...(modifier?.add ?? [])]
    .filter(({ name }) => !own.has(name.toLowerCase()))
    .map(({ name, value }) => `${name}: ${value}\r\n`)
    .join('');
}
