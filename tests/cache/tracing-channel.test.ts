import { expect, test } from "bun:test";
import { tracingChannel } from "node:diagnostics_channel";
import { completeTracingChannels } from "../../src/platform/cache/tracing-channel.ts";

test("Bun's tracing channels do not say yet whether anybody listens: tracing-channel.ts is still needed", async () => {
  const script = `process.stdout.write(String("hasSubscribers" in require("node:diagnostics_channel").tracingChannel("x")))`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  expect(await new Response(child.stdout).text()).toBe("false");
});

test("a tracing channel says whether anybody listens to any of its events", () => {
  completeTracingChannels();
  const channel = tracingChannel("test:heard");
  expect(channel.hasSubscribers).toBe(false);
  const listener = (): void => undefined;
  channel.asyncEnd.subscribe(listener);
  expect(channel.hasSubscribers).toBe(true);
  channel.asyncEnd.unsubscribe(listener);
  expect(channel.hasSubscribers).toBe(false);
});
