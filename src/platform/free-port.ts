import { createServer } from "node:net";

/**
 * Below what systems give to outgoing connections (Linux from 32768, others from 49152): one of those would be taken by
 * any connection that is made before somebody listens on it.
 */
const [FIRST, LAST] = [10_000, 32_767];
const TRIES_MAX = 100;

/** A TCP port of 127.0.0.1 that nobody listens on, as of now. @throws when there is none */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (await isFree(port)) return port;
  }
  throw new Error("no port is free");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
