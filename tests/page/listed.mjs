// A device of the inventory that was never heard, an alias, a concentrator and what it carries, a stranger's row.
import { PHONE, assert, base, contrast, finish, fits, go, open, publish, shot, text, until } from "./support.mjs";

publish("meter/hub-1", { active_energy_import: 12.5 });
publish("meter/w-2", { active_energy_import: 3 });
publish("city/imei:868411056758799/json", { voltage: 230 });
const online = (id) =>
  until(async () => (await (await fetch(`${base}/v1/devices/${id}`)).json()).state === "DEVICE_STATE_ONLINE", `${id} is online`);
await online("hub-1");
await online("w-2");

const page = await open(PHONE);

// Never heard, and on the map all the same.
await go(page, "/d/w-1");
assert.match(await text(page, "#state summary"), /No data yet/);
assert.match(await text(page, "#place"), /Lixia pump house, north wall/);
assert.equal(await page.locator("#place a[href^='geo:']").getAttribute("href"), "geo:36.6512,117.1201");
const map = await page.locator("#place a[href^='geo:']").boundingBox();
assert.ok(map.height >= 44, `a thumb high: ${map.height}`);
await page.click("#about summary");
assert.match(await text(page, "#facts"), /Metering point\s+MP-77/);
assert.match(await text(page, "#facts"), /Multiplier \(CT x PT\)\s+1500/);
assert.match(await text(page, "#facts"), /imei:868411056758781/);
await fits(page);
await shot(page, "listed-360-never");

// An alias leads to the device, in the address and in the search.
await go(page, "/d/imei%3A868411056758781");
assert.equal(new URL(page.url()).pathname, "/d/w-1");
await go(page, "/?q=58781");
assert.equal(new URL(page.url()).pathname, "/d/w-1", "the only one found");

// A concentrator has all of its meters, with their states.
await go(page, "/d/hub-1");
assert.match(await text(page, "#children"), /3 devices/);
assert.match(await text(page, "#children"), /No data yet 2/);
assert.equal(await page.locator("#children ul.rows li").count(), 3);
await fits(page);
await shot(page, "listed-360-children");
await page.click("#children a[href*='state=never']");
await until(async () => (await page.locator("#list ul.rows li").count()) === 2, "two that were never heard");
await go(page, "/d/w-1");
await page.click("#facts a[href='/d/hub-1']");
assert.equal(new URL(page.url()).pathname, "/d/hub-1");

// Counters have them, and lead to them.
await go(page, "/");
assert.match(await text(page, "#counts"), /No data yet/);

// A stranger gets its row for the inventory.
await until(async () => (await (await fetch(base + "/new?id=imei%3A868411056758799")).text()).includes('id="csv"'), "the row to add");
await go(page, "/new?id=imei%3A868411056758799");
assert.match(await text(page, "#csv"), /^imei:868411056758799,,json,,$/);
await fits(page);
await shot(page, "listed-360-stranger");

await page.finish();

// In Chinese.
const chinese = await open(PHONE, { lang: "zh-CN", dark: true });
await go(chinese, "/d/w-1");
assert.match(await text(chinese, "#place"), /位置[\s\S]*在地图中打开/);
await contrast(chinese);
await shot(chinese, "listed-360-zh");
await chinese.finish();
await finish();
