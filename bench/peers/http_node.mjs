// The same job in Node: fetch, which is undici, and as many workers as there may be requests at a time
//
//     node http_node.mjs IDS OUT URL CONCURRENCY      IDS holds {"id": n} lines; URL ends before the id
import { readFileSync, writeFileSync } from "node:fs";

const [ids, out, url, concurrency] = process.argv.slice(2);
const records = readFileSync(ids, "utf8").trimEnd().split("\n").values();
const lines = [];

async function work() {
  for (const line of records) {
    const record = JSON.parse(line);
    const answer = await fetch(url + record.id);
    if (!answer.ok) throw new Error(`${url}${record.id}: ${answer.status}`);
    record.ref = (await answer.json()).customer.ref;
    lines.push(JSON.stringify(record) + "\n");
  }
}

await Promise.all(Array.from({ length: Number(concurrency) }, work));
writeFileSync(out, lines.join(""));
