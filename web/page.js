// Live refresh, copying, values read off a chart. Everything else works without this file.
"use strict";
(() => {
  const main = document.getElementById("main");
  const byId = (id) => document.getElementById(id);
  const TIMEOUT_MS = 20000;
  const WAIT_MAX_MS = 60000;

  // --- Refresh: what changed since the ETag that names what is here ---------------------------------------------
  let target = main.dataset.live;
  let etag = main.dataset.etag;
  const everyMs = Number(main.dataset.every) * 1000;
  let failures = 0;
  let heardAt = new Date();
  let timer = 0;
  let asking = null;

  const clock = (at) => {
    try {
      return at.toLocaleTimeString("en-GB", { timeZone: main.dataset.zone });
    } catch {
      return at.toLocaleTimeString("en-GB");
    }
  };

  async function get(url, headers, signal) {
    const response = await fetch(url, { headers, cache: "no-store", signal });
    // The session is over: the page itself asks to log in.
    if (response.status === 401) location.reload();
    if (response.status !== 304 && !response.ok) throw new Error(String(response.status));
    return { etag: response.headers.get("ETag"), html: response.status === 304 ? "" : await response.text() };
  }

  const live = (url) => url + (url.includes("?") ? "&" : "?") + "live=1";

  function put(html) {
    const from = document.createElement("template");
    from.innerHTML = html;
    let after = null;
    for (const part of [...from.content.children]) {
      if (part.dataset.gone) {
        byId(part.dataset.gone)?.remove();
      } else if ("after" in part.dataset) {
        after = byId(part.dataset.after);
      } else {
        replace(part, after);
        after = null;
      }
    }
  }

  // What is open stays open, and what has the focus keeps it.
  function replace(part, after) {
    const old = byId(part.id);
    if (!old) {
      if (after) after.after(part);
      else main.append(part);
      adopt(part);
      return;
    }
    for (const open of old.querySelectorAll("details[open][id]")) {
      const same = part.querySelector("#" + CSS.escape(open.id));
      if (!same) continue;
      same.open = true;
      const had = open.querySelector(".detail");
      if (had) same.querySelector(".open")?.replaceWith(had);
    }
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && [...old.querySelectorAll("a,summary,button,[tabindex]")].indexOf(focused);
    const heights = old.offsetHeight;
    old.replaceWith(part);
    if (heights) part.classList.add("fresh");
    if (focused) part.querySelectorAll("a,summary,button,[tabindex]")[place]?.focus({ preventScroll: true });
    adopt(part);
  }

  function heard() {
    failures = 0;
    heardAt = new Date();
    document.body.classList.remove("is-lost");
    byId("lost").hidden = true;
    const asof = byId("asof");
    asof.textContent = asof.dataset.updated + " " + clock(heardAt);
  }

  function lost() {
    failures += 1;
    if (failures < 2) return;
    byId("since").textContent = clock(heardAt);
    byId("lost").hidden = false;
    document.body.classList.add("is-lost");
  }

  async function refresh(want) {
    clearTimeout(timer);
    if (document.hidden || !target) return;
    asking?.abort();
    const mine = (asking = new AbortController());
    const giveUp = setTimeout(() => mine.abort(), TIMEOUT_MS);
    const start = performance.now();
    try {
      const url = live(target) + (want ? "&want=" + want : "");
      const answer = await get(url, { "If-None-Match": etag }, mine.signal);
      if (answer.etag) etag = answer.etag;
      put(answer.html);
      heard();
    } catch {
      // Another look took its place, or nobody looks.
      if (mine !== asking || document.hidden) return;
      lost();
    } finally {
      clearTimeout(giveUp);
    }
    // A slow line gets time of its own: at most a fifth of it is ours.
    const took = performance.now() - start;
    const wait = Math.max(everyMs, took * 4) * 2 ** Math.min(failures, 4);
    timer = setTimeout(refresh, Math.min(wait, WAIT_MAX_MS));
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) asking?.abort();
    else refresh();
  });
  addEventListener("online", () => refresh());
  if (target && everyMs) timer = setTimeout(refresh, everyMs);

  // --- Chart: range and metric without leaving the page ---------------------------------------------------------
  main.addEventListener("click", (event) => {
    const link = event.target.closest("a.swap, a.metric");
    if (!link || !target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const url = new URL(link.href);
    const now = new URL(target, location.href);
    event.preventDefault();
    if (!url.searchParams.has("r") && now.searchParams.has("r")) url.searchParams.set("r", now.searchParams.get("r"));
    target = now.pathname + url.search;
    history.replaceState(null, "", target);
    refresh("chart");
    if (link.matches(".metric")) byId("chart")?.scrollIntoView({ block: "nearest" });
  });

  // --- Timeline: a row opens in place ---------------------------------------------------------------------------
  main.addEventListener(
    "toggle",
    async (event) => {
      const row = event.target;
      const link = row.open && row.dataset.src && row.querySelector(":scope > .open");
      if (!link) return;
      try {
        const answer = await get(live(row.dataset.src), {}, AbortSignal.timeout(TIMEOUT_MS));
        const from = document.createElement("template");
        from.innerHTML = answer.html;
        link.replaceWith(from.content);
      } catch {
        lost();
      }
    },
    true,
  );

  // --- Copy -----------------------------------------------------------------------------------------------------
  // The clipboard API needs a secure origin; a gateway on a field network often has none.
  async function copy(source) {
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
    }
  }
  main.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    await copy(byId(button.dataset.copy));
    const name = button.textContent;
    button.textContent = main.dataset.copied;
    setTimeout(() => (button.textContent = name), 2000);
  });

  // --- Chart: the value under the finger ------------------------------------------------------------------------
  function dots(path) {
    const numbers = path.getAttribute("d").replaceAll("h0", "").match(/-?[\d.]+/g) || [];
    const found = [];
    for (let at = 0; at + 1 < numbers.length; at += 2) found.push([Number(numbers[at]), Number(numbers[at + 1])]);
    return found;
  }
  function point(event) {
    const plot = event.target.closest?.(".plot");
    const svg = plot?.querySelector("svg");
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const { width, height } = svg.viewBox.baseVal;
    const x = ((event.clientX - box.left) / box.width) * width;
    const { low, high, from, to, unit } = svg.dataset;
    const range = high - low;
    const places = Math.max(0, Math.min(6, 3 - Math.ceil(Math.log10(range))));
    const texts = [];
    let column = null;
    for (const path of svg.querySelectorAll(".series")) {
      let best = null;
      for (const dot of dots(path)) if (!best || Math.abs(dot[0] - x) < Math.abs(best[0] - x)) best = dot;
      if (!best || Math.abs(best[0] - x) > width / 24) continue;
      column ??= best[0];
      const value = Number(high) - (best[1] / height) * range;
      texts.push((path.dataset.label ? path.dataset.label + " " : "") + value.toFixed(places));
    }
    plot.querySelectorAll(".cross,.tip").forEach((mark) => mark.remove());
    if (column === null) return;
    const at = new Date((Number(from) + (column / width) * (to - from)) * 1000);
    const day = to - from > 86400 ? at.toLocaleDateString("en-CA", { timeZone: zone() }).slice(5) + " " : "";
    const cross = document.createElement("i");
    cross.className = "cross";
    cross.style.left = (column / width) * 100 + "%";
    const tip = document.createElement("span");
    tip.className = "tip";
    tip.textContent = day + clock(at).slice(0, 5) + "  " + texts.join(" · ") + (unit ? " " + unit : "");
    tip.style[column > width / 2 ? "right" : "left"] =
      (column > width / 2 ? 100 - (column / width) * 100 : (column / width) * 100) + "%";
    plot.append(cross, tip);
  }
  function zone() {
    try {
      new Intl.DateTimeFormat("en", { timeZone: main.dataset.zone });
      return main.dataset.zone;
    } catch {
      return undefined;
    }
  }
  for (const kind of ["pointermove", "pointerdown"]) main.addEventListener(kind, point, { passive: true });
  main.addEventListener("pointerleave", () => document.querySelectorAll(".cross,.tip").forEach((mark) => mark.remove()));

  // What only a script can do is shown once there is one.
  function adopt(root) {
    root.querySelectorAll("button[data-copy], .with-script").forEach((part) => (part.hidden = false));
  }
  adopt(document);
})();
