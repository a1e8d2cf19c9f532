// Signing in to applications of their own by OpenID Connect: real Chromium in front, openid-client behind.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as client from 'openid-client';
import { openBrowser, openTab } from './support/browser.mjs';
import { loopbackFetch } from './support/net.mjs';
import { oidcDoor } from './support/oidc-door.mjs';
import { addPerson, setUp, signIn } from './support/person.mjs';

let door;
let browser;
let tab;
let asked = 0;

before(async () => {
  door = await oidcDoor();
  browser = await openBrowser();
  tab = await openTab(browser.context);
  tab.devtools.on('WebAuthn.credentialAsserted', () => { asked += 1; });
  await setUp(tab.page, door.setup);
  await tab.page.goto(door.url('id', '/sign-out'));
  await tab.page.getByRole('button', { name: 'Sign out' }).click();
  await tab.page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
});

after(async () => {
  await browser?.close();
  await door?.stop();
});

const heading = (name, page = tab.page) => page.getByRole('heading', { name }).waitFor();
const invalidGrant = (error) => error.error === 'invalid_grant';

test('an application sends a person to sign in, to consent, and gets them back with everything in order', async () => {
  const { wiki } = door;
  const { page } = tab;
  await page.goto(wiki.signIn());
  await page.getByText('Then you go on to Wiki.').waitFor();
  const consent = page.waitForResponse((response) => new URL(response.url()).pathname === '/authorize' && response.status() === 200);
  await signIn(page);
  await heading('Wiki wants to know who you are');
  // Chromium holds `form-action` against every redirect that follows the form: the way back must be on the list.
  const policy = (await consent).headers()['content-security-policy'];
  assert.match(policy, new RegExp(`form-action 'self' ${wiki.origin};`));
  const learns = await page.locator('main li').allInnerTexts();
  assert.equal(learns.length, 4, learns.join('\n'));
  await page.getByRole('button', { name: 'Continue' }).click();
  await heading('Welcome');
  assert.equal(page.url(), `${wiki.origin}/`);
  assert.equal(wiki.arrivals.length, 1);
  assert.deepEqual([...wiki.arrivals[0].searchParams.keys()].sort(), ['code', 'iss', 'state']);
  assert.equal(wiki.arrivals[0].searchParams.get('iss'), door.issuer);

  const claims = wiki.tokens.claims();
  assert.equal(claims.iss, door.issuer);
  assert.deepEqual([claims.aud].flat(), ['wiki']);
  assert.equal(claims.preferred_username, 'ada');
  assert.match(claims.sub, /^[0-9a-f-]{36}$/);
  const person = await client.fetchUserInfo(wiki.config, wiki.tokens.access_token, claims.sub);
  assert.equal(person.name, 'Ada Lovelace');
  assert.deepEqual(person.groups, ['admins', 'users']);
});

test('an answer comes by a form that the browser posts by itself', async () => {
  const { wiki } = door;
  await tab.page.goto(wiki.signIn({ response_mode: 'form_post' }));
  await heading('Welcome');
  assert.equal(tab.page.url(), `${wiki.origin}/`);
  assert.deepEqual([...wiki.arrivals.at(-1).searchParams.keys()], [], 'nothing is in the address');
});

test('the second time nobody is asked, and a silent request is answered silently', async () => {
  const { wiki } = door;
  const { page } = tab;
  const before = asked;
  await page.goto(wiki.signIn());
  await heading('Welcome');
  await page.goto(wiki.signIn({ prompt: 'none' }));
  await heading('Welcome');
  assert.equal(asked, before, 'a passkey was asked for');
  await page.goto(wiki.signIn({ prompt: 'none', scope: 'openid profile email groups offline_access' }));
  await heading('Refused');
  await page.getByText('consent_required').waitFor();
});

