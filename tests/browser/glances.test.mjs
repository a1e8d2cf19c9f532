// A real application that knows nothing of us, behind the gate: only people who are signed in get at it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, openTab } from './support/browser.mjs';
import { glances } from './support/glances.mjs';
import { loopbackFetch } from './support/net.mjs';
import { setUp, signIn, signOut } from './support/person.mjs';
import { serve } from './support/serve.mjs';

let app;
let door;
let browser;
let tab;

before(async () => {
  app = await glances();
  door = await serve(`
[services.glances]
upstream = "http://127.0.0.1:${app.port}"
posture = "sso"
policy = "users"
`);
  browser = await openBrowser();
  tab = await openTab(browser.context);
  await setUp(tab.page, door.setup);
  await signOut(tab.page, door.url('id'));
});

after(async () => {
  await browser?.close();
  await door?.stop();
  await app?.stop();
});

const isApi = (response) => new URL(response.url()).pathname.startsWith('/api/4/');

test('nobody is signed in: the sign-in page, and not a byte reaches the application', async () => {
  await tab.page.goto(door.url('glances'));
  await tab.page.getByText('Then you go on to Glances.').waitFor();
  const answer = await loopbackFetch(door.url('glances', '/api/4/all'));
  assert.equal(answer.status, 401);
  assert.deepEqual(app.heads, []);
});

test('signed in: the page loads, and its own requests go through', async () => {
  const { page } = tab;
  const answers = [];
  const failed = [];
  page.on('response', (response) => answers.push(response));
  page.on('requestfailed', (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
  const data = page.waitForResponse((response) => new URL(response.url()).pathname === '/api/4/all');
  await signIn(page);
  const all = await (await data).json();
  assert.ok(all.system && all.cpu, 'the figures of this machine');
  await page.waitForFunction(() => /\bCPU\b/.test(document.body.innerText) && /\bMEM\b/.test(document.body.innerText));
  assert.equal(page.url(), door.url('glances'));
  const here = answers.filter((response) => response.url().startsWith(door.url('glances')));
  assert.ok(here.filter(isApi).length >= 2, 'the page asks for more than one thing');
  assert.deepEqual(here.filter((response) => response.status() >= 400).map((response) => response.url()), []);
  assert.deepEqual(failed, []);
});

test('the application sees neither our cookies nor who it is', async () => {
  const { page } = tab;
  await page.evaluate(() => { document.cookie = 'own=kept'; });
  const seen = app.heads.length;
  await page.reload();
  await page.waitForResponse(isApi);
  assert.ok(app.heads.length > seen);
  assert.equal(app.heads.at(-1).headers.cookie, 'own=kept', 'its own cookies still arrive');
  const names = new Set();
  for (const { path, headers } of app.heads) {
    assert.doesNotMatch(JSON.stringify(headers), /__Host-|dw_|ada/i, path);
    assert.doesNotMatch(path, /\.doorward|dw_/);
    assert.equal(headers.host, new URL(door.url('glances')).host);
    for (const name of Object.keys(headers)) names.add(name);
  }
  const identity = [...names].filter((name) => /^(x-)?(remote|auth|forwarded-(user|groups|email)|webauth)/.test(name));
  assert.deepEqual(identity, []);
});

test('headers of somebody\'s own invention do not reach it either', async () => {
  const { page } = tab;
  await page.evaluate(() => fetch('/api/4/status', {
    headers: { 'Remote-User': 'root', Remote_Groups: 'admins', 'X-Harmless': 'kept' },
  }));
  const { headers } = app.heads.findLast(({ path }) => path === '/api/4/status');
  assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('remote')), []);
  assert.equal(headers['x-harmless'], 'kept');
});

test('signed out in another tab: the page\'s own requests get 401 and JSON, never a page', async () => {
  const { page } = tab;
  const second = await browser.context.newPage();
  const refused = page.waitForResponse((response) => isApi(response) && response.status() === 401, { timeout: 30_000 });
  await signOut(second, door.url('id'));
  const answer = await refused;
  assert.match(answer.headers()['content-type'], /^application\/json/);
  assert.equal((await answer.json()).error, 'sign_in_required');
  const seen = app.heads.length;
  const status = await page.evaluate(async () => (await fetch('/api/4/all')).status);
  assert.equal(status, 401);
  assert.equal(app.heads.length, seen, 'the application is left alone');
  await page.reload();
  await page.getByText('Then you go on to Glances.').waitFor();
  await second.close();
});
