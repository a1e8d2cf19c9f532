// Glances, a real web application, behind a relay that writes down what arrives.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { close, freePort, listen } from './net.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/// The program; made in `target/venv` when no other is named.
function program() {
  if (process.env.DOORWARD_TEST_GLANCES) return process.env.DOORWARD_TEST_GLANCES;
  const venv = path.join(root, 'target/venv');
  const found = path.join(venv, 'bin/glances');
  if (!fs.existsSync(found)) {
    const run = (command, ...args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    run('python3', '-m', 'venv', venv);
    const pip = ['install', '--quiet', '--disable-pip-version-check', '-r', path.join(root, 'tests/requirements.txt')];
    run(path.join(venv, 'bin/pip'), ...pip);
  }
  return found;
}

/// Starts it. `port` is the relay's, `heads` what every request carried: `{ method, path, headers }`.
export async function glances() {
  const own = await freePort();
  const child = spawn(program(), ['-w', '-B', '127.0.0.1', '-p', String(own), '--disable-check-update', '--disable-autodiscover'],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let alive = true;
  ended.then(() => { alive = false; });
  const deadline = Date.now() + 60_000;
  while (!(await answers(own))) {
    if (alive && Date.now() < deadline) continue;
    child.kill('SIGKILL');
    throw new Error(`glances does not answer:\n${said.join('')}`);
  }
  const heads = [];
  const relay = http.createServer((request, response) => pass(request, response, own, heads));
  const port = await listen(relay);
  const stop = async () => {
    await close(relay);
    child.kill('SIGKILL');
    await ended;
  };
  return { port, heads, stop };
}

async function answers(port) {
  const { promise, resolve } = settled();
  const request = http.get({ host: '127.0.0.1', port, path: '/api/4/status', timeout: 1000 }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  request.on('timeout', () => request.destroy());
  // Nobody listens yet: look again a little later.
  request.on('error', () => setTimeout(() => resolve(false), 100));
  return promise;
}

function settled() {
  let resolve;
  const promise = new Promise((found) => { resolve = found; });
  return { promise, resolve };
}

function pass(request, response, port, heads) {
  heads.push({ method: request.method, path: request.url, headers: request.headers });
  const { method, url, headers } = request;
  const onward = http.request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
