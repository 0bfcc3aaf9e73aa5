import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chatJobs } from "../../src/budget/chat-jobs.ts";
import { lease_s } from "../../src/budget/chat-answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { type ChatMessage, chatter, chunksIn, eventsIn } from "../helpers/chat.ts";
import { type ChatProviderServer, goodWords, startChatProvider } from "../helpers/chat-provider.ts";
import { expectProblem } from "../helpers/problem.ts";

let provider: ChatProviderServer;
let api: TestApp;
let other: TestApp;
let chat: ReturnType<typeof chatter>;
const answer = goodWords.join("");

beforeAll(async () => {
  provider = startChatProvider();
  const env = { CHAT_BASE_URL: `${provider.base_url}/`, CHAT_API_KEY: "sk-test", CHAT_MODEL: "gpt-test" };
  api = await startTestApp({ env });
  const { database_url, alpha, bravo } = api;
  other = await startTestApp({ env: { ...env, REPLICA: "other" }, database_url, businesses: [alpha, bravo] });
  chat = chatter(api, await api.token(api.alpha.people.customer));
});
afterAll(async () => {
  await other.stop();
  await api.stop();
  await provider.stop();
});

/** Reads until a text has come. */
async function readUntil(response: Response, wanted: string) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the stream ended without ${wanted}: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  return { text, reader };
}

describe("a question in a thread", () => {
  test("is answered whole, with the tokens of its model, and the next one has it as context", async () => {
    const { thread_id, response } = await chat.ask("good one?", { stream: false });
    expect(response.status).toBe(201);
    const message = (await response.json()) as ChatMessage;
    expect(message).toMatchObject({
      thread_id,
      seq: 2,
      role: "assistant",
      content: answer,
      state: "complete",
      finish_reason: "stop",
      model: "gpt-test",
      prompt_tokens: 21,
      completion_tokens: 7,
    });
    const [question, kept] = await chat.messages(thread_id);
    expect(question).toMatchObject({ seq: 1, role: "user", content: "good one?", state: "complete" });
    expect(kept).toEqual(message);
    for (let n = 0; n < 11; n += 1) await chat.ask(`good ${n}`, { thread_id, stream: false });
    const call = provider.calls.at(-1);
    expect(call).toMatchObject({
      authorization: "Bearer sk-test",
      body: { model: "gpt-test", stream: true, stream_options: { include_usage: true } },
    });
    const [system, ...said] = call?.body.messages ?? [];
    expect(system?.role).toBe("system");
    // Twenty, the question among them: of nine and a half rounds before it.
    expect(said.map(({ content }) => content)).toEqual([
      answer,
      ...Array.from({ length: 9 }, (_, n) => [`good ${n + 1}`, answer]).flat(),
      "good 10",
    ]);
    expect((await chat.messages(thread_id, "?sort=-seq&limit=2")).map(({ seq }) => seq)).toEqual([24, 23]);
  });

  test("is streamed in OpenAI's chunks with the id of its message, stored before the end is told", async () => {
    const { thread_id, response } = await chat.ask("pieces of everything");
    expect(response.status).toBe(201);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const { chunks, content } = chunksIn(await response.text());
    expect(content).toBe(answer);
    expect(chunks[0]?.choices[0]).toMatchObject({ delta: { role: "assistant" }, finish_reason: null });
    expect(chunks.at(-1)?.choices[0]).toEqual({ index: 0, delta: {}, finish_reason: "stop" });
    const [question, kept] = await chat.messages(thread_id);
    expect(question?.content).toBe("pieces of everything");
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({ id: kept?.id, object: "chat.completion.chunk", model: "gpt-test" });
      expect(Math.abs(chunk.created - Date.now() / 1000)).toBeLessThan(60);
    }
    expect(kept).toMatchObject({ content: answer, state: "complete" });
    const events =
      await api.sql`select payload from core.outbox where topic = ${`chat:${thread_id}`} order by id`;
    const told = { thread_id, message_id: kept?.id ?? "" };
    expect(events.map(({ payload }: { payload: unknown }) => payload)).toEqual([
      { ...told, state: "streaming" },
      { ...told, state: "complete" },
    ]);
  });

  test("of a service that streams nothing, sends nulls, or has nothing to say is answered all the same", async () => {
    for (const [word, content] of [
      ["whole", "All at once"],
      ["nulls", "One"],
      ["empty", ""],
    ] as const) {
      const { response } = await chat.ask(word);
      expect(chunksIn(await response.text()).content).toBe(content);
      expect(await (await chat.ask(word, { stream: false })).response.json()).toMatchObject({ content });
    }
  });

  test("that a service does not take is refused before the first byte, kept as an error, and followed nowhere", async () => {
    for (const [word, wait_s] of [
      ["redirect", "5"],
      ["busy", "17"],
      ["broken", "5"],
      ["page", "5"],
      ["huge", "5"],
    ] as const) {
      for (const stream of [true, false]) {
        const { thread_id, response } = await chat.ask(word, { stream });
        expect(response.headers.get("retry-after")).toBe(wait_s);
        await expectProblem(response, "chat_unavailable");
        expect(await chat.messages(thread_id)).toMatchObject([
          { role: "user", content: word, state: "complete" },
          { role: "assistant", content: "", state: "error", finish_reason: null },
        ]);
      }
    }
    expect(provider.strayed).toEqual([]);
    expect(api.lines.join("")).not.toContain(provider.base_url);
  });

  test("whose answer breaks off ends with an error and without [DONE]; what came is kept", async () => {
    for (const [word, content] of [
      ["fails", "One, two"],
      ["breaks", "One, two"],
      ["garbage", "One"],
      ["shapeless", "One"],
    ] as const) {
      const { thread_id, response } = await chat.ask(word);
      expect(response.status).toBe(201);
      const text = await response.text();
      expect(text).not.toContain("[DONE]");
      expect(text).not.toContain("secret reason");
      const last = JSON.parse(eventsIn(text).at(-1) ?? "") as unknown;
      expect(last).toMatchObject({ error: { type: "server_error", code: "chat_unavailable" } });
      expect(await chat.ended(thread_id)).toMatchObject({ state: "error", content });
      await expectProblem((await chat.ask(word, { stream: false })).response, "chat_unavailable");
    }
  });

  test("that is answered without an end is cut at 50,000 characters, and the service is left", async () => {
    const { thread_id, response } = await chat.ask("flood");
    const { chunks, content } = chunksIn(await response.text());
    expect(content).toHaveLength(50_000);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("length");
    expect(await chat.ended(thread_id)).toMatchObject({
      state: "complete",
      finish_reason: "length",
      content,
    });
    await left(provider.calls.length - 1);
  });
});

