// TracingChannel.hasSubscribers: https://nodejs.org/api/diagnostics_channel.html#tracingchannelhassubscribers
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";

const EVENTS = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;

/**
 * Bun 1.4.5 has tracing channels without `hasSubscribers`. node-redis 6.3.1 then takes every one for listened to, and
 * traces every command for nobody: a copy of its arguments and several promises. What Node says is said here, until Bun
 * says it itself (then the test of this file fails, and the file can go).
 */
export function completeTracingChannels(): void {
  const prototype = Object.getPrototypeOf(tracingChannel("countinghouse:any")) as object;
  if ("hasSubscribers" in prototype) return;
  Object.defineProperty(prototype, "hasSubscribers", {
    configurable: true,
    get(this: TracingChannel) {
      return EVENTS.some((event) => this[event].hasSubscribers);
    },
  });
}
