// Without script: every task still works, by links and forms.
import { PHONE, assert, base, finish, fits, go, known, open, publish, shot, text, until } from "./support.mjs";

const now = Math.floor(Date.now() / 1000);
for (let at = 20; at > 0; at -= 1) publish("city/meter-7/json", { ts: now - at * 600, voltage: 230 + (at % 3) });
publish("city/meter-7/json", { active_power: 4.2, voltage: 231 });
publish("city/meter-8/json", "[1,2");
await known("meter-7");
await until(async () => (await (await fetch(base + "/strangers")).text()).includes("meter-8"), "the stranger");

const page = await open(PHONE, { script: false });
await go(page, "/");
await page.fill("#q", "eter-7");
await page.click("form button");
await page.waitForURL("**/d/meter-7");
assert.equal(await page.locator("button[data-copy]").isVisible(), false, "a button without script is hidden");
assert.match(await text(page, "#now0"), /4\.2/);
await page.click("#state summary");
assert.ok(await page.locator("#why p").isVisible());
await page.locator("#now0 a[href^='?m=voltage']").first().click();
await page.waitForURL("**m=voltage**");
assert.match(await text(page, "#chart h2"), /Voltage/);
await page.click("#chart a[href*='r=30d']");
await page.waitForURL("**r=30d**");
assert.ok((await page.locator("#chart path.series").count()) >= 1);
await fits(page);
await shot(page, "plain-360-device");

// A row of the timeline is a link to a page of its own, and back.
const row = page.locator(".timeline details").first();
await row.locator("summary").click();
await row.locator("a.open").click();
await page.waitForURL("**/d/meter-7/t/*");
assert.match(await text(page, "main"), /active_power/);
await fits(page);
await shot(page, "plain-360-entry");
await page.locator("main a").first().click();
await page.waitForURL("**/d/meter-7");

// Just installed: looks again on a link.
await go(page, "/new");
await page.fill("#id", "meter-8");
await page.click("form button");
await page.waitForURL("**/new?id=meter-8");
assert.equal(await page.locator("#steps li.failed").count(), 2);
await page.click("#again a");
await page.waitForURL("**/new?id=meter-8");
await fits(page);

// A payload that is pasted: read by a shipped profile, piece by piece.
await page.click("main a[href='/decode']");
await page.waitForURL("**/decode");
await page.fill("#payload", "01 75 64\n0367 1901 0468 73");
await page.fill("#profile", "milesight");
await page.click("form.decode button");
await page.waitForSelector("#pieces");
assert.match(await text(page, "#result"), /28\.1/);
assert.match(await text(page, "#pieces"), /byte 0/);
assert.equal(await page.locator("#profile").inputValue(), "milesight", "the form keeps what was typed");
await fits(page);
await shot(page, "plain-360-decode");
// Frames of meters have long names and many bytes: nothing is cut, and bytes are read in lines, not in columns.
const frame = "fe fe fe fe 68 61 01 00 00 00 00 68 91 18 33 32 34 33 59 33 33 33 44 33 33 33 45 33 33 33 35 33 33 33 34 33 33 33 ef 16";
await page.fill("#payload", frame);
await page.fill("#profile", "dlt645");
await page.click("form.decode button");
await page.waitForSelector("#pieces");
assert.match(await text(page, "#result"), /0\.26/);
const cells = await page.evaluate(() => {
  const right = (one) => one.getBoundingClientRect().right;
  const all = [...document.querySelectorAll("#result td, #result th, #pieces td, #pieces th")];
  const cut = all.filter((cell) => right(cell) > right(cell.closest("section")) + 0.5).map((cell) => cell.textContent);
  const wide = Math.min(...[...document.querySelectorAll("#pieces tbody td:nth-child(2)")].map((cell) => cell.clientWidth));
  const tall = Math.max(...[...document.querySelectorAll("#result td.age")].map((cell) => {
    const lines = document.createRange();
    lines.selectNodeContents(cell);
    return new Set([...lines.getClientRects()].map((line) => line.top)).size;
  }));
  return { cut, wide, tall };
});
assert.deepEqual(cells.cut, [], "cells that are cut");
assert.ok(cells.wide >= 180, `bytes have ${cells.wide} px`);
assert.ok(cells.tall <= 2, `times are broken into ${cells.tall} lines`);
await fits(page);
await shot(page, "plain-360-decode-frames");
await page.fill("#payload", "01 7x");
page.expectProblem(/400/);
await page.click("form.decode button");
await page.waitForSelector("[role=alert]");
assert.match(await text(page, "[role=alert]"), /`x` at byte 4 is no hexadecimal digit/);
await go(page, "/new?id=meter-8");

// The language, by a link and a cookie.
await page.click(".lang");
assert.equal(await page.locator("html").getAttribute("lang"), "zh-Hans");
await go(page, "/");
assert.match(await text(page, "#strangers"), /未接收/);
await page.finish();
await finish();