/** When a call was left, which has to be within a second of now. */
async function left(at: number, since = performance.now()): Promise<number> {
  for (;;) {
    const left_at = provider.calls[at]?.left_at ?? null;
    if (left_at !== null) return left_at - since;
    if (performance.now() - since > 1_000) throw new Error("the service is still being asked");
    await Bun.sleep(5);
  }
}

describe("an answer that nobody wants", () => {
  test("stops when its client goes away, in a stream or not, and what there is of it is kept as aborted", async () => {
    for (const stream of [true, false]) {
      const leaving = new AbortController();
      const thread_id = await chat.thread();
      const asked = chat.ask("slow", { thread_id, stream, signal: leaving.signal });
      const at = provider.calls.length;
      if (stream) await readUntil((await asked).response, "word 2");
      while ((provider.calls[at]?.sent_bytes ?? 0) < 200) await Bun.sleep(5);
      const since = performance.now();
      leaving.abort();
      if (!stream) await asked.catch(() => {});
      expect(await left(at, since)).toBeLessThan(1_000);
      const message = await chat.ended(thread_id);
      expect(message).toMatchObject({ state: "aborted", finish_reason: null });
      expect(message.content).toStartWith("word 1 word 2 ");
      expect(performance.now() - since).toBeLessThan(1_500);
    }
  });

  test("is cancelled from here or from another replica, whose answer is the message with what there was", async () => {
    for (const where of [api, other]) {
      const { thread_id, response } = await chat.ask("slow");
      const { text, reader } = await readUntil(response, "word 3");
      const id = /"id":"([^"]+)"/.exec(text)?.[1] ?? "";
      const elsewhere = chatter(where, await where.token(where.alpha.people.customer));
      const path = `/threads/${thread_id}/messages/${id}/cancel`;
      const stranger = chatter(where, await where.token(where.alpha.people.owner));
      await expectProblem(stranger.call("POST", path), "not_found");
      const since = performance.now();
      const cancelled = (await (await elsewhere.call("POST", path)).json()) as { content: string };
      expect(cancelled).toMatchObject({ id, state: "aborted", finish_reason: null });
      expect(cancelled.content).toStartWith("word 1 word 2 word 3 ");
      await left(provider.calls.length - 1, since);
      let rest = text;
      for (let step = await reader.read(); !step.done; step = await reader.read())
        rest += new TextDecoder().decode(step.value);
      const { chunks } = chunksIn(rest);
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("cancelled");
      const again = await expectProblem(elsewhere.call("POST", path), "illegal_transition");
      expect(again).toMatchObject({ from: "aborted", to: "aborted", allowed: [] });
      await expectProblem(
        elsewhere.call("POST", `/threads/${thread_id}/messages/${crypto.randomUUID()}/cancel`),
        "not_found",
      );
    }
  });

  test("stops when its thread is deleted", async () => {
    const { thread_id, response } = await chat.ask("slow");
    const { reader } = await readUntil(response, "word 1");
    expect(
      (
        await chatter(other, await other.token(other.alpha.people.customer)).call(
          "DELETE",
          `/threads/${thread_id}`,
        )
      ).status,
    ).toBe(204);
    await left(provider.calls.length - 1);
    let rest = "";
    for (let step = await reader.read(); !step.done; step = await reader.read())
      rest += new TextDecoder().decode(step.value);
    expect(rest).toContain('"error"');
    await expectProblem(chat.call("GET", `/threads/${thread_id}/messages`), "not_found");
  });

  test("is ended as an error when its server is gone: its lease is over in less than half a minute", async () => {
    const { thread_id, response } = await chat.ask("good one?", { stream: false });
    const { id } = (await response.json()) as { id: string };
    const [row] =
      await api.sql`update budget.chat_messages set state = 'streaming', finish_reason = null, content = '',
      leased_until = now() + make_interval(secs => ${lease_s}) where id = ${id} returning leased_until`;
    expect(lease_s).toBeLessThan(30);
    const [job] = chatJobs(other.deps);
    await chat.messages(thread_id);
    await job?.run();
    expect(await chat.messages(thread_id)).toMatchObject([{}, { id, state: "streaming" }]);
    await api.sql`update budget.chat_messages set leased_until = ${row.leased_until}::timestamptz - interval '1 minute' where id = ${id}`;
    await job?.run();
    expect(await chat.ended(thread_id)).toMatchObject({ id, state: "error", content: "" });
  });
});
