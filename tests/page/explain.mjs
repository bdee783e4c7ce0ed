// The story of a device: from its page by a link, in both languages, without script, on a phone.
import { PHONE, assert, base, finish, fits, go, known, open, publish, shot, text, until } from "./support.mjs";

publish("meter/meter-7", { voltage: { value: 0.2315, unit: "kV" }, relative_humidity: 140 });
await known("meter-7");
publish("meter/meter-7", { voltage: 231, "<b>no</b>": 1 });
publish("meter/meter-7", '{"voltage": <script>alert(1)</script>');
const story = async () => (await fetch(base + "/v1/devices/meter-7/explain")).json();
await until(async () => (await story()).verdict.code === "refused", "the refusal is told");

const page = await open(PHONE, { script: false });
await go(page, "/d/meter-7");
await page.click("a[href='/d/meter-7/explain']");
await page.waitForURL("**/d/meter-7/explain");
assert.match(await text(page, "#verdict"), /its last uplink was refused/);
// Newest first: the refused one, the one with a refused part, the first.
assert.match(await text(page, "#uplink0 h2"), /Refused/);
assert.match(await text(page, "#uplink1"), /<b>no<\/b>/);
assert.match(await text(page, "#uplink2"), /231\.5/);
assert.match(await text(page, "#uplink2"), /outside what is plausible/);
assert.match(await text(page, "#uplink2"), /meter\/meter-7/);
assert.match(await text(page, "#uplink2"), /durable in the log at/);
assert.match(await text(page, "#uplink2"), /history is past it since/);
assert.match(await text(page, "#around"), /MQTT|mqtt/);
await fits(page);
await shot(page, "explain-360");

// The bytes, and back.
await page.locator("#uplink2 .more a").click();
await page.waitForURL("**/d/meter-7/t/u*");

await go(page, "/d/meter-7/explain");
await page.click(".lang");
assert.equal(await page.locator("html").getAttribute("lang"), "zh-Hans");
assert.match(await text(page, "#verdict"), /最近一条上报被拒/);
assert.match(await text(page, "#uplink2"), /已写入日志/);
await fits(page);
await shot(page, "explain-360-zh");

// Nobody of this name, and who is like it.
const nobody = await fetch(base + "/d/meter-8/explain");
assert.equal(nobody.status, 404);
const told = await nobody.text();
assert.match(told, /Never heard\. No uplink with this name has reached this gateway since/);
assert.match(told, /Was meter-7 meant\?/);
await page.finish();
await finish();
