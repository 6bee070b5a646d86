/**
 * `node:http` for processes that must stay small: an `import` of it makes Node load the WebSocket and fetch classes that
 * the module also names, 15 MB of them; asking for the module does not.
 */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http');
