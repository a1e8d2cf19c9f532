// A door with three applications behind its provider.
import { randomBytes } from 'node:crypto';
import { relyingParty } from './relying-party.mjs';
import { serve } from './serve.mjs';

const declare = (name, title, rp, more) => `
[clients.${name}]
title = "${title}"
client_id = "${name}"
redirect_uris = ["${rp.callback}"]
post_logout_redirect_uris = ["${rp.bye}"]
${more}
`;

/// `wiki` is confidential and for users, `phone` is public and for users, `ledger` is confidential and for admins.
export async function oidcDoor() {
  const wiki = await relyingParty('app.localhost');
  const phone = await relyingParty('phone.localhost');
  const ledger = await relyingParty('ledger.localhost');
  const secret = randomBytes(24).toString('base64');
  const door = await serve([
    declare('wiki', 'Wiki', wiki, 'client_secret_file = "secret"\npolicy = "users"'),
    declare('phone', 'Phone', phone, 'public = true\npolicy = "users"\nid_token_alg = "ES256"\ngrants = ["authorization_code", "device_code"]'),
    declare('ledger', 'Ledger', ledger, 'client_secret_file = "secret"\npolicy = "admins"'),
  ].join(''), { files: { secret } });
  const issuer = door.url('id', '').replace(/\/$/, '');
  await wiki.connect(issuer, 'wiki', secret);
  await phone.connect(issuer, 'phone');
  await ledger.connect(issuer, 'ledger', secret);
  const stop = async () => {
    await Promise.all([wiki, phone, ledger].map((rp) => rp.close()));
    return door.stop();
  };
  return { ...door, wiki, phone, ledger, issuer, secret, stop };
}
