import type { HeaderModifier } from '../../../shared/resources/filters/header-modifier.ts';
import type { BackendFilter } from '../../../shared/resources/filters.ts';
import type { Message } from '../codec.ts';
import { listField } from './values.ts';

/** The changes of header fields among some filters. */
export function headerChanges(filters: readonly Omit<BackendFilter, 'type'>[]): Message {
  const ofRequests = filters.flatMap(({ requestHeaderModifier }) => requestHeaderModifier ?? []);
  const ofReplies = filters.flatMap(({ responseHeaderModifier }) => responseHeaderModifier ?? []);
  return {
    ...listField('request_headers_to_add', ofRequests.flatMap(added)),
    ...listField(
      'request_headers_to_remove',
      ofRequests.flatMap(({ remove = [] }) => remove),
    ),
    ...listField('response_headers_to_add', ofReplies.flatMap(added)),
    ...listField(
      'response_headers_to_remove',
      ofReplies.flatMap(({ remove = [] }) => remove),
    ),
  };
}

export function headerOption(name: string, value: string, isAppended: boolean): Message {
  return {
    // A percent sign begins a variable there.
    header: { key: name, value: value.replaceAll('%', '%%') },
    append_action: isAppended ? 'APPEND_IF_EXISTS_OR_ADD' : 'OVERWRITE_IF_EXISTS_OR_ADD',
  };
}

function added({ set = [], add = [] }: HeaderModifier): Message[] {
  return [
    ...set.map(({ name, value }) => headerOption(name, value, false)),
    ...add.map(({ name, value }) => headerOption(name, value, true)),
  ];
}
