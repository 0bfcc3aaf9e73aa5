import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { chatter, chunksIn } from "../helpers/chat.ts";
import { type ChatProviderServer, goodWords, startChatProvider } from "../helpers/chat-provider.ts";
import { expectProblem } from "../helpers/problem.ts";

let provider: ChatProviderServer;
let api: TestApp;
let token: string;
let chat: ReturnType<typeof chatter>;
const answer = goodWords.join("");

type Thread = { id: string; title: string | null; messages: number; version: number };

beforeAll(async () => {
  provider = startChatProvider();
  api = await startTestApp({
    env: {
      CHAT_BASE_URL: provider.base_url,
      CHAT_MODEL: "gpt-test",
      RATE_LIMIT_ENABLED: "true",
      RATE_LIMIT_PER_MINUTE: "10000",
      RATE_LIMIT_PER_HOUR: "10000",
      RATE_LIMIT_PER_DAY: "10000",
      CHAT_RATE_LIMIT_PER_MINUTE: "20",
    },
  });
  token = await api.token(api.alpha.people.operator);
  chat = chatter(api, token);
});
afterAll(async () => {
  await api.stop();
  await provider.stop();
});

const complete = (body: object, signedIn = token) =>
  api.send("POST", "/api/v1/chat/completions", { token: signedIn, body });
const user = (content: unknown) => ({ role: "user", content });

test("a thread is made once a key, renamed and deleted by its version, and shows its first question until it has a title", async () => {
  const headers = { "idempotency-key": crypto.randomUUID() };
  const make = () => api.send("POST", "/api/v1/chat/threads", { token, body: {}, headers });
  const made = await make();
  const { id, ...rest } = (await made.json()) as Thread;
  expect(made.headers.get("location")).toBe(`/api/v1/chat/threads/${id}`);
  expect(rest).toMatchObject({ title: null, messages: 0, version: 1 });
  expect(((await (await make()).json()) as Thread).id).toBe(id);
  const question = "What is left of my money for food and drink? ".repeat(3);
  await chat.ask(question, { thread_id: id, stream: false });
  const path = `/api/v1/chat/threads/${id}`;
  const read = await api.send("GET", path, { token });
  expect(await read.json()).toMatchObject({ title: question.slice(0, 80), messages: 2, version: 1 });
  const etag = read.headers.get("etag") ?? "";
  const rename = (headers: Record<string, string>, title: string | null = "Groceries") =>
    api.send("PATCH", path, { token, body: { title }, headers });
  await expectProblem(rename({}), "precondition_required");
  const renamed = await rename({ "if-match": etag });
  expect(await renamed.json()).toMatchObject({ title: "Groceries", version: 2 });
  await expectProblem(rename({ "if-match": etag }), "precondition_failed");
  expect(await (await rename({ "if-match": "*" }, null)).json()).toMatchObject({
    title: question.slice(0, 80),
  });
  await expectProblem(rename({ "if-match": "*" }, " "), "validation");
  await expectProblem(api.send("DELETE", path, { token }), "precondition_required");
  await expectProblem(
    api.send("DELETE", path, { token, headers: { "if-match": etag } }),
    "precondition_failed",
  );
  expect((await chat.call("DELETE", `/threads/${id}`)).status).toBe(204);
  for (const gone of [
    chat.call("GET", `/threads/${id}`),
    chat.call("GET", `/threads/${id}/messages`),
    chat.call("DELETE", `/threads/${id}`),
    chat.call("PATCH", `/threads/${id}`, { body: { title: "x" } }),
    chat.call("POST", `/threads/${id}/messages`, { body: { content: "x" } }),
  ]) {
    await expectProblem(gone, "not_found");
  }
  const trail = await api.sql`select action, before::text || after::text as told from core.audit_log
    where entity_id = ${id} order by id`;
  expect(trail.map(({ action }: { action: string }) => action)).toEqual([
    "chat_thread.created",
    "chat_thread.updated",
    "chat_thread.updated",
    "chat_thread.deleted",
  ]);
  const [{ words }] =
    await api.sql`select string_agg(a::text, ' ') as words from core.audit_log a where entity_type like 'chat%'`;
  expect(words).not.toContain("Groceries");
  expect(words).not.toContain("What is left");
});

test("threads come with the latest question first, page by page, and are nobody else's in any way", async () => {
  const manager = chatter(api, await api.token(api.alpha.people.manager));
  const ids: string[] = [];
  for (let n = 0; n < 3; n += 1) ids.push(await manager.thread());
  const [first = ""] = ids;
  await manager.ask("good?", { thread_id: first, stream: false });
  const list = async (query: string) =>
    (await (await manager.call("GET", `/threads${query}`)).json()) as {
      data: Thread[];
      meta: { next_cursor: string | null };
    };
  const page = await list("?limit=2");
  const next = await list(`?limit=2&cursor=${page.meta.next_cursor}`);
  expect([...page.data, ...next.data].map(({ id }) => id)).toEqual([first, ids[2] ?? "", ids[1] ?? ""]);
  expect(next.meta.next_cursor).toBeNull();
  const messages = await manager.messages(first);
  for (const stranger of [chat, chatter(api, await api.token(api.bravo.people.manager))]) {
    const cursor = encodeURIComponent(page.meta.next_cursor ?? "");
    await expectProblem(stranger.call("GET", `/threads?limit=2&cursor=${cursor}`), "invalid_cursor");
    for (const [method, path, body] of [
      ["GET", ""],
      ["PATCH", "", { title: "mine" }],
      ["DELETE", ""],
      ["GET", "/messages"],
      ["POST", "/messages", { content: "mine" }],
      ["POST", `/messages/${messages[1]?.id}/cancel`],
    ] as const) {
      const options = body === undefined ? {} : { body };
      await expectProblem(stranger.call(method, `/threads/${first}${path}`, options), "not_found");
    }
    const theirs = (await (await stranger.call("GET", "/threads")).json()) as { data: Thread[] };
    expect(theirs.data.map(({ id }) => id)).not.toContain(first);
  }
  await expectProblem(
    complete({ messages: [user("x")], thread_id: first }, await api.token(api.alpha.people.admin)),
    "not_found",
  );
  expect(await manager.messages(first)).toEqual(messages);
});

