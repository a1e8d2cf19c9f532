// Certificates that only these tests trust.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const openssl = (args, input) => execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/// A certificate for `names` by an authority of its own. `spki` is what Chromium wants to know of it.
export function certificate(names) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'doorward-certificate-'));
  const file = (name) => path.join(directory, name);
  openssl(['req', '-x509', ...EC, '-keyout', file('ca.key'), '-out', file('ca.crt'), '-days', '2', '-subj', '/CN=Test CA',
    '-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']);
  openssl(['req', ...EC, '-keyout', file('leaf.key'), '-out', file('leaf.csr'), '-subj', `/CN=${names[0]}`]);
  fs.writeFileSync(file('extensions'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}
extendedKeyUsage=serverAuth
basicConstraints=CA:FALSE
keyUsage=digitalSignature
`);
  openssl(['x509', '-req', '-in', file('leaf.csr'), '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial',
    '-days', '2', '-extfile', file('extensions'), '-out', file('leaf.crt')]);
  const authority = fs.readFileSync(file('ca.crt'), 'utf8');
  fs.writeFileSync(file('chain.crt'), fs.readFileSync(file('leaf.crt'), 'utf8') + authority);
  const pem = openssl(['x509', '-in', file('leaf.crt'), '-pubkey', '-noout']);
  const der = openssl(['pkey', '-pubin', '-outform', 'der'], pem);
  const spki = openssl(['dgst', '-sha256', '-binary'], der).toString('base64');
  const remove = () => fs.rmSync(directory, { recursive: true, force: true });
  return { certificate: file('chain.crt'), key: file('leaf.key'), authority, spki, remove };
}
