// Looks at a page as people do who see little, use a phone, or prefer the dark.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const tests = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const axe = fs.readFileSync(path.join(tests, 'node_modules/axe-core/axe.min.js'), 'utf8');
const pictures = path.join(tests, 'screenshots');

const LOOKS = [
  { name: 'light', viewport: { width: 1100, height: 800 }, colorScheme: 'light' },
  { name: 'dark', viewport: { width: 1100, height: 800 }, colorScheme: 'dark' },
  { name: 'phone', viewport: { width: 360, height: 740 }, colorScheme: 'light' },
];

/// Accessible by axe's rules and no wider than a phone; leaves pictures. The browser must be open with `bypassCSP`.
export async function inspect(name, page) {
  fs.mkdirSync(pictures, { recursive: true });
  for (const look of LOOKS) {
    await page.setViewportSize(look.viewport);
    await page.emulateMedia({ colorScheme: look.colorScheme });
    await page.screenshot({ path: path.join(pictures, `${name}-${look.name}.png`), fullPage: true });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= look.viewport.width, `${name} is ${width} wide on ${look.name}`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    const found = violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' ')}`);
    assert.deepEqual(found, [], `${name}, ${look.name}`);
  }
}
