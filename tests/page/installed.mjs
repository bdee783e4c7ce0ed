// "Just installed": a fresh device and a refused one, seen within seconds, in both languages.
import { PHONE, DESK, assert, contrast, finish, fits, go, open, publish, shot, text, until } from "./support.mjs";

const page = await open(PHONE);
await go(page, "/new");
await page.fill("#id", "meter-77");
await page.press("#id", "Enter");
await page.waitForURL("**/new?id=meter-77");
await fits(page);
assert.equal(await page.locator("#steps li.waits").count(), 3);
assert.match(await text(page, "#steps"), /Nothing of this name yet/);
await shot(page, "new-360-waiting");

// It is heard: the page says so by itself.
publish("city/meter-77/json", { gas_volume: 12.5 });
await until(async () => (await page.locator("#steps li.done").count()) === 3, "three steps are done");
assert.match(await text(page, "#steps"), /127\.0\.0\.1/);
assert.match(await text(page, "#steps"), /MQTT/);
await fits(page);
await shot(page, "new-360-done");
await page.click("#steps a[href='/d/meter-77']");
await page.waitForURL("**/d/meter-77");
await page.finish();

// A refused one: why, and what to do.
publish("city/meter-78/json", '{"gas_volume": 12');
for (const [viewport, lang, why, todo] of [
  [PHONE, "en-GB", /ends too early/, /Check the modem/],
  [PHONE, "zh-CN", /消息不完整/, /检查模组/],
  [DESK, "zh-CN", /消息不完整/, /检查模组/],
]) {
  const page = await open(viewport, { lang, dark: lang === "zh-CN" });
  await go(page, "/new?id=meter-78");
  await until(async () => (await page.locator("#steps li.failed").count()) === 2, "decode failed");
  assert.match(await text(page, "#steps"), why);
  assert.match(await text(page, "#steps"), todo);
  await fits(page);
  await contrast(page);
  await shot(page, `new-${viewport.width}-refused-${lang}`);
  await page.finish();
}

// Nobody of this name; somebody with one like it was heard.
publish("city/meter 79/json", "{}");
const near = await open(PHONE);
await go(near, "/new?id=meter-79");
await until(async () => (await near.locator("#near .row").count()) >= 1, "a name like it");
await fits(near);
await shot(near, "new-360-near");
await near.finish();
await finish();
