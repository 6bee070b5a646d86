import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { ask, get } from './harness/raw-client.ts';
import { instance, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Requests that would come back to the listener they came in by. */

t.test('an instance that is the listener itself is answered 508 instead of going in circles', async (t) => {
  const port = await freePort();
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', port),
    spec: { listeners: [{ name: 'out', port }] },
  });
  const got = await ask(t, proxy.port, get());
  t.equal(got.status, 508);
  t.equal(got.header('x-meshlane-reason'), 'loop_detected');
  t.equal(await proxy.metric('meshlane_requests_total'), 1);
});

t.test('such an instance gets nothing where a service has others', async (t) => {
  const port = await freePort();
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), instance('app-self', 'app', port, { address: 'localhost' })],
    spec: { listeners: [{ name: 'out', port, address: '0.0.0.0' }] },
  });
  for (let i = 0; i < 10; i++) t.equal((await ask(t, proxy.port, get())).status, 200);
  t.equal(origin.requests.length, 10);
});

t.test('an application that is its own inbound listener is answered 508', async (t) => {
  const port = await freePort();
  const proxy = await staticProxy(t, {
    appPort: port,
    spec: {
      listeners: [
        { name: 'out', port: 0 },
        { name: 'in', port, direction: 'inbound' },
      ],
      workers: 2,
    },
  });
  t.equal((await ask(t, proxy.inboundPort, get())).header('x-meshlane-reason'), 'loop_detected');
});

t.test('a call of a service to itself goes through its inbound listener', async (t) => {
  const port = await freePort();
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, {
    appPort: origin.port,
    resources: serviceAt('app', port),
    spec: {
      listeners: [
        { name: 'out', port: 0 },
        { name: 'in', port, direction: 'inbound' },
      ],
    },
  });
  t.equal((await ask(t, proxy.port, get())).body.toString(), 'fine');
});
