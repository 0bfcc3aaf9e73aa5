import type { Principal } from "./scope.ts";

/** Where a socket enters a topic: everything with a higher number comes from now on. */
export type Entry = Readonly<{
  seq: number;
  /** What came since `since_seq` cannot be told any more, or is too much: load anew what the topic is about. */
  reset: boolean;
}>;

export type SubscriptionRequest = Readonly<{
  principal: Principal;
  topic: string;
  /** The last number that the client has seen; null: only what comes from now on. */
  since_seq: number | null;
  /** Called once, before the first event. */
  acknowledge(entry: Entry): void;
  send(frame: string): void;
}>;

export type Subscription = Readonly<{ end(): void }>;

/** What sockets need of who knows the events; implemented by the core. */
export type Events = Readonly<{
  /** Null when the topic does not exist, or is somebody else's. @throws when the database cannot be asked */
  subscribe(request: SubscriptionRequest): Promise<Subscription | null>;
  /** Something was written, here or elsewhere. */
  wake(): void;
  /** Tells nobody anything any more. */
  close(): void;
}>;

/** Which of these sessions still speak for their person in their business. */
export type FindLiving = (principals: readonly Principal[]) => Promise<ReadonlySet<Principal>>;
