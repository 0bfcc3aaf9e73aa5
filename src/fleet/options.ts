import type { Config } from "../platform/config.ts";
import type { Log } from "../platform/log.ts";

export type FleetOptions = Readonly<{
  config: Config;
  log: Log;
  /** How many replicas. */
  count: number;
  /** Where sockets and the files of nginx and Redis lie; its path is short, since sockets' paths are. */
  folder: string;
}>;
