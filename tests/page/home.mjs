// The first page: search by id and last digits, counters that filter, paging, both languages, light and dark.
import { DESK, PHONE, assert, base, contrast, finish, fits, go, known, open, publish, shot, text, until } from "./support.mjs";

for (let at = 1000; at < 1030; at += 1) publish(`city/meter-${at}/json`, { active_energy_import: at });
publish("city/pole-0042/json", { lamp_on: true });
publish("city/<script>alert(1)</script>/json", "{}");
publish("city/meter-2222/json", '{"voltagee": 230');
await known("pole-0042");
await until(async () => (await (await fetch(base + "/strangers")).text()).includes("meter-2222"), "the stranger is shown");

for (const [viewport, lang, dark] of [
  [PHONE, "en-GB", false],
  [PHONE, "zh-CN", true],
  [DESK, "zh-CN", false],
  [DESK, "en-GB", true],
]) {
  const page = await open(viewport, { lang, dark });
  const response = await go(page, "/");
  assert.match(response.headers()["content-security-policy"], /default-src 'none'/);
  assert.equal(await page.locator("html").getAttribute("lang"), lang === "zh-CN" ? "zh-Hans" : "en");
  assert.ok((await text(page, "#strangers")).includes("meter-2222"));
  // And there only: what needs somebody is not hidden by who knocks.
  assert.ok(!(await text(page, "#list")).includes("meter-2222"));
  // The sentence that says what to do is in the reader's language.
  assert.match(await text(page, "#strangers"), lang === "zh-CN" ? /消息不完整/ : /ends too early/);
  assert.equal(await page.locator("#strangers script").count(), 0);
  await contrast(page);
  await shot(page, `home-${viewport.width}-${lang}-${dark ? "dark" : "light"}`);
  await page.finish();
}

const page = await open(PHONE);
await go(page, "/");

// One exact hit goes straight to the device; so does the only one that ends in these digits.
await page.fill("#q", "meter-1007");
await page.press("#q", "Enter");
await page.waitForURL("**/d/meter-1007");
await fits(page);
await go(page, "/");
await page.fill("#q", "0042");
await page.click("form button");
await page.waitForURL("**/d/pole-0042");

// Several hits are a list, paged.
await go(page, "/");
await page.fill("#q", "meter-10");
await page.click("form button");
await page.waitForURL("**/?q=meter-10");
await fits(page);
assert.equal(await page.locator("#list .rows > li").count(), 20);
await page.click("#list [rel=next]");
await page.waitForURL("**&after=*");
assert.equal(await page.locator("#list .rows > li").count(), 10);

// Nothing found leads to "just installed" with the same id.
await go(page, "/?q=nobody-here");
await page.locator("#list p a").first().click();
await page.waitForURL("**/new?id=nobody-here");

// A counter filters, and says so; the same again takes it back.
await go(page, "/");
await page.click("#counts a[href='/?state=online']");
await page.waitForURL("**/?state=online");
assert.equal(await page.locator("#counts [aria-current=true]").count(), 1);
assert.ok((await page.locator("#list .rows > li").count()) === 20);
await page.click("#counts [aria-current=true]");
await page.waitForURL(base + "/");
await page.click("#counts a[href='/?heard=1']");
assert.match(await text(page, "#list"), /meter-2222/);

// The switch stays over pages, in a cookie without anything about a person.
await page.click(".lang");
await until(async () => (await page.locator("html").getAttribute("lang")) === "zh-Hans", "Chinese");
assert.ok(page.url().endsWith("/?heard=1"), page.url());
await go(page, "/tunnel");
assert.match(await text(page, "h1"), /管廊/);
const cookies = await page.context().cookies();
assert.deepEqual(
  cookies.map(({ name, value, sameSite }) => [name, value, sameSite]),
  [["lang", "zh", "Lax"]],
);
await go(page, "/strangers");
await go(page, "/d/nobody-at-all");
assert.match(await text(page, "h1"), /没有/);
page.expectProblem(/404/);
await page.finish();

// A font of twice the size still fits.
const large = await open(PHONE);
await go(large, "/");
await large.evaluate(() => (document.documentElement.style.fontSize = "200%"));
await fits(large);
await shot(large, "home-360-large");
await large.goto(base + "/d/meter-1007");
await large.evaluate(() => (document.documentElement.style.fontSize = "200%"));
await fits(large);
await shot(large, "device-360-large");
await large.finish();
await finish();
