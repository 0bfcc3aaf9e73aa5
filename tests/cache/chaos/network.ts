import { join } from "node:path";
import type { LinkMode, ProxyCommand } from "./proxy-process.ts";

/** The network to a Redis: links, by their number, each a port that leads to a server. One request at a time. */
export type Network = Readonly<{
  /** Ports that lead to these, in order. */
  listen(targets: readonly number[], seed: number): Promise<number[]>;
  /** `cut` ends the connections that exist. */
  link(links: readonly number[], mode: LinkMode, cut?: boolean): Promise<void>;
  lead(links: readonly number[], target: number): Promise<void>;
  stop(): Promise<void>;
}>;

type Answer = { ports?: number[] };

/** Starts the network as a process of its own, so that the work of whoever breaks it delays nobody. */
export function startNetwork(): Network {
  let answered: (answer: Answer) => void = () => {};
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "proxy-process.ts")], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    ipc: (answer: Answer) => answered(answer),
  });
  const tell = async (command: ProxyCommand): Promise<Answer> => {
    const answer = new Promise<Answer>((resolve) => (answered = resolve));
    child.send(command);
    return answer;
  };
  return {
    listen: async (targets, seed) => (await tell({ do: "listen", targets, seed })).ports ?? [],
    link: async (links, mode, cut = false) => void (await tell({ do: "mode", links, mode, cut })),
    lead: async (links, target) => void (await tell({ do: "lead", links, target })),
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
