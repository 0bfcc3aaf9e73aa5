import { rmSync } from "node:fs";
import { join } from "node:path";
import { FleetError } from "./programs.ts";

/** What the supervisor says of its fleet. `pid` is null while a replica is being started again. */
export type FleetStatus = Readonly<{
  pid: number;
  url: string;
  nginx_pid: number | null;
  redis_pid: number | null;
  replicas: readonly Readonly<{ name: string; pid: number | null; restarts: number }>[];
}>;

/** What the supervisor can be asked for while it runs. */
export type FleetControls = Readonly<{
  status(): FleetStatus;
  /** New processes in place of the old, one after the other. @throws when one is not ready; the rest stay as they were */
  rollingRestart(): Promise<void>;
  /** nginx reads its configuration again, and no busy client loses a request. */
  reloadNginx(): Promise<void>;
  /** That many replicas from now on. @throws as `rollingRestart` */
  scale(count: number): Promise<void>;
}>;

const socketIn = (folder: string): string => join(folder, "control.sock");

/** Answers `GET /`, `POST /rolling-restart`, `POST /nginx-reload` and `POST /scale?count=n` to whoever may open the socket: the same user. */
export function serveControl(folder: string, controls: FleetControls): { stop(): Promise<void> } {
  const unix = socketIn(folder);
  rmSync(unix, { force: true });
  const options = {
    unix,
    // A rolling restart answers when it is over.
    idleTimeout: 0,
    fetch: (request: Request) => answer(controls, request),
  };
  const server = Bun.serve(options as unknown as Bun.Serve.Options<undefined>);
  return { stop: () => server.stop(true) };
}

async function answer(controls: FleetControls, request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const wanted = `${request.method} ${pathname}`;
  try {
    if (wanted === "POST /rolling-restart") await controls.rollingRestart();
    else if (wanted === "POST /nginx-reload") await controls.reloadNginx();
    else if (wanted === "POST /scale") await controls.scale(Number(searchParams.get("count")));
    else if (wanted !== "GET /") return new Response("no such request\n", { status: 404 });
    return Response.json(controls.status());
  } catch (error) {
    return new Response(error instanceof Error ? error.message : "failed", { status: 500 });
  }
}

/**
 * Asks the supervisor that runs in this folder. @returns null when there is none
 *
 * @throws {FleetError} with what the supervisor says of a failure
 */
export async function askSupervisor(folder: string, request: string): Promise<FleetStatus | null> {
  const [method = "GET", path = "/"] = request.split(" ");
  const options = { method, unix: socketIn(folder), keepalive: false, timeout: false };
  const response = await fetch(`http://localhost${path}`, options).catch(() => null);
  if (response === null) return null;
  if (!response.ok) throw new FleetError(await response.text());
  return (await response.json()) as FleetStatus;
}
