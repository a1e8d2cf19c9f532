// Ports and names on this machine.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

/// A port that nobody listens on at the moment.
export async function freePort() {
  const server = net.createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/// Listens on loopback; the port.
export async function listen(server, port = 0) {
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server.address().port;
}

/// Closes a server and whatever is still connected to it.
export async function close(server) {
  server.closeAllConnections?.();
  await new Promise((resolve) => server.close(resolve));
}

const lookup = (name, { all }, answer) => {
  const found = { address: '127.0.0.1', family: 4 };
  if (all) answer(null, [found]);
  else answer(null, found.address, found.family);
};

/// `fetch` for names that only browsers know to be this machine, such as `id.localhost`. Follows no redirect.
export async function loopbackFetch(url, { method = 'GET', headers = {}, body, ca } = {}) {
  const { request } = new URL(url).protocol === 'https:' ? https : http;
  const lines = Object.fromEntries(new Headers(headers));
  const content = body === undefined || body === null ? undefined : String(body);
  if (content !== undefined) lines['content-length'] = Buffer.byteLength(content);
  const incoming = await new Promise((resolve, reject) => {
    request(url, { method, headers: lines, lookup, ca, agent: false }, resolve).on('error', reject).end(content);
  });
  const chunks = await incoming.toArray();
  const answer = new Headers();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    answer.append(incoming.rawHeaders[at], incoming.rawHeaders[at + 1]);
  }
  return new Response(chunks.length ? Buffer.concat(chunks) : null, { status: incoming.statusCode, headers: answer });
}
