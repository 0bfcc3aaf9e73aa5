import { afterAll, beforeAll, expect, test } from "bun:test";
import type { AnswerPiece, ChatQuestion } from "../../src/budget/chat-answerer.ts";
import { createProvider } from "../../src/budget/chat-provider.ts";
import { Problem } from "../../src/http/problem.ts";
import { type ChatProviderServer, startChatProvider } from "../helpers/chat-provider.ts";
import { failureOf } from "../helpers/failure.ts";

let server: ChatProviderServer;
let warnings: unknown[] = [];

beforeAll(() => {
  server = startChatProvider();
});
afterAll(() => server.stop());

/** Short for who never says anything; what is to be in time takes none, so a slow machine has ten seconds for it. */
const times = { first_ms: 10_000, idle_ms: 150 };

function ask(content: string, base_url = server.base_url, first_ms = times.first_ms) {
  warnings = [];
  const leaving = new AbortController();
  const provider = createProvider(
    { base_url, api_key: null, model: "m", answers_max: 9 },
    {
      prompt: () => Promise.resolve("prompt"),
      log: { warn: (line: unknown) => void warnings.push(line) },
      times: { ...times, first_ms },
    },
  );
  const question = { caller: { request_id: "r" }, turns: [{ role: "user", content }], sampling: {} };
  const pieces = provider.answer({ ...question, signal: leaving.signal } as unknown as ChatQuestion);
  return { pieces, leave: () => leaving.abort() };
}

const textOf = (piece: AnswerPiece | undefined): string | undefined =>
  piece !== undefined && "text" in piece ? piece.text : undefined;

async function left(call = server.calls.at(-1)): Promise<void> {
  const since = performance.now();
  while (call?.left_at === null) {
    if (performance.now() - since > 1_000) throw new Error("the service is still being asked");
    await Bun.sleep(5);
  }
}

test("a service that says nothing is given up, and left", async () => {
  const error = await failureOf(Array.fromAsync(ask("hang", server.base_url, 100).pieces));
  expect(error).toMatchObject({ code: "chat_unavailable", headers: { "retry-after": "5" } });
  expect(warnings).toEqual([{ request_id: "r", reason: "silent for too long" }]);
  await left();
});

test("one that falls silent is given up after what it said, and left", async () => {
  const { pieces } = ask("stalls");
  expect(textOf((await pieces.next()).value ?? undefined)).toBe("One");
  expect(await failureOf(pieces.next())).toBeInstanceOf(Problem);
  await left();
});

test("time in which nobody reads is not the service's", async () => {
  const { pieces } = ask("pieces");
  const words: (string | undefined)[] = [];
  for await (const piece of pieces) {
    words.push(textOf(piece));
    if (words.length === 1) await Bun.sleep(2 * times.idle_ms);
  }
  expect(words.join("")).toBe("You have ₦12,500 left. 🎉");
});

test("whoever breaks off leaves the service, while it is silent or while nobody reads", async () => {
  const silent = ask("hang");
  const pending = silent.pieces.next();
  while (server.calls.at(-1)?.body.messages[1]?.content !== "hang") await Bun.sleep(5);
  const call = server.calls.at(-1);
  silent.leave();
  expect(await failureOf(pending)).not.toBeInstanceOf(Problem);
  await left(call);
  const talking = ask("slow");
  await talking.pieces.next();
  await talking.pieces.return();
  await left();
  expect(warnings).toEqual([]);
});

test("a service that is not there is unavailable, and its address is not written down", async () => {
  const gone = startChatProvider();
  await gone.stop();
  expect(await failureOf(Array.fromAsync(ask("good", gone.base_url).pieces))).toMatchObject({
    code: "chat_unavailable",
  });
  expect(warnings).toHaveLength(1);
  expect(JSON.stringify(warnings)).not.toContain("127.0.0.1");
});
