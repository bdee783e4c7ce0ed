// A phone that opens a login link, twice looked at, once used; and what it may see then.
import { PHONE, assert, base, finish, fits, go, open, shot, text } from "./support.mjs";

const link = process.env.CITYGATE_LINK;
for (const script of [true, false]) {
  const page = await open(PHONE, { script });
  page.expectProblem(/401/);
  await page.goto(base + "/");
  assert.match(await text(page, "h1"), /Log in/);
  await fits(page);
  await shot(page, "login-360");
  if (script) {
    // As a messenger's preview does.
    assert.equal((await fetch(base + link)).status, 200);
    await page.goto(base + link);
    assert.match(await text(page, "form"), /works once/);
    await fits(page);
    await shot(page, "login-360-link");
    await page.click("form button");
  } else {
    await page.fill("#code", process.env.CITYGATE_PASTED);
    await page.click("form button");
  }
  await page.waitForURL(base + "/");
  await go(page, "/?all=1");
  assert.match(await text(page, "#list"), /zq-g2-x/);
  assert.doesNotMatch(await page.content(), /zq-h2-x/);
  assert.equal(await page.locator("#gateway").count(), 0);
  await fits(page);
  const cookies = await page.context().cookies();
  const session = cookies.find((cookie) => cookie.name === "citygate_session");
  assert.ok(session.httpOnly && session.sameSite === "Lax");
  await page.click("footer form button");
  await page.waitForURL("**/login");
  await page.goto(base + "/");
  assert.match(await text(page, "h1"), /Log in/);
  await page.finish();
}
await finish();