test("a completion takes and gives OpenAI's format, stores its question in a new thread, in a named one, or not at all", async () => {
  const mine = await api.token(api.alpha.people.agent);
  const asked = {
    model: "whatever",
    temperature: 0.2,
    max_tokens: 100,
    stop: ["END"],
    user: "u-1",
    n: 1,
    messages: [
      { role: "developer", content: "Be brief." },
      ...Array.from({ length: 24 }, (_, n) => ({
        role: n % 2 === 0 ? "user" : "assistant",
        content: `turn ${n}`,
      })),
      user([
        { type: "text", text: "good" },
        { type: "text", text: "one?" },
      ]),
    ],
  };
  const response = await complete(asked, mine);
  const { id, ...body } = (await response.json()) as { id: string };
  expect(body).toMatchObject({
    object: "chat.completion",
    model: "gpt-test",
    choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }],
    usage: { prompt_tokens: 21, completion_tokens: 7, total_tokens: 28 },
  });
  const sent = provider.calls.at(-1)?.body;
  expect(sent).toMatchObject({ model: "gpt-test", temperature: 0.2, max_tokens: 100, stop: ["END"] });
  expect(sent).not.toHaveProperty("user");
  const [ours, ...said] = sent?.messages ?? [];
  expect(ours?.role).toBe("system");
  expect(said).toHaveLength(20);
  expect(said[0]).toEqual({ role: "system", content: "Be brief." });
  expect(said[1]).toEqual({ role: "user", content: "turn 6" });
  expect(said.at(-1)).toEqual({ role: "user", content: "good\none?" });
  const thread_id = response.headers.get("x-chat-thread") ?? "";
  const agent = chatter(api, mine);
  expect(await agent.messages(thread_id)).toMatchObject([{ content: "good\none?" }, { id, content: answer }]);

  const streamed = await complete(
    {
      messages: [user("good")],
      stream: true,
      stream_options: { include_usage: true },
      thread_id: thread_id.toUpperCase(),
    },
    mine,
  );
  expect(streamed.status).toBe(200);
  const { chunks, content } = chunksIn(await streamed.text());
  expect(content).toBe(answer);
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 28 } });
  expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  expect((await agent.messages(thread_id)).map(({ content: each }) => each)).toEqual([
    "good\none?",
    answer,
    "good",
    answer,
  ]);

  const [{ before }] = await api.sql`select count(*) as before from budget.chat_messages`;
  const forgotten = await complete({ messages: [user("good")], store: false, stream: true }, mine);
  expect(forgotten.headers.has("x-chat-thread")).toBe(false);
  const plain = chunksIn(await forgotten.text());
  expect(plain.content).toBe(answer);
  expect(plain.chunks.every((each) => !("usage" in each))).toBe(true);
  const [{ after }] = await api.sql`select count(*) as after from budget.chat_messages`;
  expect(after).toBe(before);
});

test("what is too long, unknown or no question is refused, and nothing of it is stored", async () => {
  const mine = await api.token(api.alpha.people.compliance);
  const long = "x".repeat(8_001);
  const [{ before }] = await api.sql`select count(*) as before from budget.chat_messages`;
  for (const body of [
    {},
    { messages: [] },
    { messages: [{ role: "assistant", content: "hello" }] },
    { messages: [user(long)] },
    { messages: [user("")] },
    { messages: [user([{ type: "image_url", image_url: { url: "https://example.com" } }])] },
    { messages: [{ role: "tool", content: "x" }] },
    { messages: [user("x")], n: 2 },
    { messages: [user("x")], base_url: "http://169.254.169.254/" },
    { messages: Array.from({ length: 201 }, () => user("x")) },
  ]) {
    await expectProblem(complete(body, mine), "validation");
  }
  const thread = await chatter(api, mine).thread();
  for (const body of [{}, { content: long }, { content: " " }, { content: "x", role: "system" }]) {
    await expectProblem(
      chatter(api, mine).call("POST", `/threads/${thread}/messages`, { body }),
      "validation",
    );
  }
  const [{ after }] = await api.sql`select count(*) as after from budget.chat_messages`;
  expect(after).toBe(before);
});

test("the twenty-first call of a minute is refused, whichever of the two ways it is asked", async () => {
  const mine = await api.token(api.alpha.people.clerk);
  const thread = await chatter(api, mine).thread();
  const ask = (n: number) =>
    n % 2 === 0
      ? complete({ messages: [user("good")], store: false }, mine)
      : chatter(api, mine).call("POST", `/threads/${thread}/messages`, { body: { content: "good" } });
  const statuses: number[] = [];
  for (let n = 0; n < 20; n += 1) statuses.push((await ask(n)).status);
  expect(new Set(statuses)).toEqual(new Set([200, 201]));
  for (const n of [20, 21]) {
    const refused = await ask(n);
    expect(refused.headers.get("ratelimit-policy")).toContain('"chat";q=20;w=60');
    await expectProblem(refused, "rate_limited");
  }
  expect((await chatter(api, mine).call("GET", "/threads")).status).toBe(200);
});
