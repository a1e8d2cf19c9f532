import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demo } from './support/demo.mjs';
import { openBrowser, openTab, carryPasskeys } from './support/browser.mjs';
import { addPerson, setUp, signIn, signOut } from './support/person.mjs';

let door;
let browser;
let ada;

before(async () => {
  door = await demo();
  browser = await openBrowser();
  ada = await openTab(browser.context);
});

after(async () => {
  await browser?.close();
  await door?.stop();
});

test('first run: one button makes the first administrator, and the link works once', async () => {
  const { page } = ada;
  await setUp(page, door.setup);
  const tiles = await page.locator('.tiles strong').allInnerTexts();
  assert.deepEqual(tiles, ['Notes', 'Vault', 'Feeds', 'Website']);
  const answer = await page.goto(door.setup);
  assert.equal(answer.status(), 410);
  await page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
});

test('a service opened from the launcher learns who the person is', async () => {
  const { page } = ada;
  await page.goto(door.url('id'));
  await page.getByRole('link', { name: /Notes/ }).click();
  await page.getByRole('heading', { name: 'notes.localhost' }).waitFor();
  const rows = await page.locator('tr.identity').allInnerTexts();
  assert.deepEqual(rows.map((row) => row.split(/\s+/)[0]), ['remote-groups', 'remote-name', 'remote-user']);
  assert.match(rows.join('\n'), /remote-user\s+ada/);
  assert.match(rows.join('\n'), /remote-groups\s+admins,users/);
  assert.doesNotMatch(await page.locator('body').innerText(), /__Host-doorward/, 'our cookies stay with us');
});

test('signing out closes every service in every tab', async () => {
  const { page } = ada;
  const second = await browser.context.newPage();
  await second.goto(door.url('feeds', '/list'));
  await second.getByRole('heading', { name: 'feeds.localhost' }).waitFor();
  await page.goto(door.url('notes'));
  await page.getByRole('link', { name: 'Sign out of everything' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
  await second.reload();
  await second.getByRole('heading', { name: 'Sign in to Doorward demo' }).waitFor();
  await second.goto(door.url('vault'));
  await second.getByRole('heading', { name: 'Sign in to Doorward demo' }).waitFor();
  await second.close();
});

test('signing in by the button leads to the page that was wanted', async () => {
  const { page } = ada;
  await page.goto(door.url('notes', '/2026/plan?draft=1'));
  await page.getByText('Then you go on to Notes.').waitFor();
  await signIn(page);
  await page.getByRole('heading', { name: 'notes.localhost' }).waitFor();
  assert.equal(page.url(), door.url('notes', '/2026/plan?draft=1'));
});

test('signing in by autofill needs no button', async () => {
  await signOut(ada.page, door.url('id'));
  const tab = await openTab(browser.context, { autofill: true });
  assert.equal(await carryPasskeys(ada, tab), 1);
  await tab.page.goto(door.url('feeds', '/unread'));
  await tab.page.getByRole('heading', { name: 'feeds.localhost' }).waitFor();
  assert.equal(tab.page.url(), door.url('feeds', '/unread'));
  assert.deepEqual(tab.trouble, []);
  assert.equal(await carryPasskeys(tab, ada), 1);
  await tab.page.close();
});

test('two services wait in two tabs, and each goes on to its own page', async () => {
  const { page } = ada;
  await signOut(page, door.url('id'));
  const second = await openTab(browser.context);
  await page.goto(door.url('notes', '/one'));
  await second.page.goto(door.url('vault', '/two'));
  await signIn(page);
  await page.getByRole('heading', { name: 'notes.localhost' }).waitFor();
  assert.equal(page.url(), door.url('notes', '/one'));
  // The other tab learns on its own press that the person is signed in already.
  await signIn(second.page);
  await second.page.getByRole('heading', { name: 'vault.localhost' }).waitFor();
  assert.equal(second.page.url(), door.url('vault', '/two'));
  await second.page.close();
});

test('a second passkey is added, named after its provider, and signs in by itself', async () => {
  const { page } = ada;
  const phone = await openTab(browser.context);
  await phone.page.goto(door.url('id', '/account/passkeys'));
  await phone.page.getByText('You have only one passkey.').waitFor();
  await phone.page.getByRole('button', { name: 'Add a passkey' }).click();
  await phone.page.getByText('The passkey was added.').waitFor();
  assert.equal(await phone.page.getByRole('heading', { level: 2, name: 'Chromium virtual authenticator' }).count(), 2);
  await signOut(page, door.url('id'));
  await phone.page.goto(door.url('id'));
  await signIn(phone.page);
  await phone.page.getByRole('heading', { name: 'Your services' }).waitFor();
  // Rename one, remove the other.
  await phone.page.goto(door.url('id', '/account/passkeys'));
  await phone.page.locator('summary').first().click();
  await phone.page.getByLabel('Name', { exact: true }).first().fill('Laptop');
  await phone.page.getByRole('button', { name: 'Rename' }).first().click();
  await phone.page.getByRole('heading', { level: 2, name: 'Laptop' }).waitFor();
  await phone.page.locator('summary').last().click();
  await phone.page.getByRole('button', { name: 'Remove Chromium virtual authenticator' }).click();
  await phone.page.getByText('The passkey was removed.').waitFor();
  assert.equal(await phone.page.getByRole('heading', { level: 2 }).count(), 1);
  await phone.page.close();
});

test('a person in the wrong group is told what is missing, and can switch account', async () => {
  const { page } = ada;
  const link = await addPerson(page, door.url('id'), { username: 'bob', name: 'Bob', groups: 'users' });
  const other = await openBrowser();
  const bob = await openTab(other.context);
  await bob.page.goto(link);
  await bob.page.getByRole('button', { name: 'Add a passkey' }).click();
  await bob.page.getByRole('heading', { name: 'Your services' }).waitFor();
  assert.deepEqual(await bob.page.locator('.tiles strong').allInnerTexts(), ['Notes', 'Feeds', 'Website']);
  const answer = await bob.page.goto(door.url('vault', '/secrets'));
  assert.equal(answer.status(), 403);
  const text = await bob.page.locator('main').innerText();
  for (const expected of [/Vault is not open to you/, /bob/, /admins/, /[0-9a-f]{16}/]) assert.match(text, expected);
  await bob.page.getByRole('link', { name: 'Switch account' }).click();
  await bob.page.getByRole('heading', { name: 'Switch account' }).waitFor();
  // Ada takes the seat: Bob's passkey leaves the device, hers comes.
  await bob.devtools.send('WebAuthn.clearCredentials', { authenticatorId: bob.authenticatorId });
  await carryPasskeys(ada, bob);
  await bob.page.getByRole('button', { name: 'Sign out' }).click();
  await bob.page.getByText('Then you go on to Vault.').waitFor();
  await signIn(bob.page);
  await bob.page.getByRole('heading', { name: 'vault.localhost' }).waitFor();
  assert.equal(bob.page.url(), door.url('vault', '/secrets'));
  await other.close();
});

test('nothing was refused by the content security policy', () => {
  const refused = ada.trouble.filter((line) => /Content Security Policy/.test(line));
  assert.deepEqual(refused, []);
});
