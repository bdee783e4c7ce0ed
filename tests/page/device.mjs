// The page of a device: rule, values, chart, timeline, summary; a tunnel's gases.
import { DESK, PHONE, assert, base, contrast, finish, fits, go, known, open, publish, shot, text, until } from "./support.mjs";

const now = Math.floor(Date.now() / 1000);
const at = (secs) => now - (now % 60) - secs;

// A day of 10-minute values with a hole of five hours, and a phase each.
const day = [];
for (let ago = 23 * 3600; ago > 0; ago -= 600) {
  if (ago < 14 * 3600 && ago > 9 * 3600) continue;
  const value = (phase) => Math.round((230 + 3 * Math.sin(ago / 5000 + phase)) * 100) / 100;
  day.push({
    ts: at(ago),
    voltage: [
      { value: value(0), labels: { phase: "a" } },
      { value: value(2), labels: { phase: "b" } },
    ],
    active_energy_import: Math.round((5000 - ago / 100) * 100) / 100,
  });
}
publish("meter/meter-7", ...day, { voltage: { value: 231.5, labels: { phase: "a" } }, active_power: 4.2 });
publish("meter/meter-7", { voltage: 231, nonsense: 1, "<b>": 2 });
publish("meter/meter-7", '{"voltage": <script>alert(1)</script>');
// Values of two hours ago, one a minute: no current ones.
publish("city/old-1/json", ...Array.from({ length: 12 }, (_, n) => ({ ts: at(7200 - n * 60), air_temperature: 20 + n })));
publish("tunnel/tunnel-1", { oxygen: 20.8, methane_lel: 31, hydrogen_sulfide: 0.5 });
await known("meter-7");
await known("old-1");
await known("tunnel-1");
await until(async () => (await (await fetch(base + "/d/meter-7")).text()).includes("s-refused"), "the reject is in the timeline");

const page = await open(PHONE);
await go(page, "/d/meter-7");

// The state says its rule on tap.
assert.match(await text(page, "#state summary"), /Online/);
await page.click("#state summary");
assert.match(await text(page, "#why p"), /Last heard|Heard within/);

// Values with age; the newest voltage of phase a is the last one.
assert.match(await text(page, "#now0"), /Active power\s+4\.2\s+kW/);
assert.match(await text(page, "#now0"), /phase a/);

// The chart has two phases and a gap in each, and the ranges change without leaving the page.
await page.locator("#now0 a[href^='?m=voltage']").first().click();
await until(async () => /Voltage/.test(await text(page, "#chart h2")), "the chart of the voltage");
assert.ok((await page.locator("#chart path.series").count()) >= 4, "two lines and two keys");
const line = await page.locator("#chart .plot path[data-label=a]").first().getAttribute("d");
assert.ok((line.match(/M/g) ?? []).length >= 2, `no gap in ${line}`);
assert.equal(await page.locator("#why[open]").count(), 1, "what was open stays open");
await shot(page, "device-360-voltage");
await page.click("#chart a[href*='r=7d']");
await until(async () => (await text(page, "#chart .ranges [aria-current]")) === "7 d", "seven days");
assert.match(page.url(), /m=voltage&r=7d/);
await fits(page);

// A finger on the chart reads a value.
const plot = await page.locator("#chart .plot").boundingBox();
for (let share = 0.5; share < 1; share += 0.02) {
  await page.mouse.move(plot.x + plot.width * share, plot.y + plot.height / 2);
  if (await page.locator(".tip").count()) break;
}
assert.match(await text(page, ".tip"), /\d\d:\d\d .*2[23]\d\.\d/);

// A row of the timeline opens bytes and decode in place; what is refused says why, and nothing in it is markup.
const refused = page.locator(".timeline details:has(.is-refused)").first();
await refused.locator("summary").click();
await until(async () => (await refused.locator(".detail").count()) === 1, "the row opens");
assert.match(await refused.innerText(), /<script>alert\(1\)<\/script>/);
assert.match(await refused.innerText(), /What to do|Compare the profile/);
await refused.locator(".hex summary").click();
assert.match(await refused.locator(".hex pre").innerText(), /^0000 {2}7b 22 76 6f/);
await fits(page);
await shot(page, "device-360-timeline");
const good = page.locator(".timeline details:has(.is-uplink)").first();
await good.locator("summary").click();
await until(async () => (await good.locator(".detail").count()) === 1, "the row opens");
assert.match(await good.innerText(), /Voltage voltage\s+231\sV/);

// New values come by themselves, and the row stays open.
publish("meter/meter-7", { active_power: 7.75 });
await until(async () => /7\.75/.test(await text(page, "#now0")), "the refresh");
assert.ok((await page.locator(".timeline .detail").count()) >= 1, "open rows stay open");
assert.equal(await text(page, "#chart .ranges [aria-current]"), "7 d", "a refresh leaves the chart alone");

// The summary is copied.
await page.click("button[data-copy]");
await until(async () => /Copied/.test(await text(page, "button[data-copy]")), "copied");
assert.match(await text(page, "#line"), /^meter-7 .*Online; last heard 20/);
await page.finish();

// What is old is not shown as current.
const old = await open(PHONE, { lang: "zh-CN" });
await go(old, "/d/old-1");
assert.match(await text(old, "#now0"), /没有当前值/);
assert.match(await text(old, "#old0"), /小时.*前/);
await shot(old, "device-360-old-zh");
await old.finish();

for (const [viewport, lang, dark] of [
  [DESK, "en-GB", false],
  [DESK, "zh-CN", true],
  [PHONE, "zh-CN", true],
]) {
  const page = await open(viewport, { lang, dark });
  await go(page, "/d/meter-7?m=voltage");
  await contrast(page);
  await shot(page, `device-${viewport.width}-${lang}-${dark ? "dark" : "light"}`);
  await go(page, "/d/tunnel-1");
  const gases = await text(page, "#gases");
  assert.match(gases, lang === "zh-CN" ? /远程数据不能代替进入前的现场气体检测/ : /do not replace detection on site/);
  assert.match(gases, lang === "zh-CN" ? /一氧化碳 CO\s+无数据/ : /Carbon monoxide CO\s+no value/);
  assert.equal(await page.locator("#gases .alarm").count() >= 1, true, "methane is beyond its limit");
  await contrast(page);
  await shot(page, `tunnel-device-${viewport.width}-${lang}-${dark ? "dark" : "light"}`);
  await go(page, "/tunnel");
  await shot(page, `tunnel-${viewport.width}-${lang}-${dark ? "dark" : "light"}`);
  await page.finish();
}
await finish();
