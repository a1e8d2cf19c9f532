// Starts the real demo and reads what it tells the person at the terminal.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const binary = process.env.DOORWARD_BIN ?? path.join(root, 'target/release/doorward');

/// Runs a command of the product until `ready` matches a line of its output.
export async function start(args, ready, options = {}) {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const lines = [];
  const complaints = [];
  createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const matched = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const found = line.match(ready);
      if (found) resolve(found);
    });
  });
  const found = await Promise.race([
    matched,
    ended.then((code) => Promise.reject(new Error(`ended with ${code}\n${lines.concat(complaints).join('\n')}`))),
  ]);
  const stop = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { child, lines, complaints, found, stop, ended };
}

/// The demo on a free port. `setup` is its one-time link.
export async function demo(...more) {
  const running = await start(['demo', '--port', '0', ...more], /Stop with/);
  const text = running.lines.join('\n');
  const setup = text.match(/http:\/\/\S+\/setup\/\S+/)?.[0];
  const port = text.match(/http:\/\/www\.localhost:(\d+)\//)[1];
  const url = (service, at = '/') => `http://${service}.localhost:${port}${at}`;
  return { ...running, setup, port, url };
}
