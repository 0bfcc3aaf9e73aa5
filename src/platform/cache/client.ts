import { createClient, ErrorReply, RESP_TYPES } from "redis";
import { completeTracingChannels } from "./tracing-channel.ts";

completeTracingChannels();

/** One argument of a command. */
export type Argument = string | Buffer;

/** What the order plane asks of a Redis client: one connection to one server, made again by itself when it is lost. */
export interface RedisClient {
  /** Sends a command at once, or rejects when there is no connection. Bulk strings come as text or as bytes. */
  send(args: readonly Argument[], as: "text" | "bytes"): Promise<unknown>;
  /** Begins to connect, and goes on until `destroy`. `ready` is called at every connection, `lost` at every loss. */
  connect(events: { ready(): void; lost(reason: string): void }): void;
  /** What the server said when it refused a command; null when no server said anything. */
  refusal(error: unknown): string | null;
  /** Ends it; whatever it still owes rejects. */
  destroy(): void;
}

export type ClientOptions = Readonly<{ random(): number }>;

export type MakeClient = (url: string, options: ClientOptions) => RedisClient;

const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } as const;

/** Options with which a node-redis 6.3.1 client survives a hung or absent server. */
export const survivingOptions = (random: () => number) =>
  ({
    // The default, said aloud: replies keep their types.
    RESP: 3,
    // `timeout` covers only commands not yet written and costs a timer each (PR #3008). Deadlines are ours.
    commandOptions: { timeout: 0 },
    // With Redis away commands would queue for ever and requests hang (#2205).
    disableOfflineQueue: true,
    // Bounds memory while the server does not answer; far above the calls a replica has in flight.
    commandsQueueMaxLength: 8192,
    // A push protocol of Redis Enterprise: one handshake error less, and nothing may relax our timeouts.
    maintNotifications: "disabled",
    // Keeps the socket from being idle; must be below socketTimeout or quiet connections would be cut.
    pingInterval: 2000,
    socket: {
      connectTimeout: 2000,
      // Idle time, not command time: it ends connections whose server is gone without a word.
      socketTimeout: 5000,
      // The default gives up for good after a socket timeout. This one never does, and its jitter spreads a fleet.
      reconnectStrategy: (retries: number) =>
        Math.min(50 * 2 ** Math.min(retries, 5), 1000) + Math.floor(random() * 100),
    },
  }) as const;

/** A client of one connection, with these options. */
export function makeRedisClient(url: string, { random }: ClientOptions): RedisClient {
  const client = createClient({ url, ...survivingOptions(random) });
  return {
    send: (args, as) => (as === "bytes" ? client.sendCommand(args, BYTES) : client.sendCommand(args)),
    connect(events) {
      // Without a listener an error would end the process.
      client.on("error", (error: Error) => events.lost(error.message));
      client.on("end", () => events.lost("closed"));
      client.on("ready", () => events.ready());
      client.connect().catch((error: unknown) => events.lost(String(error)));
    },
    refusal: (error) => (error instanceof ErrorReply ? error.message : null),
    destroy: () => {
      try {
        client.destroy();
      } catch {
        // Closed already.
      }
    },
  };
}
