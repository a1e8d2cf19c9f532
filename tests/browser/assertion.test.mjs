// Signed assertions, verified by the example of the documents with a library of others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { openBrowser, openTab } from './support/browser.mjs';
import { close, listen, loopbackFetch } from './support/net.mjs';
import { setUp } from './support/person.mjs';
import { serve } from './support/serve.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const modules = [];
const received = {};
let app;
let door;
let browser;
let issuer;

/// The example of docs/services.md as a module, for this audience.
async function example(audience) {
  const guide = fs.readFileSync(path.join(folder, '../../docs/services.md'), 'utf8');
  const [, text] = guide.match(/```js assertion\n([^]*?)```/);
  // Beside the tests, so that it finds the library.
  const file = path.join(folder, `example-${process.pid}-${modules.length}.generated.mjs`);
  modules.push(file);
  fs.writeFileSync(file, text);
  Object.assign(process.env, { DOORWARD_ISSUER: issuer, DOORWARD_AUDIENCE: audience });
  return import(file);
}

before(async () => {
  // Only browsers know that `id.localhost` is this machine.
  globalThis.fetch = (url, options) => loopbackFetch(String(url), options);
  app = http.createServer((request, response) => {
    received[request.headers.host.split('.')[0]] = request.headers;
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>App</title><h1>Welcome</h1>');
  });
  const port = await listen(app);
  const declare = (name) => `
[services.${name}]
upstream = "http://127.0.0.1:${port}"
posture = "sso"
policy = "users"
assertion = true
roles = [{ role = "clerk", groups = ["admins"] }]
`;
  door = await serve(declare('ledger') + declare('wiki'));
  issuer = door.url('id', '').replace(/\/$/, '');
  browser = await openBrowser();
  const { page } = await openTab(browser.context);
  await setUp(page, door.setup);
  for (const name of ['ledger', 'wiki']) {
    await page.goto(door.url(name));
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  }
});

after(async () => {
  await browser?.close();
  await door?.stop();
  await close(app);
  modules.forEach((file) => fs.rmSync(file, { force: true }));
});

test('an application verifies who asks through the published keys', async () => {
  const { person } = await example(door.url('ledger', ''));
  const ada = await person(received.ledger);
  assert.equal(ada.preferred_username, 'ada');
  assert.deepEqual(ada.groups, ['admins', 'users']);
  assert.deepEqual(ada.roles, ['clerk']);
  assert.equal(ada.exp - ada.iat, 300);
  assert.match(ada.sub, /^[0-9a-f-]{36}$/);
});

test('the example refuses what is for others, expired, changed, of another kind or signed by others', async () => {
  const audience = door.url('ledger', '');
  const { person } = await example(audience);
  const good = received.ledger['x-doorward-assertion'];
  const [head, payload, signature] = good.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const header = JSON.parse(Buffer.from(head, 'base64url'));
  const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const own = await generateKeyPair('ES256');
  const jwk = await exportJWK(own.publicKey);
  const forged = (more, stated = claims) => new SignJWT(stated).setProtectedHeader({ ...header, ...more }).sign(own.privateKey);
  const hmac = await new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(Buffer.from(JSON.stringify(jwk)));
  const wrong = {
    'nothing': '',
    'for another service': received.wiki['x-doorward-assertion'],
    'without a signature': `${head}.${payload}.`,
    'of the algorithm none': `${text({ ...header, alg: 'none' })}.${payload}.`,
    'of another algorithm': hmac,
    'with other claims': `${head}.${text({ ...claims, preferred_username: 'root' })}.${signature}`,
    'with another type': `${text({ ...header, typ: 'JWT' })}.${payload}.${signature}`,
    'signed by another key under the same name': await forged({}),
    'with a key of its own': await forged({ jwk, kid: undefined }),
  };
  for (const [what, token] of Object.entries(wrong)) {
    await assert.rejects(person({ 'x-doorward-assertion': token }), undefined, what);
  }
  await assert.rejects(person({}), undefined, 'no header');
  const { Date: now } = globalThis;
  try {
    globalThis.Date = class extends now {
      constructor(...of) { super(...(of.length ? of : [now.now() + 301_000])); }
    };
    await assert.rejects(person(received.ledger), { code: 'ERR_JWT_EXPIRED' });
  } finally {
    globalThis.Date = now;
  }
  assert.equal((await person(received.ledger)).preferred_username, 'ada', 'and the good one is still good');
});
