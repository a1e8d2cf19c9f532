// The pages that applications lead to: accessible, no wider than a phone; pictures for people to look at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as client from 'openid-client';
import { openBrowser, openTab } from './support/browser.mjs';
import { inspect } from './support/inspect.mjs';
import { oidcDoor } from './support/oidc-door.mjs';
import { addPerson, setUp } from './support/person.mjs';

let door;
let browser;
let page;

before(async () => {
  door = await oidcDoor();
  // The pages forbid foreign scripts, axe's too; the sign-in tests run with the policy in force.
  browser = await openBrowser({ bypassCSP: true });
  ({ page } = await openTab(browser.context));
  await setUp(page, door.setup);
});

after(async () => {
  await browser?.close();
  await door?.stop();
});

test('consent', async () => {
  await page.goto(door.wiki.signIn({ scope: 'openid profile email groups offline_access' }));
  await page.getByRole('heading', { name: 'Wiki wants to know who you are' }).waitFor();
  await inspect('consent', page);
});

test('an answer that travels by a form', async () => {
  await page.goto(door.wiki.signIn());
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  // Without its script the form waits for the person.
  await page.route('**/form-post.js', (route) => route.abort());
  await page.goto(door.wiki.signIn({ response_mode: 'form_post' }));
  await page.getByRole('heading', { name: 'One moment' }).waitFor();
  await inspect('form-post', page);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  await page.unroute('**/form-post.js');
});

test('confirming a sign-in for an application', async () => {
  await page.goto(door.wiki.signIn({ prompt: 'login' }));
  await page.getByRole('heading', { name: 'Confirm that it is you' }).waitFor();
  await inspect('confirm', page);
});

test('choosing an account', async () => {
  await page.goto(door.wiki.signIn({ prompt: 'select_account' }));
  await page.getByRole('heading', { name: 'Who goes on to Wiki?' }).waitFor();
  await inspect('account', page);
  await page.getByRole('button', { name: /^Continue as/ }).click();
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
});

test('a device without a browser', async () => {
  const device = await client.initiateDeviceAuthorization(door.phone.config, { scope: 'openid profile email' });
  await page.goto(device.verification_uri);
  await page.getByRole('heading', { name: 'Sign in a device' }).waitFor();
  await inspect('device-code', page);
  await page.getByLabel('Code').fill('EAAA-AAAA');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('alert').waitFor();
  await inspect('device-code-wrong', page);
  // By the keyboard alone, as people write it.
  await page.getByLabel('Code').fill(device.user_code.toLowerCase().replace('-', ' '));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sign in to Phone on a device?' }).waitFor();
  await inspect('device', page);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Your device is signed in' }).waitFor();
  await inspect('device-done', page);
  const tokens = await client.pollDeviceAuthorizationGrant(door.phone.config, device);
  assert.equal(tokens.claims().aud, 'phone');
});

test('signing out at an application\'s request', async () => {
  await page.goto(client.buildEndSessionUrl(door.wiki.config, { post_logout_redirect_uri: door.wiki.bye }).href);
  await page.getByRole('heading', { name: 'Sign out of everything?' }).waitFor();
  await inspect('end-session', page);
});

test('a request that can not be trusted', async () => {
  await page.goto(door.wiki.signIn({ redirect_uri: 'http://elsewhere.localhost/' }));
  await page.getByText('can\'t be trusted').or(page.getByText('can’t be trusted')).first().waitFor();
  await inspect('authorize-refused', page);
});

test('an application for others', async () => {
  const link = await addPerson(page, door.url('id'), { username: 'eve', name: 'Eve', groups: 'guests' });
  await page.goto(link);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('There is nothing here for you yet').waitFor();
  await page.goto(door.ledger.signIn());
  await page.getByRole('heading', { name: 'Ledger is not open to you' }).waitFor();
  await inspect('application-denied', page);
});
