// One round of what programs do with NATS, with the client for JavaScript. Prints one JSON object.
import { connect, headers, StringCodec } from "nats";

const [, , servers, token] = process.argv;
const text = StringCodec();
const nc = await connect({ servers, token, timeout: 10000, maxReconnectAttempts: 0 });
const seen = { plain: [], queue: [0, 0], header: null, reply: null, denied: null, limited: 0 };

(async () => {
  for await (const status of nc.status()) {
    if (status.type === "error") seen.denied = String(status.data);
  }
})();

const plain = nc.subscribe("grid.npm.*", { callback: (_, m) => seen.plain.push(`${m.subject} ${text.decode(m.data)}`) });
for (const member of [0, 1]) {
  nc.subscribe("grid.npmqueue", { queue: "workers", callback: () => seen.queue[member]++ });
}
nc.subscribe("grid.npmheader", { callback: (_, m) => { seen.header = m.headers?.get("Unit"); } });
nc.subscribe("grid.npmask", { callback: (_, m) => m.respond(text.encode(`you said ${text.decode(m.data)}`)) });
nc.subscribe("grid.npmlimited", { max: 2, callback: () => seen.limited++ });
await nc.flush();

for (let i = 0; i < 3; i++) nc.publish("grid.npm.value", text.encode(`v${i}`));
for (let i = 0; i < 10; i++) nc.publish("grid.npmqueue", text.encode("work"));
for (let i = 0; i < 5; i++) nc.publish("grid.npmlimited");
const extra = headers();
extra.set("Unit", "volt");
nc.publish("grid.npmheader", text.encode("230"), { headers: extra });
const answer = await nc.request("grid.npmask", text.encode("hello"), { timeout: 10000 });
seen.reply = text.decode(answer.data);
nc.publish("kernel.ready", text.encode("forged"));
await nc.flush();
// What was published before the request has been delivered by its answer or comes with the next round trips.
for (let round = 0; round < 1000 && (seen.plain.length < 3 || seen.header === null || seen.queue[0] + seen.queue[1] < 10 ||
     seen.limited < 2 || seen.denied === null); round++) await nc.flush();
plain.unsubscribe();
console.log(JSON.stringify(seen));
await nc.close();
