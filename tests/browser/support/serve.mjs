// Starts `doorward serve` with a configuration of the test's own.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { start } from './demo.mjs';
import { freePort } from './net.mjs';

const TITLE = 'Test door';

/// Serves `declarations` (services and clients, TOML) below `domain`, on a free port that is the public one as well.
/// `files` are written beside the configuration, so that it can name them. With `tls` (`certificate`, `key`: files)
/// the listener speaks it. `setup` is the one-time link.
export async function serve(declarations, { domain = 'localhost', portal = '', files = {}, tls } = {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'doorward-serve-'));
  const port = await freePort();
  const scheme = tls ? 'https' : 'http';
  for (const [name, content] of Object.entries(files)) {
    fs.writeFileSync(path.join(directory, name), content, { mode: 0o600 });
  }
  const certificate = tls
    ? `tls = { certificate_file = ${JSON.stringify(tls.certificate)}, key_file = ${JSON.stringify(tls.key)} }\n`
    : '';
  const config = path.join(directory, 'doorward.toml');
  fs.writeFileSync(config, `
domain = "${domain}"
data_directory = "state"

[public]
scheme = "${scheme}"
port = ${port}

[portal]
title = "${TITLE}"
${portal}

[[listeners]]
address = "127.0.0.1:${port}"
${certificate}
${declarations}`);
  const remove = () => fs.rmSync(directory, { recursive: true, force: true });
  const running = await start(['serve', '--config', config], /https?:\/\/\S+\/setup\/\S+/).catch((error) => {
    remove();
    throw error;
  });
  const url = (service, at = '/') => `${scheme}://${service}.${domain}:${port}${at}`;
  const stop = async () => {
    const code = await running.stop();
    remove();
    return code;
  };
  return { ...running, stop, setup: running.found[0], port, url, title: TITLE, log: running.complaints };
}
