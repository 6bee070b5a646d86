// Who may shop here.
//   GET /users/{id}
import { HttpError, readFlags, serve } from './app.ts';

const flags = readFlags({ port: null });

const users = new Map([
  ['ada', { id: 'ada', name: 'Ada', country: 'GB' }],
  ['grace', { id: 'grace', name: 'Grace', country: 'US' }],
  ['linus', { id: 'linus', name: 'Linus', country: 'FI' }],
]);

serve('user', flags.port, ({ method, path: [collection, id, more] }) => {
  if (method !== 'GET' || collection !== 'users' || id === undefined || more !== undefined) return undefined;
  const user = users.get(id);
  if (!user) throw new HttpError(404, `there is no user "${id}"; known: ${[...users.keys()].join(', ')}`);
  return { body: user };
});
