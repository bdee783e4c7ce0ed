// npm's coap against a gateway: coap_peer.js PORT SCENARIO. A line of JSON per answer.
"use strict";
const path = require("node:path");
const coap = require(path.join(__dirname, "..", "node_modules", "coap"));

const [port, scenario] = [Number(process.argv[2]), process.argv[3]];

function ask(options, body) {
  return new Promise((resolve, reject) => {
    const request = coap.request({ hostname: "127.0.0.1", port, ...options });
    request.on("response", (response) => {
      const said = { code: response.code, text: response.payload.toString(), separate: response._packet.confirmable };
      console.log(JSON.stringify(said));
      resolve(response);
    });
    request.on("timeout", reject);
    request.on("error", reject);
    if (body !== undefined) request.setOption("Content-Format", "application/json");
    if (options.block1 !== undefined) request.setOption("Block1", options.block1);
    if (options.block2 !== undefined) request.setOption("Block2", options.block2);
    request.end(body);
  });
}

const reading = (value) => JSON.stringify({ voltage: 230, active_energy_import: value });

const scenarios = {
  async uplinks() {
    for (const method of ["POST", "PUT"]) {
      for (const confirmable of [true, false]) {
        await ask({ method, confirmable, pathname: "/t/meter-7/json" }, reading(1));
      }
    }
    // Over 1,280 bytes the module wants to be told the size of its blocks: 512.
    const readings = Array.from({ length: 200 }, (_, at) => ({ ts: 1795420800 + at, active_energy_import: at }));
    await ask({ method: "POST", pathname: "/t/meter-8/json", block1: Buffer.from([0x05]) }, JSON.stringify(readings));
  },
  async errors() {
    await ask({ method: "POST", pathname: "/t/meter-7/json" }, JSON.stringify({ voltagee: 1 }));
    await ask({ method: "GET", pathname: "/t/meter-7/json" });
    await ask({ method: "DELETE", pathname: "/nothing" });
  },
  async discovery() {
    // It knows no Echo. In blocks of 16 bytes an answer is short enough without one.
    await ask({ method: "GET", pathname: "/.well-known/core", block2: Buffer.from([0x00]) });
  },
  async slow() {
    await ask({ method: "POST", pathname: "/t/meter-7/json" }, reading(1));
  },
};

scenarios[scenario]().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
