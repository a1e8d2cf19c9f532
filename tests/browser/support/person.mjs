// What a person does on the pages, by the names that they read there.

/// Makes the first administrator and arrives at the launcher.
export async function setUp(page, link, username = 'ada', name = 'Ada Lovelace') {
  await page.goto(link);
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Name to show').fill(name);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByRole('heading', { name: 'Your services' }).waitFor();
}

/// Signs in on the page that is open.
export async function signIn(page) {
  // Browsers answer only the tab that a person looks at.
  await page.bringToFront();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
}

/// Signs out of everything.
export async function signOut(page, portal) {
  await page.goto(`${portal}sign-out`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor();
}

/// Adds a person as an administrator; the enrolment link.
export async function addPerson(page, portal, { username, name, groups }) {
  await page.goto(`${portal}admin/people`);
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Name to show').fill(name);
  await page.getByLabel(/^Groups \(/).fill(groups);
  await page.getByRole('button', { name: 'Add and make an enrolment link' }).click();
  return (await page.locator('.link').innerText()).trim();
}
