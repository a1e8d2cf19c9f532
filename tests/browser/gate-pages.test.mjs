// What the gate says on services' hosts: pages that people can read, use by keyboard and on a phone; pictures to look at.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { openBrowser, openTab } from './support/browser.mjs';
import { inspect } from './support/inspect.mjs';
import { close, freePort, listen } from './support/net.mjs';
import { setUp } from './support/person.mjs';
import { serve } from './support/serve.mjs';

const FORM = '<!doctype html><title>Bank</title><h1>Bank</h1><form method="post" action="/pay"><button>Pay</button></form>';
const received = [];
let app;
let door;
let browser;
let page;

before(async () => {
  app = http.createServer((request, response) => {
    // Browsers ask for an icon when they like.
    if (request.url !== '/favicon.ico') received.push(`${request.method} ${request.url}`);
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(FORM);
  });
  const upstream = `http://127.0.0.1:${await listen(app)}`;
  const nobody = await freePort();
  door = await serve(`
[services.bank]
title = "Bank"
upstream = "${upstream}"
posture = "sso"
policy = "users"
rules = [{ paths = ["/closed"], deny = true }]

[services.torn]
title = "Torn"
upstream = "${upstream}"
posture = "sso"
policy = "users"
bypass = [{ regexes = ["("], public = true }]

[services.silent]
title = "Silent"
upstream = "http://127.0.0.1:${nobody}"
posture = "public"

[services.files]
title = "Files"
static = { directory = "." }
posture = "public"

[services.small]
title = "Small"
upstream = "${upstream}"
posture = "public"
limits = { body = "1KiB" }
`);
  // The pages forbid foreign scripts, axe's too; the last test looks with the policy in force.
  browser = await openBrowser({ bypassCSP: true });
  ({ page } = await openTab(browser.context));
  await setUp(page, door.setup);
});

after(async () => {
  await browser?.close();
  await door?.stop();
  await close(app);
});

const heading = (name) => page.getByRole('heading', { name }).waitFor();

/// Opens an address, whatever its status.
async function open(url, status) {
  const answer = await page.goto(url);
  assert.equal(answer.status(), status, url);
  return answer;
}

test('a form that arrives after its session is over', async () => {
  await open(door.url('bank'), 200);
  const cookies = await browser.context.cookies(door.url('bank'));
  await browser.context.clearCookies({ domain: 'bank.localhost' });
  const before = received.length;
  await page.getByRole('button', { name: 'Pay' }).click();
  await heading('Sign in and send it again');
  assert.equal(received.length, before, 'nothing was done with it');
  assert.equal(cookies.length, 1);
  await inspect('lost-form', page);
  // The way that the page names leads to the session that was lost, and the form is still there.
  await page.getByRole('link', { name: 'Sign in' }).focus();
  await page.keyboard.press('Enter');
  await heading('Bank');
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.waitForURL('**/pay');
  assert.equal(received.at(-1), 'POST /pay');
});

test('a passkey once more', async () => {
  // Seconds must pass since the sign-in before it is too old for anything.
  const fresh = door.url('bank', '/.doorward/sign-in?max_age=0&return_to=%2Fsafe');
  do await page.goto(fresh);
  while (!page.url().includes('/login'));
  await heading('Confirm that it is you');
  await page.getByText('Bank').first().waitFor();
  await inspect('step-up', page);
  await page.bringToFront();
  await page.getByRole('button', { name: /passkey/ }).click();
  await page.waitForURL('**/safe');
  assert.equal(received.at(-1), 'GET /safe');
});

test('a path that is closed to everybody', async () => {
  await open(door.url('bank', '/closed'), 403);
  await heading('Bank is not open to you');
  await inspect('closed-path', page);
});

test('a service that is closed because its declaration can not be enforced', async () => {
  const answer = await open(door.url('torn'), 503);
  assert.equal(answer.headers()['retry-after'], '60');
  await heading('This service is closed');
  await inspect('service-closed', page);
});

test('an application that does not answer', async () => {
  await open(door.url('silent'), 502);
  await page.getByText('The door works; the application behind it is down or restarting.').waitFor();
  await inspect('upstream-down', page);
});

test('a file that is not there', async () => {
  await open(door.url('files', '/nothing'), 404);
  await heading('Nothing is here');
  await inspect('no-file', page);
});

test('a form that is larger than the service takes', async () => {
  await open(door.url('small'), 200);
  await page.evaluate(() => {
    const field = document.createElement('input');
    field.name = 'much';
    field.value = 'a'.repeat(2000);
    document.forms[0].append(field);
  });
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.getByText('This is more than Small takes at once.').waitFor();
  await inspect('too-large', page);
});

test('their style and pictures arrive with the policy in force', async () => {
  const strict = await openBrowser();
  try {
    const tab = await openTab(strict.context);
    for (const url of [door.url('torn'), door.url('silent'), door.url('files', '/nothing')]) {
      await tab.page.goto(url);
      const corner = await tab.page.evaluate(() => getComputedStyle(document.querySelector('.card')).borderRadius);
      assert.notEqual(corner, '0px', `${url} has no style`);
    }
    const blocked = tab.trouble.filter((line) => !line.includes('status of'));
    assert.deepEqual(blocked, []);
  } finally {
    await strict.close();
  }
});
