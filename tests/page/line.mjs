// One bar of signal: 50 kbit/s and 800 ms. What comes over the line, and what is said when nothing comes.
import { PHONE, assert, base, finish, go, known, open, publish, shot, text, until } from "./support.mjs";

const FIRST_LOAD_MAX = 30_000;
const REFRESH_MAX = 2_048;

const metrics = ["voltage", "current", "active_power", "frequency", "power_factor", "active_energy_import"];
const values = (n) => Object.fromEntries(metrics.map((metric, at) => [metric, 50 + ((n * 7 + at) % 10) / 10]));
for (let at = 0; at < 20; at += 1) publish(`city/meter-${at}/json`, values(at), '{"voltagee":', values(at + 1));
await known("meter-19");

const page = await open(PHONE);
const cdp = await page.context().newCDPSession(page);
await cdp.send("Network.enable");
const slow = { offline: false, latency: 800, downloadThroughput: 50_000 / 8, uploadThroughput: 50_000 / 8 };
await cdp.send("Network.emulateNetworkConditions", slow);

// Bytes on the wire, heads included.
const sizes = new Map();
const urls = new Map();
cdp.on("Network.requestWillBeSent", ({ requestId, request }) => urls.set(requestId, request.url));
cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
const loaded = (live) =>
  [...sizes].filter(([id]) => urls.get(id)?.startsWith("http") && urls.get(id).includes("live=1") === live).map(([, size]) => size);

for (const path of ["/", "/d/meter-3"]) {
  sizes.clear();
  await cdp.send("Network.clearBrowserCache");
  const start = Date.now();
  await go(page, path);
  const first = loaded(false).reduce((sum, size) => sum + size, 0);
  console.log(`${path}: first load ${first} B in ${Date.now() - start} ms at 50 kbit/s and 800 ms`);
  assert.ok(first > 3_000 && first <= FIRST_LOAD_MAX, `${path}: first load ${first} B`);
  sizes.clear();
  for (let round = 0; round < 2; round += 1) {
    const before = loaded(true).length;
    publish("city/meter-3/json", values(round + 30), '{"voltagee":');
    await until(() => loaded(true).length > before, "a refresh");
  }
  console.log(`${path}: refreshes ${loaded(true)} B`);
  for (const size of loaded(true)) assert.ok(size <= REFRESH_MAX, `${path}: a refresh of ${size} B`);
}

// A page that the browser has is not sent again.
const first = await fetch(base + "/new");
const again = await fetch(base + "/new", { headers: { "If-None-Match": first.headers.get("etag") } });
assert.ok(again.status === 304 || new Date().getSeconds() < 2, `status ${again.status}`);
// Nothing changed: an empty answer.
const all = await fetch(base + "/d/meter-5?live=1");
assert.match(await all.text(), /id="state"/);

// The line is gone: it is said, with the time, and the page is not taken for fresh. Then it is back.
await page.goto(base + "/d/meter-3");
await cdp.send("Network.emulateNetworkConditions", { ...slow, offline: true });
page.expectProblem(/ERR_INTERNET_DISCONNECTED/);
await until(async () => await page.locator("#lost").isVisible(), "the loss is said");
assert.match(await text(page, "#lost"), /No connection since \d\d:\d\d:\d\d/);
await shot(page, "lost-360");
await cdp.send("Network.emulateNetworkConditions", { ...slow, offline: false });
await until(async () => !(await page.locator("#lost").isVisible()), "it is back");
assert.match(await text(page, "#asof"), /Updated \d\d:\d\d:\d\d/);
await page.finish();
await finish();
