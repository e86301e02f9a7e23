// OpenAI's client for Node, by Node's own test runner. WHIT_URL and WHIT_KEY say where the server is.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.WHIT_URL}/v1`, apiKey: process.env.WHIT_KEY, maxRetries: 0 });
const model = process.env.WHIT_MODEL;
const messages = [{ role: "user", content: "Who has seen the wind?" }];
const asked = { model, messages, max_tokens: 16, temperature: 0 };

test("a stream says what the whole answer says", async () => {
  const whole = await client.chat.completions.create(asked);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  assert.equal(text, whole.choices[0].message.content);
});

test("the client's helper puts a stream together", async () => {
  const final = await client.chat.completions.stream(asked).finalChatCompletion();
  assert.ok(final.choices[0].message.content);
});

test("a tool that must be called is called, and its arguments fit", async () => {
  const parameters = {
    type: "object",
    properties: { days: { type: "integer", minimum: 1, maximum: 7 } },
    required: ["days"],
    additionalProperties: false,
  };
  const answer = await client.chat.completions.create({
    ...asked,
    max_tokens: 200,
    tools: [{ type: "function", function: { name: "forecast", parameters, strict: true } }],
    tool_choice: "required",
    parallel_tool_calls: false,
  });
  const call = answer.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, "forecast");
  const { days } = JSON.parse(call.function.arguments);
  assert.ok(days >= 1 && days <= 7);
});

test("a schema is kept", async () => {
  const schema = {
    type: "object",
    properties: { calm: { type: "boolean" } },
    required: ["calm"],
    additionalProperties: false,
  };
  const answer = await client.chat.completions.create({
    ...asked,
    max_tokens: 100,
    response_format: { type: "json_schema", json_schema: { name: "wind", schema, strict: true } },
  });
  assert.equal(typeof JSON.parse(answer.choices[0].message.content).calm, "boolean");
});

test("embeddings", async () => {
  const { data } = await client.embeddings.create({ model, input: ["the wind", "the trees"] });
  assert.equal(data.length, 2);
  assert.ok(data[0].embedding.length > 0);
});

test("a client that goes away is no error for the next", async () => {
  const stream = await client.chat.completions.create({ ...asked, max_tokens: 400, stream: true });
  for await (const _ of stream) break;
  stream.controller.abort();
  assert.ok((await client.chat.completions.create(asked)).choices[0].message.content);
});

test("errors are those the client knows", async () => {
  await assert.rejects(client.chat.completions.create({ ...asked, model: "no-such-model" }), OpenAI.NotFoundError);
  await assert.rejects(client.chat.completions.create({ ...asked, temperature: 9 }), OpenAI.BadRequestError);
});
