// What stays open for long: it works through the gate, ends with the session, and is not for other sites' pages.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, openTab } from './support/browser.mjs';
import { liveApp } from './support/live-app.mjs';
import { setUp, signIn, signOut } from './support/person.mjs';
import { serve } from './support/serve.mjs';

let app;
let door;
let browser;
let tab;

before(async () => {
  app = await liveApp();
  door = await serve(`
[limits]
stop_grace = "1s"

[services.chat]
upstream = "http://127.0.0.1:${app.port}"
posture = "sso"
policy = "users"
identity_headers = true

[services.trap]
host = "trap.chat.localhost"
upstream = "http://127.0.0.1:${app.port}"
posture = "public"
`);
  browser = await openBrowser();
  tab = await openTab(browser.context);
  await setUp(tab.page, door.setup);
  await tab.page.goto(door.url('chat'));
});

after(async () => {
  await browser?.close();
  await door?.stop();
  await app?.close();
});

const chat = () => door.url('chat', '');
const has = (page, list, what) => page.waitForFunction(([list, what]) => window.seen[list].includes(what), [list, what]);

test('a WebSocket and an event stream work through the gate', async () => {
  const { page } = tab;
  await page.evaluate((at) => window.open_all(at), chat());
  await has(page, 'socket', 'echo hello');
  await has(page, 'events', 'hello');
  app.tell('news');
  await has(page, 'events', 'news');
  await page.evaluate(() => window.socket.send('x'.repeat(100_000)));
  await has(page, 'socket', `echo ${'x'.repeat(100_000)}`);
  const [handshake] = app.handshakes;
  assert.equal(handshake['remote-user'], 'ada');
  assert.doesNotMatch(handshake.cookie ?? '', /__Host-doorward/);
  assert.deepEqual([app.sockets, app.streams.size], [1, 1]);
});

test('signing out in another tab closes both, here and at the application', async () => {
  const { page } = tab;
  const second = await browser.context.newPage();
  await signOut(second, door.url('id'));
  await has(page, 'socket', 'closed');
  await has(page, 'socket', '1008 clean');
  // A browser tries an event stream again by itself; without a session that is refused for good.
  await has(page, 'events', 'closed');
  await assertSoon(() => app.sockets === 0 && app.streams.size === 0, 'the application still has them open');
  assert.deepEqual(app.ends, [1001]);
  await page.evaluate((at) => window.open_all(at), chat());
  await page.waitForFunction(() => window.socket.readyState === WebSocket.CLOSED && window.events.readyState === EventSource.CLOSED);
  assert.equal(app.handshakes.length, 1, 'a WebSocket without a session reached the application');
  await second.close();
});

test('a page of another origin can not use a person\'s session for a WebSocket', async () => {
  await tab.page.goto(door.url('chat'));
  await signIn(tab.page);
  await tab.page.getByRole('heading', { name: 'Live' }).waitFor();
  const before = app.handshakes.length;
  // `trap.chat.localhost` is the same site for browsers, so the cookie comes with the request; `localhost` on the
  // application's own port is another one, and no cookie comes.
  for (const [address, said, why] of [
    [`http://trap.chat.localhost:${door.port}/`, /Unexpected response code: 403/, 'cross_origin'],
    [`http://localhost:${app.port}/`, /Authentication failed/, 'no_session'],
  ]) {
    const trap = await openTab(browser.context);
    await trap.page.goto(address);
    await trap.page.evaluate((at) => window.open_all(at), chat());
    await has(trap.page, 'socket', 'closed');
    await has(trap.page, 'events', 'closed');
    assert.deepEqual(await trap.page.evaluate(() => window.seen), { socket: ['closed', '1006 broken'], events: ['closed'] }, address);
    const handshake = trap.trouble.find((line) => /WebSocket/.test(line));
    assert.match(handshake, said, address);
    assert.ok(door.log.some((line) => line.includes('/socket') && line.includes(why)), `${why} in the log:\n${door.log.slice(-5).join('\n')}`);
    await trap.page.close();
  }
  assert.equal(app.handshakes.length, before, 'a foreign WebSocket reached the application');
  // The person's own page is not disturbed.
  await tab.page.evaluate((at) => window.open_all(at), chat());
  await has(tab.page, 'socket', 'echo hello');
});

test('a door that stops says goodbye', async () => {
  const stopped = door.stop();
  await has(tab.page, 'socket', '1001 clean');
  await stopped;
});

async function assertSoon(holds, otherwise) {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, otherwise);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
