import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { identityOf, serviceOf } from '../../../controlplane/access/certificate-identity.ts';
import { namespaceOf } from '../../../controlplane/access/namespaces.ts';
import { Pattern, patternFault } from '../../../controlplane/access/pattern.ts';
import { Authority, type Issue } from './authority.ts';

t.test('a certificate has one identity, or none', async (t) => {
  const authority = await Authority.make(t);
  const cases: readonly [issue: Issue, identity: string | null][] = [
    [{ names: 'URI:spiffe://mesh/ns/shop/sa/cart' }, 'spiffe://mesh/ns/shop/sa/cart'],
    [{ names: 'DNS:a.test,URI:spiffe://mesh/ns/shop/sa/cart' }, 'spiffe://mesh/ns/shop/sa/cart'],
    [{ names: 'URI:spiffe://mesh/a,URI:spiffe://mesh/b' }, null],
    [{ names: 'URI:https://mesh/a,URI:spiffe://mesh/b' }, null],
    [{ commonName: 'deployer', names: 'DNS:a.test' }, 'deployer'],
    [{ commonName: 'deployer', names: 'URI:https://a.test' }, 'deployer'],
    [{ commonName: 'a/CN=b', names: 'DNS:a.test' }, null],
    [{ commonName: 'spiffe:\\/\\/mesh\\/ns\\/ops\\/sa\\/deployer', names: 'DNS:a.test' }, null],
  ];
  for (const [issue, identity] of cases) {
    const { certificate } = await authority.issue(issue);
    t.equal(identityOf(new X509Certificate(readFileSync(certificate))), identity, JSON.stringify(issue));
  }
});

t.test('an identity names a service by account and namespace', async (t) => {
  t.equal(serviceOf('spiffe://mesh/ns/shop/sa/cart'), 'cart.shop');
  t.equal(serviceOf('spiffe://mesh/ns/default/sa/cart'), 'cart');
  for (const other of ['spiffe://mesh/cart', 'spiffe://mesh/ns/shop/sa/cart/x', 'spiffe://mesh/ns/shop/sa/', 'cart'])
    t.equal(serviceOf(other), null, other);
  t.strictSame(['cart', 'cart.shop', 'cart.eu.shop'].map(namespaceOf), ['default', 'shop', 'eu.shop']);
});

t.test('a star stands for a part between slashes, or an end of one', async (t) => {
  const pattern = new Pattern('spiffe://mesh/ns/shop/sa/*');
  t.ok(pattern.matches('spiffe://mesh/ns/shop/sa/cart'));
  for (const other of ['spiffe://mesh/ns/shop/sa/', 'spiffe://mesh/ns/shop/sa/a/b', 'spiffe://mesh/ns/bank/sa/cart'])
    t.notOk(pattern.matches(other), other);
  const within = new Pattern('cart-*-v1');
  t.ok(within.matches('cart-a-v1'));
  t.notOk(within.matches('cart-v1'), 'its ends do not share a letter');
  t.notOk(within.matches('cart--v1'), 'nor stands it for nothing');
  t.ok(new Pattern('*').matches('cart.shop'));
  t.match(patternFault('a/*b*'), /two "\*" in one part/);
  t.equal(patternFault('a/*/b*'), null);
});
