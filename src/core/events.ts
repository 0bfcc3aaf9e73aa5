import type { Events, Subscription, SubscriptionRequest } from "../http/websocket-events.ts";
import { eventFrame } from "../http/websocket-frames.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { createFindTopic, type EventTopic } from "./event-topics.ts";
import { EventTail, type OutboxEvent } from "./event-tail.ts";
import { listTopicEvents } from "./statements.ts";

/** What a client may have missed and is told without loading anything anew. */
const REPLAY_MAX_EVENTS = 500;
const REPLAY_MAX_BYTES = 131_072;

/** One listener in one topic. */
type Listener = Subscription & {
  readonly key: string;
  readonly topic: string;
  readonly send: (frame: string) => void;
  /** The last event that it was sent, or that it knew before. */
  last: number;
  /** What came while it was told what it had missed; null once it was. */
  waiting: OutboxEvent[] | null;
};

/**
 * Tells who listens, on this replica, what the outbox says. Everything comes from the database in the order of its numbers,
 * so that a client may go on with any replica after the last number it saw.
 */
export function createEvents(
  deps: Pick<PlatformDeps, "db" | "log" | "clock" | "metrics">,
  topics: readonly EventTopic[],
): Events {
  const findTopic = createFindTopic(deps, topics);
  /** By business and topic. */
  const listeners = new Map<string, Set<Listener>>();
  const tell = (events: readonly OutboxEvent[]): void => {
    for (const event of events) {
      const found = listeners.get(keyOf(event.business_id, event.topic));
      if (found === undefined) continue;
      deps.metrics.sockets.told(event.age_ms / 1000, found.size);
      let frame: string | null = null;
      for (const listener of found) {
        if (listener.waiting !== null) listener.waiting.push(event);
        else if (event.seq > listener.last) {
          listener.last = event.seq;
          listener.send((frame ??= eventFrame(listener.topic, event.seq, event.data)));
        }
      }
    }
  };
  const tail = new EventTail(deps, tell);

  const leave = (listener: Listener): void => {
    const found = listeners.get(listener.key);
    if (found === undefined || !found.delete(listener)) return;
    if (found.size === 0) listeners.delete(listener.key);
    if (listeners.size === 0) tail.stop();
  };

  const join = (key: string, { topic, send }: SubscriptionRequest): Listener => {
    const listener: Listener = { key, topic, send, last: 0, waiting: [], end: () => leave(listener) };
    const found = listeners.get(key);
    if (found === undefined) listeners.set(key, new Set([listener]));
    else found.add(listener);
    return listener;
  };

  return {
    async subscribe(request) {
      const { principal, topic, since_seq } = request;
      const name = await findTopic(principal, topic);
      if (name === null) return null;
      // Among the listeners first: what is told from now on waits, so nothing is between it and what was missed.
      const listener = join(keyOf(principal.business_id, name), request);
      try {
        await tail.start();
        const position = tail.position ?? 0;
        const missed =
          since_seq === null ? null : await findMissed(deps, principal.business_id, name, since_seq);
        const from = missed === null ? position : (since_seq ?? position);
        request.acknowledge({ seq: from, reset: since_seq !== null && missed === null });
        catchUp(listener, from, missed ?? []);
        return listener;
      } catch (error) {
        leave(listener);
        throw error;
      }
    },
    wake: () => tail.wake(),
    close() {
      listeners.clear();
      tail.stop();
    },
  };
}

const keyOf = (business_id: string, topic: string): string => `${business_id}/${topic}`;

type Missed = Readonly<{ seq: number; data: string }>;

/** All in one turn, so that nothing comes in between. */
function catchUp(listener: Listener, from: number, missed: readonly Missed[]): void {
  listener.last = from;
  for (const { seq, data } of [...missed, ...(listener.waiting ?? [])]) {
    if (seq <= listener.last) continue;
    listener.last = seq;
    listener.send(eventFrame(listener.topic, seq, data));
  }
  listener.waiting = null;
}

/** What came in a topic after `since_seq`; null when that is more than is told again, or is not known any more. */
async function findMissed(
  { db }: Pick<PlatformDeps, "db">,
  business_id: string,
  topic: string,
  since_seq: number,
): Promise<Missed[] | null> {
  const after = String(since_seq);
  const limit_rows = REPLAY_MAX_EVENTS + 1;
  const rows = await db.fast.query(listTopicEvents, { business_id, topic, after, limit_rows });
  if (rows[0]?.is_whole !== true) return null;
  let bytes = 0;
  const missed: Missed[] = [];
  for (const { seq, data } of rows) {
    if (seq === null || data === null) continue;
    bytes += data.length;
    missed.push({ seq: Number(seq), data });
  }
  return missed.length > REPLAY_MAX_EVENTS || bytes > REPLAY_MAX_BYTES ? null : missed;
}
