// An application that signs people in by OpenID Connect, as applications do: with a library that checks everything.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import * as client from 'openid-client';
import { close, listen, loopbackFetch } from './net.mjs';

const escape = (text) => String(text).replace(/[&<"]/g, (found) => `&#${found.charCodeAt(0)};`);

/// Listens at `http://<host>:<free port>`. Call `connect` once the provider runs.
export async function relyingParty(host) {
  const rp = { arrivals: [], pending: new Map(), tokens: undefined, error: undefined };
  const server = http.createServer((request, response) => {
    answer(rp, request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error.stack));
    });
  });
  rp.origin = `http://${host}:${await listen(server)}`;
  rp.callback = `${rp.origin}/callback`;
  rp.bye = `${rp.origin}/bye`;
  /// Where a browser begins, with more parameters for the authorization request.
  rp.signIn = (parameters = {}) => `${rp.origin}/sign-in?${new URLSearchParams(parameters)}`;
  rp.connect = (issuer, id, secret) => connect(rp, issuer, id, secret);
  rp.close = () => close(server);
  return rp;
}

async function connect(rp, issuer, id, secret) {
  const authentication = secret ? client.ClientSecretBasic(secret) : client.None();
  rp.config = await client.discovery(new URL(issuer), id, undefined, authentication, {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    [client.customFetch]: loopbackFetch,
  });
}

async function answer(rp, request, response) {
  const url = new URL(request.url, rp.origin);
  const show = (html) => response.setHeader('Content-Type', 'text/html; charset=utf-8').end(`<!doctype html>${html}`);
  const go = (to) => response.writeHead(302, { Location: to, 'Cache-Control': 'no-store' }).end();
  if (url.pathname === '/sign-in') return go(await begin(rp, url.searchParams));
  if (url.pathname === '/callback') {
    await finish(rp, url, request.method === 'POST' ? new URLSearchParams(await text(request)) : undefined);
    return go('/');
  }
  if (url.pathname === '/bye') return show(`<h1>Bye</h1><p>state ${escape(url.searchParams.get('state'))}</p>`);
  if (url.pathname !== '/') return response.writeHead(404).end();
  if (rp.error) return show(`<h1>Refused</h1><p>${escape(rp.error.error ?? rp.error.code ?? rp.error.message)}</p>`);
  if (rp.tokens) return show(`<h1>Welcome</h1><p>${escape(rp.tokens.claims().sub)}</p>`);
  return show('<h1>Nobody</h1>');
}

/// The authorization request: state, nonce and PKCE are remembered under the state.
async function begin(rp, more) {
  const verifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: randomUUID(), expectedNonce: client.randomNonce() };
  rp.pending.set(checks.expectedState, checks);
  rp.tokens = undefined;
  rp.error = undefined;
  return client.buildAuthorizationUrl(rp.config, {
    redirect_uri: rp.callback,
    scope: 'openid profile email groups',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...Object.fromEntries(more),
  }).href;
}

/// `posted` are the fields of an answer that came by a form.
async function finish(rp, url, posted) {
  rp.arrivals.push(url);
  const state = (posted ?? url.searchParams).get('state');
  const answered = posted ? new Request(url, { method: 'POST', body: posted }) : url;
  const checks = rp.pending.get(state);
  rp.pending.delete(state);
  try {
    if (!checks) throw new Error('no sign-in was begun with this state');
    rp.tokens = await client.authorizationCodeGrant(rp.config, answered, { ...checks, idTokenExpected: true });
  } catch (error) {
    rp.error = error;
  }
}
