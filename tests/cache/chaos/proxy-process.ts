/**
 * The network between the workers and Redis, a process of its own so that the checker's work delays nobody: one port
 * for each worker, each of which can be slow, silent, closed, lead elsewhere, or answer nonsense.
 */
import type { Socket } from "bun";
import { pick, seeded } from "./random.ts";

export type LinkMode =
  | Readonly<{ is: "open" }>
  | Readonly<{ is: "slow"; by_ms: number }>
  /** Anything from at once to so late. */
  | Readonly<{ is: "uneven"; up_to_ms: number }>
  | Readonly<{ is: "silent" }>
  | Readonly<{ is: "closed" }>
  | Readonly<{ is: "garbage" }>;

export type ProxyCommand =
  | Readonly<{ do: "listen"; targets: readonly number[]; seed: number }>
  | Readonly<{ do: "mode"; links: readonly number[]; mode: LinkMode; cut: boolean }>
  | Readonly<{ do: "lead"; links: readonly number[]; target: number }>;

type End = {
  far: Socket<End> | null;
  link: Link;
  isClient: boolean;
  /** What the socket did not take yet. */
  out: Uint8Array[];
  /** What came before there was anyone to pass it on to. */
  early: Uint8Array[];
  /** What is on its way, in order, with the instant at which it arrives. */
  late: { at: number; data: Uint8Array }[];
};
type Link = { target: number; mode: LinkMode; sockets: Set<Socket<End>> };

const links: Link[] = [];
let random = Math.random;

/** What a server out of its mind may say. */
const nonsense = (data: Uint8Array): Uint8Array =>
  pick(random, [
    () => Uint8Array.from(data, () => Math.floor(random() * 256)),
    () => data.subarray(0, Math.floor(data.length / 2)),
    () => Buffer.from(":1\r\n"),
    () => Buffer.from("+OK\r\n"),
    () => Buffer.from("_\r\n"),
    () => Buffer.from("*2\r\n$1\r\nx\r\n:7\r\n"),
    () => Buffer.from("-ERR out of my mind\r\n"),
  ])();

function write(socket: Socket<End>, data: Uint8Array): void {
  const { out } = socket.data;
  if (out.length > 0) return void out.push(data);
  const sent = socket.write(data);
  if (sent < data.length) out.push(data.subarray(Math.max(sent, 0)));
}

function drain(socket: Socket<End>): void {
  const { out } = socket.data;
  for (let next = out[0]; next !== undefined; next = out[0]) {
    const sent = socket.write(next);
    if (sent < next.length) {
      out[0] = next.subarray(Math.max(sent, 0));
      return;
    }
    out.shift();
  }
}

function forward(from: Socket<End>, data: Uint8Array): void {
  const { far, link, isClient, early } = from.data;
  const { mode } = link;
  if (mode.is === "silent") return;
  if (far === null) return void early.push(Uint8Array.from(data));
  const bytes = mode.is === "garbage" && !isClient ? nonsense(data) : data;
  const { late } = from.data;
  // Half of the delay in each direction; nothing overtakes what is under way.
  let delay_ms = mode.is === "slow" ? mode.by_ms / 2 : 0;
  if (mode.is === "uneven") delay_ms = random() < 0.7 ? 0 : random() * mode.up_to_ms;
  if (delay_ms === 0 && late.length === 0) return write(far, bytes);
  late.push({ at: performance.now() + delay_ms, data: Uint8Array.from(bytes) });
  if (late.length === 1) setTimeout(() => arrive(from.data), delay_ms);
}

function arrive(end: End): void {
  const { far, late } = end;
  const now = performance.now();
  while (late[0] !== undefined && late[0].at <= now + 0.5) {
    const [next] = late.splice(0, 1);
    if (far !== null && next !== undefined) write(far, next.data);
  }
  if (late[0] !== undefined) setTimeout(() => arrive(end), Math.max(late[0].at - now, 1));
}

const handler = {
  data: (socket: Socket<End>, data: Uint8Array) => forward(socket, data),
  drain,
  close(socket: Socket<End>) {
    socket.data.link.sockets.delete(socket);
    // A silent network says nothing of closed connections either.
    if (socket.data.link.mode.is !== "silent") socket.data.far?.end();
  },
  error: () => {},
};

function listen(target: number): number {
  const link: Link = { target, mode: { is: "open" }, sockets: new Set() };
  links.push(link);
  const listener = Bun.listen<End>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      ...handler,
      open(client) {
        client.data = { far: null, link, isClient: true, out: [], early: [], late: [] };
        link.sockets.add(client);
        if (link.mode.is === "closed") client.end();
        else connect(client, link).catch(() => client.end());
      },
    },
  });
  return listener.port;
}

async function connect(client: Socket<End>, link: Link): Promise<void> {
  const server = await Bun.connect<End>({
    hostname: "127.0.0.1",
    port: link.target,
    data: { far: client, link, isClient: false, out: [], early: [], late: [] },
    socket: handler,
  });
  link.sockets.add(server);
  client.data.far = server;
  for (const data of client.data.early.splice(0)) forward(client, data);
}

// Nobody is left to obey.
process.on("disconnect", () => process.exit(1));
process.on("message", (command: ProxyCommand) => {
  if (command.do === "listen") {
    random = seeded(command.seed);
    process.send?.({ ports: command.targets.map(listen) });
    return;
  }
  for (const at of command.links) {
    const link = links[at];
    if (link === undefined) continue;
    if (command.do === "lead") link.target = command.target;
    else link.mode = command.mode;
    if (command.do === "lead" || command.cut) for (const socket of link.sockets) socket.end();
  }
  process.send?.({ done: true });
});