test('refresh tokens rotate, and a second use of one ends the family', async () => {
  const { wiki } = door;
  await tab.page.goto(wiki.signIn());
  await heading('Welcome');
  const first = wiki.tokens;
  const second = await client.refreshTokenGrant(wiki.config, first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.notEqual(second.access_token, first.access_token);
  assert.equal(second.claims().sub, first.claims().sub);
  assert.equal(second.claims().auth_time, first.claims().auth_time);
  const third = await client.refreshTokenGrant(wiki.config, second.refresh_token);
  await assert.rejects(client.refreshTokenGrant(wiki.config, first.refresh_token), invalidGrant);
  await assert.rejects(client.refreshTokenGrant(wiki.config, third.refresh_token), invalidGrant);
  await assert.rejects(client.fetchUserInfo(wiki.config, third.access_token, first.claims().sub), { status: 401 });
});

test('a code that comes twice ends what it gave', async () => {
  const { wiki } = door;
  await tab.page.goto(wiki.signIn());
  await heading('Welcome');
  const { tokens } = wiki;
  const again = new URL(wiki.arrivals.at(-1));
  const checks = { expectedState: again.searchParams.get('state'), pkceCodeVerifier: client.randomPKCECodeVerifier() };
  await assert.rejects(client.authorizationCodeGrant(wiki.config, again, checks), invalidGrant);
  await assert.rejects(client.fetchUserInfo(wiki.config, tokens.access_token, tokens.claims().sub), { status: 401 });
});

test('answers of somebody else are found out by their issuer', async () => {
  const { wiki } = door;
  await tab.page.goto(wiki.signIn());
  await heading('Welcome');
  for (const iss of ['http://id.elsewhere.localhost', undefined]) {
    const forged = new URL(wiki.arrivals.at(-1));
    if (iss) forged.searchParams.set('iss', iss);
    else forged.searchParams.delete('iss');
    const checks = { expectedState: forged.searchParams.get('state'), pkceCodeVerifier: client.randomPKCECodeVerifier() };
    await assert.rejects(client.authorizationCodeGrant(wiki.config, forged, checks), (error) => /"iss"/.test(error.cause?.message));
  }
});

test('prompt=login asks for the passkey again, and comes back once', async () => {
  const { wiki } = door;
  const { page } = tab;
  const [before, arrivals] = [asked, wiki.arrivals.length];
  await page.goto(wiki.signIn({ prompt: 'login' }));
  await heading('Confirm that it is you');
  await page.getByText('Wiki asks you to sign in once more').waitFor();
  assert.equal(wiki.arrivals.length, arrivals);
  await signIn(page);
  await heading('Welcome');
  assert.equal(asked, before + 1);
  assert.equal(wiki.arrivals.length, arrivals + 1);
  // A session of before the request is not enough either when its age is limited to nothing.
  await page.goto(wiki.signIn({ max_age: '0' }));
  await heading('Confirm that it is you');
  await signIn(page);
  await heading('Welcome');
  assert.equal(asked, before + 2);
  assert.equal(wiki.arrivals.length, arrivals + 2);
});

test('cancelling is an answer that the application gets', async () => {
  const { wiki } = door;
  const { page } = tab;
  await page.goto(wiki.signIn({ prompt: 'consent' }));
  await heading('Wiki wants to know who you are');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await heading('Refused');
  await page.getByText('access_denied').waitFor();
  assert.equal(wiki.error.error, 'access_denied');
  assert.equal(wiki.arrivals.at(-1).searchParams.get('iss'), door.issuer);
  // What was granted before still holds.
  await page.goto(wiki.signIn());
  await heading('Welcome');
});

test('whoever is asked sees as whom, and can be somebody else', async () => {
  const { wiki } = door;
  const { page } = tab;
  await page.goto(wiki.signIn({ prompt: 'consent' }));
  await page.getByText('You are signed in as ada').waitFor();
  const arrivals = wiki.arrivals.length;
  await page.getByRole('link', { name: 'Switch account' }).click();
  await heading('Switch account');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('Then you go on to Wiki.').waitFor();
  await signIn(page);
  await heading('Wiki wants to know who you are');
  await page.getByRole('button', { name: 'Continue' }).click();
  await heading('Welcome');
  assert.equal(wiki.arrivals.length, arrivals + 1);
});

test('a public client signs people in with PKCE alone', async () => {
  const { phone } = door;
  const { page } = tab;
  await page.goto(phone.signIn());
  await heading('Phone wants to know who you are');
  await page.getByRole('button', { name: 'Continue' }).click();
  await heading('Welcome');
  assert.deepEqual([phone.tokens.claims().aud].flat(), ['phone']);
  const header = JSON.parse(Buffer.from(phone.tokens.id_token.split('.')[0], 'base64url'));
  assert.equal(header.alg, 'ES256');
  const second = await client.refreshTokenGrant(phone.config, phone.tokens.refresh_token);
  await client.fetchUserInfo(phone.config, second.access_token, phone.tokens.claims().sub);
  // Without a challenge there is no proof that the code will be its own.
  await page.goto(phone.signIn({ code_challenge: '', code_challenge_method: '' }));
  await heading('Refused');
  assert.equal(phone.error.error, 'invalid_request');
});

test('a client can not use what another one was given', async () => {
  const { wiki, ledger, phone } = door;
  await tab.page.goto(wiki.signIn());
  await heading('Welcome');
  const { refresh_token } = wiki.tokens;
  for (const other of [ledger, phone]) {
    await assert.rejects(client.refreshTokenGrant(other.config, refresh_token), invalidGrant);
  }
});

test('an address that is not registered is never used', async () => {
  const { page } = tab;
  for (const redirect of [`${door.wiki.callback}/`, `${door.wiki.callback}?a=b`, `${door.phone.origin}/callback`]) {
    const answer = await page.goto(door.wiki.signIn({ redirect_uri: redirect }));
    assert.equal(answer.status(), 400);
    assert.equal(new URL(page.url()).origin, door.issuer);
  }
});

test('a person in the wrong group is told so, and can switch account', async () => {
  const { page } = tab;
  const link = await addPerson(page, door.url('id'), { username: 'bob', name: 'Bob', groups: 'users' });
  const other = await openBrowser();
  const bob = await openTab(other.context);
  await bob.page.goto(link);
  await bob.page.getByRole('button', { name: 'Add a passkey' }).click();
  await bob.page.getByText('There is nothing here for you yet').or(bob.page.getByRole('heading', { name: 'Your services' })).first().waitFor();
  const answer = await bob.page.goto(door.ledger.signIn());
  assert.equal(answer.status(), 403);
  await heading('Ledger is not open to you', bob.page);
  assert.match(await bob.page.locator('main').innerText(), /admins/);
  assert.equal(door.ledger.arrivals.length, 0);
  // A silent request is told by an error, not by a page.
  await bob.page.goto(door.ledger.signIn({ prompt: 'none' }));
  await heading('Refused', bob.page);
  assert.equal(door.ledger.error.error, 'access_denied');
  await bob.page.goto(door.ledger.signIn());
  await bob.page.getByRole('link', { name: 'Switch account' }).click();
  await heading('Switch account', bob.page);
  await bob.page.getByRole('button', { name: 'Sign out' }).click();
  await bob.page.getByText('Then you go on to Ledger.').waitFor();
  // The same person comes again: the answer is the same, and not a circle.
  await signIn(bob.page);
  await heading('Ledger is not open to you', bob.page);
  assert.deepEqual(bob.trouble.filter((line) => /Content Security Policy/.test(line)), []);
  await other.close();
});

test('an application that signs a person out gets them back, and its tokens end', async () => {
  const { wiki } = door;
  const { page } = tab;
  await page.goto(wiki.signIn());
  await heading('Welcome');
  const { tokens } = wiki;
  const end = { id_token_hint: tokens.id_token, post_logout_redirect_uri: wiki.bye, state: 'so long' };
  await page.goto(client.buildEndSessionUrl(wiki.config, end).href);
  await heading('Bye');
  await page.getByText('state so long').waitFor();
  await page.goto(door.url('id'));
  await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
  await assert.rejects(client.refreshTokenGrant(wiki.config, tokens.refresh_token), invalidGrant);
  await assert.rejects(client.fetchUserInfo(wiki.config, tokens.access_token, tokens.claims().sub), { status: 401 });
  await page.goto(wiki.signIn({ prompt: 'none' }));
  await heading('Refused');
  assert.equal(wiki.error.error, 'login_required');
});

test('without a proof of who asks, the person decides about signing out', async () => {
  const { wiki } = door;
  const { page } = tab;
  await page.goto(wiki.signIn());
  await signIn(page);
  await heading('Welcome');
  await page.goto(client.buildEndSessionUrl(wiki.config, { post_logout_redirect_uri: wiki.bye }).href);
  await heading('Sign out of everything?');
  await page.goto(wiki.signIn({ prompt: 'none' }));
  await heading('Welcome');
  await page.goto(client.buildEndSessionUrl(wiki.config, { post_logout_redirect_uri: wiki.bye }).href);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await heading('Bye');
  await page.goto(door.url('id'));
  await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
});

test('a request by form from another site finds the session all the same', async () => {
  const { wiki } = door;
  const { page } = tab;
  await page.goto(wiki.signIn());
  await signIn(page);
  await heading('Welcome');
  const location = (await loopbackFetch(wiki.signIn())).headers.get('location');
  const { origin, pathname, searchParams } = new URL(location);
  await page.goto(wiki.origin);
  await page.evaluate(([action, fields]) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action });
    for (const [name, value] of fields) form.append(Object.assign(document.createElement('input'), { name, value }));
    document.body.append(form);
    form.submit();
  }, [origin + pathname, [...searchParams]]);
  await page.waitForURL(`${wiki.origin}/`);
  await heading('Welcome');
});

test('nothing was refused by the content security policy', () => {
  assert.deepEqual(tab.trouble.filter((line) => /Content Security Policy/.test(line)), []);
});
