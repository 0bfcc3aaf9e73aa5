import type { Argument, RedisClient } from "./client.ts";
import type { NodeDeps } from "./node.ts";
import { readRoutes, type Route } from "./routes.ts";

const DEADLINE_MS = 1000;

export type AskDeps = Pick<NodeDeps, "makeClient" | "timer" | "random">;

type Send = (args: readonly Argument[]) => Promise<unknown>;

/**
 * Asks one server over a connection of its own, which is closed again.
 *
 * @param deadline_ms for connecting and all answers together
 * @throws {Error} when the server is not there, refuses, or is too slow
 */
export async function askOnce<T>(
  deps: AskDeps,
  url: string,
  ask: (send: Send) => Promise<T>,
  deadline_ms: number = DEADLINE_MS,
): Promise<T> {
  const client: RedisClient = deps.makeClient(url, { random: deps.random });
  let cancel: () => void = () => {};
  try {
    const deadline = new Promise<never>((_, reject) => {
      cancel = deps.timer.after(deadline_ms, () => reject(new Error("deadline")));
    });
    const ready = new Promise<void>((resolve, reject) => {
      client.connect({ ready: resolve, lost: (reason) => reject(new Error(reason)) });
    });
    await Promise.race([ready, deadline]);
    return await Promise.race([ask((args) => client.send(args, "text")), deadline]);
  } finally {
    cancel();
    client.destroy();
  }
}

/** What a node of a Cluster says about who serves which slots. @throws as `askOnce` */
export const askRoutes = (deps: AskDeps, url: string): Promise<Route[]> =>
  askOnce(deps, url, (send) => readRoutes(send, url));
