// A browser that notes everything a page must not do, and a device that publishes over MQTT.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { chromium } from "playwright-core";

export { assert };
export const base = process.env.CITYGATE_PAGE;
const port = process.env.CITYGATE_MQTT;
const shots = process.env.CITYGATE_SHOTS;

export const PHONE = { width: 360, height: 740 };
export const DESK = { width: 1280, height: 800 };
/// Nothing here takes so long on a loaded machine.
const PATIENCE_MS = 30_000;

const browser = await chromium.launch({
  executablePath: process.env.CITYGATE_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
  ],
});

/// Opens a page; `lang` is the browser's. Problems are collected until `close`.
export async function open(viewport, { lang = "en-GB", dark = false, script = true } = {}) {
  const context = await browser.newContext({
    viewport,
    locale: lang,
    colorScheme: dark ? "dark" : "light",
    javaScriptEnabled: script,
    hasTouch: viewport.width < 500,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems = [];
  const expected = [];
  page.on("console", (said) => {
    if (["error", "warning"].includes(said.type())) problems.push(`console: ${said.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base + "/") && !url.startsWith("data:")) problems.push(`request: ${url}`);
  });
  page.expectProblem = (pattern) => expected.push(pattern);
  page.finish = async () => {
    const bad = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
    assert.deepEqual(bad, []);
    await context.close();
  };
  return page;
}

/// Goes there, and looks whether everything fits.
export async function go(page, path) {
  const response = await page.goto(base + path);
  await fits(page);
  return response;
}

/// Nothing wider than the screen, and nothing tapped smaller than 44 px.
export async function fits(page) {
  const seen = await page.evaluate(() => {
    const root = document.documentElement;
    const small = [];
    for (const one of document.querySelectorAll("a, button, summary, input")) {
      const box = one.getBoundingClientRect();
      // Links within sentences are as high as their line.
      const inline = getComputedStyle(one).display === "inline";
      if (box.height && !inline && !one.matches(".skip") && box.height < 43.5) small.push(`${one.outerHTML.slice(0, 120)} is ${box.height}`);
    }
    return { over: root.scrollWidth - root.clientWidth, small };
  });
  assert.ok(seen.over <= 0, `${page.url()} is ${seen.over} px too wide`);
  assert.deepEqual(seen.small, [], page.url());
}

/// Every text stands out from its ground as WCAG 2.1 AA asks (1.4.3).
export async function contrast(page) {
  const weak = await page.evaluate(() => {
    const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => {
      const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const ground = (one) => {
      for (let at = one; at; at = at.parentElement) {
        const color = rgb(getComputedStyle(at).backgroundColor);
        if (color.length === 3 || color[3] > 0) return color;
      }
      return [255, 255, 255];
    };
    const weak = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const one = node.parentElement;
      if (!node.data.trim() || !one.checkVisibility() || one.closest("svg, .quiet, .unseen, .skip")) continue;
      const style = getComputedStyle(one);
      const [a, b] = [light(rgb(style.color)), light(ground(one))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (ratio < (large ? 3 : 4.5)) weak.push(`${node.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return weak;
  });
  assert.deepEqual(weak, [], page.url());
}

export async function shot(page, name) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

/// Publishes each payload with QoS 1 and waits for the acknowledgements.
export function publish(topic, ...payloads) {
  const lines = payloads.map((payload) => (typeof payload === "string" ? payload : JSON.stringify(payload)));
  const client = topic.split("/")[1];
  const args = ["-p", port, "-q", "1", "-V", "mqttv311", "-i", `${client}-pub`, "-t", topic, "-l"];
  const done = spawnSync("mosquitto_pub", args, { input: lines.join("\n") + "\n", encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
}

/// Asks until the answer is as it should be.
export async function until(ask, what) {
  const start = Date.now();
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() - start < PATIENCE_MS, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/// Waits until the gateway's page of a device is there.
export const known = (id) =>
  until(async () => (await fetch(`${base}/d/${encodeURIComponent(id)}`)).status === 200, `${id} is known`);

export const text = (page, selector) => page.locator(selector).first().innerText();

export async function finish() {
  await browser.close();
}
