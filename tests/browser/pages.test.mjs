// Every page: accessible by axe's rules, usable by keyboard, no wider than a phone; pictures for people to look at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demo } from './support/demo.mjs';
import { openBrowser, openTab } from './support/browser.mjs';
import { inspect } from './support/inspect.mjs';
import { addPerson, setUp, signOut } from './support/person.mjs';

let door;
let browser;
let tab;

before(async () => {
  door = await demo();
  // The pages forbid foreign scripts, axe's too; the sign-in tests run with the policy in force.
  browser = await openBrowser({ bypassCSP: true });
  tab = await openTab(browser.context);
});

after(async () => {
  await browser?.close();
  await door?.stop();
});

test('set-up', async () => {
  await tab.page.goto(door.setup);
  await inspect('setup', tab.page);
});

test('launcher', async () => {
  await setUp(tab.page, door.setup);
  await inspect('launcher', tab.page);
});

test('passkeys', async () => {
  await tab.page.goto(door.url('id', '/account/passkeys'));
  await tab.page.locator('summary').click();
  await inspect('passkeys', tab.page);
});

test('tokens: the form, and the one that was made', async () => {
  const { page } = tab;
  await page.goto(door.url('id', '/account/tokens'));
  await page.getByLabel('What it is for').fill('Backup of the study');
  await page.getByLabel('Paths').fill('/api');
  await inspect('tokens-form', page);
  await page.getByRole('button', { name: 'Make a token' }).click();
  await page.getByText('It is shown only now.').waitFor();
  assert.match(await page.locator('.link').innerText(), /^dw_k_[\w-]{49}$/);
  await inspect('token-made', page);
  await page.getByRole('link', { name: 'Back to your tokens' }).click();
  await page.getByRole('button', { name: 'Revoke Backup of the study' }).waitFor();
  await inspect('tokens', page);
  await page.getByRole('button', { name: 'Revoke Backup of the study' }).click();
  await page.getByText('The token was revoked.').waitFor();
});

test('people', async () => {
  await tab.page.goto(door.url('id', '/admin/people'));
  await tab.page.locator('summary').click();
  await inspect('people', tab.page);
});

test('a mistake in the form for a new person keeps what was written', async () => {
  const { page } = tab;
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Name to show').fill('Another Ada');
  await page.getByRole('button', { name: 'Add and make an enrolment link' }).click();
  await page.getByRole('alert').getByText('Somebody has this user name already.').waitFor();
  assert.equal(await page.getByLabel('Name to show').inputValue(), 'Another Ada');
});

test('enrolment: the link, and the page behind it', async () => {
  const link = await addPerson(tab.page, door.url('id'), { username: 'bob', name: 'Bob', groups: 'users' });
  await inspect('enrolment-link', tab.page);
  await tab.page.goto(link);
  await inspect('enrol', tab.page);
});

test('sign-out', async () => {
  await tab.page.goto(door.url('id', '/sign-out'));
  await inspect('sign-out', tab.page);
});

test('sign-in, and its first press by keyboard alone', async () => {
  const { page } = tab;
  await signOut(page, door.url('id'));
  await page.goto(door.url('notes', '/'));
  await inspect('login', tab.page);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  const names = [];
  for (let step = 0; step < 3; step += 1) {
    await page.keyboard.press('Tab');
    names.push(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim()));
  }
  assert.deepEqual(names, ['Doorward demo', 'user', 'Sign in with a passkey']);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'notes.localhost' }).waitFor();
});

test('what a screen reader says on the sign-in page', async () => {
  const { page } = tab;
  await signOut(page, door.url('id'));
  const spoken = await page.locator('body').ariaSnapshot();
  for (const part of [/banner/, /main/, /heading "Sign in to Doorward demo" \[level=1\]/, /textbox "User name/, /button "Sign in with a passkey"/, /status/]) {
    assert.match(spoken, part);
  }
});

test('a refusal by the person is explained, and the button works again', async () => {
  const { page, devtools, authenticatorId } = tab;
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByText('Nothing was chosen, or it took too long.').waitFor();
  await inspect('login-trouble', tab.page);
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('heading', { name: 'Your services' }).waitFor();
});

test('denied, unknown and unavailable', async () => {
  const { page } = tab;
  const link = await addPerson(page, door.url('id'), { username: 'eve', name: 'Eve', groups: 'guests' });
  await page.goto(link);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('There is nothing here for you yet').or(page.getByRole('heading', { name: 'Your services' })).first().waitFor();
  await page.goto(door.url('vault'));
  await page.getByRole('heading', { name: 'Vault is not open to you' }).waitFor();
  await inspect('denied', tab.page);
  await page.goto(door.url('id', '/nothing/here'));
  await page.getByRole('heading', { name: 'Nothing is here' }).waitFor();
  await inspect('not-found', tab.page);
  await page.goto(door.url('nowhere'));
  await page.getByRole('heading', { name: 'Nobody lives at this address' }).waitFor();
  await inspect('unknown-host', tab.page);
});
