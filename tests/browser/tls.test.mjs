// The same door as people run it: https, HTTP/2, names of their own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, openTab } from './support/browser.mjs';
import { certificate } from './support/certificate.mjs';
import { liveApp } from './support/live-app.mjs';
import { loopbackFetch } from './support/net.mjs';
import { setUp, signIn, signOut } from './support/person.mjs';
import { serve } from './support/serve.mjs';

let tls;
let app;
let door;
let browser;
let tab;

const service = (name, more = 'posture = "sso"\npolicy = "users"\nidentity_headers = true') => `
[services.${name}]
upstream = "http://127.0.0.1:${app.port}"
${more}
`;

before(async () => {
  tls = certificate(['*.home.test', 'id.home.test']);
  app = await liveApp();
  door = await serve(service('chat') + service('notes') + service('trap', 'posture = "public"'), {
    domain: 'home.test', tls, portal: 'related_origins = ["https://login.home.test"]',
  });
  browser = await openBrowser({ more: [
    '--host-resolver-rules=MAP *.home.test 127.0.0.1',
    `--ignore-certificate-errors-spki-list=${tls.spki}`,
  ] });
  tab = await openTab(browser.context);
});

after(async () => {
  await browser?.close();
  await door?.stop();
  await app?.close();
  tls?.remove();
});

const protocol = (page) => page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);
const live = (page) => page.getByRole('heading', { name: 'Live' }).waitFor();
const ask = (at) => loopbackFetch(door.url('id', at), { ca: tls.authority });

test('set-up, sign-out and sign-in work over HTTP/2', async () => {
  const { page } = tab;
  await setUp(page, door.setup);
  assert.equal(await protocol(page), 'h2');
  await signOut(page, door.url('id'));
  await page.goto(door.url('notes', '/plan?draft=1'));
  await page.getByText('Then you go on to Notes.').waitFor();
  await signIn(page);
  await live(page);
  assert.equal(page.url(), door.url('notes', '/plan?draft=1'));
  assert.equal(await protocol(page), 'h2');
});

test('services that share a certificate do not share a connection by mistake', async () => {
  // Chromium would send requests for one host on the connection of another that has the same address and certificate.
  // What comes so is answered 421, and Chromium asks again on a connection of its own.
  const { page } = tab;
  await page.goto(door.url('chat'));
  await live(page);
  await page.goto(door.url('id'));
  await page.getByRole('link', { name: /Chat/ }).click();
  await live(page);
  assert.equal(await protocol(page), 'h2');
  const posted = await page.evaluate(async () => (await fetch('/anything', { method: 'POST', body: 'x'.repeat(70_000) })).status);
  assert.equal(posted, 200);
  assert.ok(door.log.some((line) => line.includes('Misdirected')), 'Chromium did not try: this test proved nothing');
});

test('our cookies are for one host, for https and not for scripts', async () => {
  const cookies = await browser.context.cookies();
  const ours = cookies.filter(({ name }) => name.startsWith('__Host-doorward'));
  assert.deepEqual([...new Set(ours.map(({ domain }) => domain))].sort(), ['chat.home.test', 'id.home.test', 'notes.home.test']);
  for (const cookie of ours) {
    const { name, secure, httpOnly, sameSite, path } = cookie;
    assert.deepEqual({ secure, httpOnly, sameSite, path }, { secure: true, httpOnly: true, sameSite: 'Lax', path: '/' }, name);
  }
  assert.equal(cookies.length, ours.length);
});

test('a WebSocket works beside HTTP/2, and not for a sibling host', async () => {
  const { page } = tab;
  await page.goto(door.url('chat'));
  await page.evaluate((at) => window.open_all(at), door.url('chat', ''));
  await page.waitForFunction(() => window.seen.socket.includes('echo hello') && window.seen.events.includes('hello'));
  const before = app.handshakes.length;
  const trap = await openTab(browser.context);
  await trap.page.goto(door.url('trap'));
  await trap.page.evaluate((at) => window.open_all(at), door.url('chat', ''));
  await trap.page.waitForFunction(() => window.seen.socket.includes('closed') && window.seen.events.includes('closed'));
  assert.deepEqual(await trap.page.evaluate(() => window.seen), { socket: ['closed', '1006 broken'], events: ['closed'] });
  assert.equal(app.handshakes.length, before);
  // Nor may its forms and scripts change anything.
  await trap.page.goto(door.url('trap'));
  await trap.page.evaluate((action) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action });
    document.body.append(form);
    form.submit();
  }, door.url('chat', '/change'));
  await trap.page.waitForURL(door.url('chat', '/change'));
  assert.equal(await trap.page.getByRole('heading', { name: 'Live' }).count(), 0);
  await trap.page.close();
});

test('signing out ends what is open over HTTP/2 too', async () => {
  const { page } = tab;
  await page.goto(door.url('chat'));
  await page.evaluate((at) => window.open_all(at), door.url('chat', ''));
  await page.waitForFunction(() => window.seen.socket.includes('echo hello') && window.seen.events.includes('hello'));
  const second = await browser.context.newPage();
  await signOut(second, door.url('id'));
  await page.waitForFunction(() => window.seen.socket.includes('closed') && window.seen.events.includes('closed'));
  await second.close();
});

test('the documents that passkey providers and browsers look for', async () => {
  const related = await ask('/.well-known/webauthn');
  assert.equal(related.status, 200);
  assert.equal(related.headers.get('content-type'), 'application/json');
  const origin = door.url('id', '').replace(/\/$/, '');
  assert.deepEqual(await related.json(), { origins: [origin, 'https://login.home.test'] });
  const endpoints = await ask('/.well-known/passkey-endpoints');
  assert.equal(endpoints.headers.get('content-type'), 'application/json');
  const { enroll, manage } = await endpoints.json();
  assert.deepEqual([enroll, manage], [`${origin}/account/passkeys`, `${origin}/account/passkeys`]);
  // Where they lead, a person can really do it.
  const { page } = tab;
  await page.goto(enroll);
  await signIn(page);
  await page.getByRole('button', { name: 'Add a passkey' }).waitFor();
});

test('nothing was refused by the content security policy', () => {
  assert.deepEqual(tab.trouble.filter((line) => /Content Security Policy/.test(line)), []);
});
