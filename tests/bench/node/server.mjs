// What one would write in Node.js for the same job: fastify receives, Microsoft's client publishes. Measured by `make bench`.
//
// node server.mjs PORT TOPIC KEY
import { randomUUID } from "node:crypto";

import { AzureKeyCredential, EventGridPublisherClient } from "@azure/eventgrid";
import Fastify from "fastify";

const [port, topic, key] = process.argv.slice(2);
const BODY_BYTES_MAX = 1_536_000;
const VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent";

const client = new EventGridPublisherClient(topic, "EventGrid", new AzureKeyCredential(key), {
  allowInsecureConnection: true,
});

const handlers = new Map([
  ["request.blob.sas-url.create/1", signUrl],
  ["request.blob.copy/1", unsupported],
  ["request.blob.delete/1", unsupported],
  ["request.blob.tier.change/1", unsupported],
  ["request.blob.metadata.create/1", unsupported],
  ["request.blob.container.create/1", unsupported],
  ["request.blob.analysis.create/1", unsupported],
  ["request.encode.create/1", unsupported],
]);

function signUrl({ data }) {
  if (typeof data.blobUri !== "string" || !(data.secToLive > 0)) {
    return failure(data, "data.blobUri and data.secToLive are needed");
  }
  const sasUrl = `${data.blobUri}?sp=r&se=${data.secToLive}`;
  return answer("response.blob.sas-url.success", { sasUrl, operationContext: data.operationContext });
}

function unsupported({ data }) {
  return failure(data, "nothing is configured for this");
}

function failure(data, message) {
  return answer("response.failure", { message, operationContext: data.operationContext });
}

function acknowledgment({ id, eventType, data }) {
  return answer("response.acknowledge", { eventType, eventId: id, operationContext: data.operationContext });
}

function answer(eventType, data) {
  const id = randomUUID();
  return { id, eventType, subject: `/${eventType}/${id}`, eventTime: new Date(), dataVersion: "1.0", data };
}

function isEvent(event) {
  const isText = (value) => typeof value === "string";
  const { id, eventType, subject, dataVersion, data } = event ?? {};
  return [id, eventType, subject, dataVersion].every(isText) && typeof data === "object" && data !== null;
}

function handlerOf({ eventType, dataVersion }) {
  return handlers.get(`${eventType}/${dataVersion.split(".")[0]}`);
}

const server = Fastify({ bodyLimit: BODY_BYTES_MAX });

server.post("/api/EventGrid", async (request, reply) => {
  const events = request.body;
  if (!Array.isArray(events) || !events.every(isEvent)) {
    return reply.code(400).send("expected events");
  }
  if (events[0]?.eventType === VALIDATION) {
    return { validationResponse: events[0].data.validationCode };
  }
  const ours = events.filter(handlerOf);
  if (ours.length > 0) {
    await client.send(ours.map(acknowledgment));
    await client.send(ours.map((event) => handlerOf(event)(event)));
  }
  return reply.send();
});

await server.listen({ port: Number(port), host: "127.0.0.1" });
