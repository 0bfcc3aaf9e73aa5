import { SQL } from "bun";

/** One connection with the given parameters. */
export const openAs = (url: string, parameters: Readonly<Record<string, string>>): SQL =>
  new SQL({ url, max: 1, connection: { ...parameters, statement_timeout: "10000" } });
