import { describe, expect, test } from "bun:test";
import { eventStream, eventText, EventTooLong, readEvents } from "../../src/http/sse.ts";
import { failureOf } from "../helpers/failure.ts";

async function* bytes(parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) {
    await Promise.resolve();
    yield typeof part === "string" ? new TextEncoder().encode(part) : part;
  }
}
const read = async (parts: readonly (string | Uint8Array)[], limit_characters = 1_000): Promise<string[]> =>
  Array.fromAsync(readEvents(bytes(parts), { limit_characters }));

describe("reading", () => {
  const text =
    "\uFEFF: hello\r\ndata: one\r\n\r\ndata:two\ndata: ₦\n\nid: 7\nevent: x\ndata: 🎉 three\r\rdata\n\n\n\ndata: never ended";
  const events = ["one", "two\n₦", "🎉 three", ""];

  test("lines end in CR, LF or both; comments, other fields and what was not ended are no events", async () => {
    expect(await read([text])).toEqual(events);
  });

  test("it is the same text wherever it is cut, in the middle of characters and line ends too", async () => {
    const whole = new TextEncoder().encode(text);
    for (const size of [1, 2, 3, 5, 7]) {
      const parts = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
        whole.slice(at * size, (at + 1) * size),
      );
      expect(await read(parts)).toEqual(events);
    }
  });

  test("a line, or an event of many lines, that is longer than anybody writes is not kept", async () => {
    expect(await failureOf(read(["data: ", ..."x".repeat(50).split("")], 40))).toBeInstanceOf(EventTooLong);
    expect(
      await failureOf(
        read(
          Array.from({ length: 30 }, () => "data: yy\n"),
          40,
        ),
      ),
    ).toBeInstanceOf(EventTooLong);
    expect(await read([`data: ${"x".repeat(30)}\n\n`.repeat(20)], 40)).toHaveLength(20);
  });
});

describe("writing", () => {
  const streamOf = (next: () => Promise<string | null>, options: { heartbeat_ms?: number } = {}) => {
    const leaving = new AbortController();
    const seen = { asked: 0, left: 0 };
    const source = {
      next: () => ((seen.asked += 1), next()),
      left: () => void (seen.left += 1),
    };
    const response = eventStream(source, { signal: leaving.signal, ...options });
    return { response, seen, leave: () => leaving.abort() };
  };

  test("events come as they are asked for, never ahead of the reader", async () => {
    const texts = ["a", "b"].map(eventText);
    const { response, seen } = streamOf(() => Promise.resolve(texts.shift() ?? null));
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    await Bun.sleep(5);
    expect(seen.asked).toBe(0);
    const reader = response.body?.getReader();
    await reader?.read();
    await Bun.sleep(5);
    expect(seen.asked).toBe(1);
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("data: b\n\n");
    expect((await reader?.read())?.done).toBe(true);
    expect(seen).toEqual({ asked: 3, left: 0 });
  });

  test("a source that has nothing to say is waited for with heartbeats, and asked once", async () => {
    const late = Promise.withResolvers<string | null>();
    const { response, seen } = streamOf(() => late.promise, { heartbeat_ms: 5 });
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    for (let n = 0; n < 3; n += 1) {
      expect(decoder.decode((await reader?.read())?.value)).toBe(": ping\n\n");
    }
    expect(seen.asked).toBe(1);
    late.resolve("data: at last\n\n");
    expect(decoder.decode((await reader?.read())?.value)).toBe("data: at last\n\n");
  });

  test("a client that leaves is told to the source once, by whichever way it shows", async () => {
    const { response, seen, leave } = streamOf(() => new Promise(() => {}));
    const pending = response.body?.getReader();
    void pending?.read();
    leave();
    await pending?.cancel();
    expect(seen.left).toBe(1);
    const gone = streamOf(() => Promise.resolve(null));
    expect(await gone.response.text()).toBe("");
    gone.leave();
    expect(gone.seen.left).toBe(0);
  });
});
