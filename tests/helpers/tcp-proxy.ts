import type { Socket } from "bun";

/** A TCP proxy that can go silent, as a router does that forgot a connection: nothing arrives, nothing is closed. */
export type TcpProxy = {
  /** `url`, through the proxy. */
  url: string;
  /** Existing connections carry nothing any more; new ones work. */
  blackHole(): void;
  stop(): void;
};

type Link = { other: Socket<Link> | null; early: Uint8Array[]; silent: boolean };

export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const links = new Set<Link>();
  const handler = {
    data(socket: Socket<Link>, data: Uint8Array) {
      if (socket.data.silent) return;
      if (socket.data.other === null) socket.data.early.push(Uint8Array.from(data));
      else socket.data.other.write(data);
    },
    close: (socket: Socket<Link>) => void socket.data.other?.end(),
    error: () => {},
  };
  const newLink = (): Link => {
    const link: Link = { other: null, early: [], silent: false };
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
          data: { ...newLink(), other: client },
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
    stop: () => listener.stop(true),
  };
}
