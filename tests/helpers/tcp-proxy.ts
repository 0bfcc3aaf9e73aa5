import type { Socket } from "bun";

/**
 * A TCP proxy that can be slow, or go silent, as a router does that forgot a connection: nothing arrives, nothing is
 * closed.
 */
export type TcpProxy = {
  /** `url`, through the proxy. */
  url: string;
  /** Existing connections carry nothing any more; new ones work. */
  blackHole(): void;
  /** From now on everything that the server says arrives so much later. */
  delay(by_ms: number): void;
  stop(): void;
};

type Link = { other: Socket<Link> | null; early: Uint8Array[]; silent: boolean; is_server: boolean };

export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const links = new Set<Link>();
  let delay_ms = 0;
  const handler = {
    data(socket: Socket<Link>, data: Uint8Array) {
      const { silent, other, early, is_server } = socket.data;
      if (silent) return;
      if (other === null) early.push(Uint8Array.from(data));
      else if (!is_server || delay_ms === 0) other.write(data);
      else setTimeout((late: Uint8Array) => other.write(late), delay_ms, Uint8Array.from(data));
    },
    close: (socket: Socket<Link>) => void socket.data.other?.end(),
    error: () => {},
  };
  const newLink = (is_server = false): Link => {
    const link: Link = { other: null, early: [], silent: false, is_server };
    links.add(link);
    return link;
  };
  const listener = Bun.listen<Link>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      ...handler,
      async open(client) {
        client.data = newLink();
        const server = await Bun.connect<Link>({
          hostname,
          port: Number(port),
          data: { ...newLink(true), other: client },
          socket: handler,
        });
        links.add(server.data);
        client.data.other = server;
        for (const data of client.data.early.splice(0)) server.write(data);
      },
    },
  });
  const proxied = new URL(target);
  proxied.host = `127.0.0.1:${listener.port}`;
  return {
    url: proxied.href,
    blackHole: () => links.forEach((link) => (link.silent = true)),
    delay: (by_ms) => void (delay_ms = by_ms),
    stop: () => listener.stop(true),
  };
}
