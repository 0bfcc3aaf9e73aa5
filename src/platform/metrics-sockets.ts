import { Counter, Gauge, type Registry } from "prom-client";
import { Histogram } from "./histogram.ts";

/** From a change being told at once to what nobody should wait for, seconds. */
const LAG_BOUNDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** What is measured of WebSockets and of the events that they tell. */
export type SocketMetrics = Readonly<{
  /** How many are open, read at every scrape. */
  watch(open: () => number): void;
  /** One was closed, or cut off, or left. */
  closed(reason: string): void;
  /** An event that so many listen to was told so long after its change began. */
  told(seconds: number, listeners: number): void;
}>;

export function addSockets(registry: Registry): SocketMetrics {
  const closed = new Counter({
    name: "websocket_closes_total",
    help: "WebSockets that ended, by reason; client: it left",
    labelNames: ["reason"],
    registers: [registry],
  });
  const sent = new Counter({
    name: "websocket_events_total",
    help: "Events sent to those who listen on this replica",
    registers: [registry],
  });
  const lag = new Histogram({
    name: "websocket_event_lag_seconds",
    help: "Time from the beginning of a change to its event being told",
    bounds: LAG_BOUNDS,
    registry,
  }).series({});
  let open = (): number => 0;
  const connections = new Gauge({
    name: "websocket_connections",
    help: "WebSockets that are open",
    registers: [],
    collect() {
      this.set(open());
    },
  });
  registry.registerMetric(connections);
  return {
    watch: (count) => void (open = count),
    closed: (reason) => closed.inc({ reason }),
    told(seconds, listeners) {
      lag.observe(seconds);
      sent.inc(listeners);
    },
  };
}
