// Reloading nginx: https://nginx.org/en/docs/control.html#reconfiguration
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NginxFiles } from "./nginx.ts";

/** nginx looks for the flag once a second (reload.conf); a client that is busy asks again within the second after. */
const SEND_AWAY_MS = 2_000;

/** The master starts the new workers and tells the old ones to leave 100 ms later; until then they take connections. */
const CHANGE_OVER_MS = 1_000;

/**
 * Lets nginx read the configuration that `writeNginx` has just written, without losing a request: clients are sent away
 * from their connections first (deploy/nginx/reload.conf.template says why), then it is signalled. Takes 3 s; returns when only
 * the new workers take connections. Requests that are under way end in the old ones.
 *
 * Who is idle all the time and asks in the very moment of the change is reset nevertheless; HTTP has no means against that
 * (https://www.rfc-editor.org/rfc/rfc9112#section-9.5).
 */
export async function reloadNginx(files: Pick<NginxFiles, "folder">, signal: () => void): Promise<void> {
  const flag = join(files.folder, "reloading");
  writeFileSync(flag, "");
  try {
    await Bun.sleep(SEND_AWAY_MS);
    signal();
    await Bun.sleep(CHANGE_OVER_MS);
  } finally {
    rmSync(flag, { force: true });
  }
}
