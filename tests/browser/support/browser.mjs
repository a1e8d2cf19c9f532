// Real Chromium with a virtual authenticator per page.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/// A browser with a fresh profile: everything in it is one person's. `more` are more arguments of the program.
export async function openBrowser({ more = [], ...options } = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'doorward-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [...ARGUMENTS, ...more],
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const close = async () => {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true });
  };
  return { context, close };
}

/// A tab with a virtual authenticator. With `autofill: false` the page offers no passkeys by itself.
export async function openTab(context, { autofill = false, ...authenticator } = {}) {
  const page = await context.newPage();
  const trouble = [];
  page.on('console', (message) => {
    if (message.type() === 'error') trouble.push(message.text());
  });
  page.on('pageerror', (error) => trouble.push(String(error)));
  if (!autofill) {
    await page.addInitScript(() => {
      if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;
    });
  }
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true,
      hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
      defaultBackupEligibility: true, defaultBackupState: true, ...authenticator,
    },
  });
  return { page, devtools, authenticatorId, trouble };
}

/// Carries the passkeys of one tab over to another: the same device. They leave the first, because two copies that
/// count their signatures apart look like a theft, and are refused.
export async function carryPasskeys(from, to) {
  const { credentials } = await from.devtools.send('WebAuthn.getCredentials', { authenticatorId: from.authenticatorId });
  for (const credential of credentials) {
    const { credentialId } = credential;
    await from.devtools.send('WebAuthn.removeCredential', { authenticatorId: from.authenticatorId, credentialId });
    await to.devtools.send('WebAuthn.addCredential', { authenticatorId: to.authenticatorId, credential });
  }
  return credentials.length;
}
