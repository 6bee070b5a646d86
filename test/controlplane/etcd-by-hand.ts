import { callApi } from './plane.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** What somebody with etcdctl could do to a store `etcd://HOST:PORT/FOLDER`, behind the back of every control plane. */
export function byHand(store: string) {
  const [, address, folder] = /^etcd:\/\/([^/]+)\/(.+)$/.exec(store)!;
  const url = `http://${address}`;
  const path = (key: string) => base64(`/${folder}/${key}`);
  return {
    get: async (key: string): Promise<string> => {
      const { body } = await callApi(url, 'POST', '/v3/kv/range', { key: path(key) });
      return Buffer.from(body.kvs[0].value, 'base64').toString();
    },
    put: (key: string, value: string) => callApi(url, 'POST', '/v3/kv/put', { key: path(key), value: base64(value) }),
    delete: (key: string) => callApi(url, 'POST', '/v3/kv/deleterange', { key: path(key) }),
    /** Everything below a folder, such as `Route/`, or everything at all, as `etcdctl del --prefix` does. */
    wipe: (below = '') =>
      callApi(url, 'POST', '/v3/kv/deleterange', {
        key: path(below),
        range_end: base64(`/${folder}/${below}`.replace(/\/$/, '0')),
      }),
    /** Keys of the resources. */
    resources: async (): Promise<string[]> => {
      const range = { key: path(''), range_end: base64(`/${folder}0`), keys_only: true };
      const { body } = await callApi(url, 'POST', '/v3/kv/range', range);
      const kvs: { key: string }[] = body.kvs ?? [];
      const keys = kvs.map(({ key }) =>
        Buffer.from(key, 'base64')
          .toString()
          .slice(folder!.length + 2),
      );
      return keys.filter((key) => /^[A-Z]/.test(key)).sort();
    },
  };
}
