import * as core from "./core/statements.ts";
import { migrations } from "./platform/migration-files.ts";
import { version } from "./platform/version.ts";
import * as shop from "./shop/statements.ts";

/**
 * Names what this program reads and how: a digest of its version, its migrations and its statements. While a release is
 * rolled out two of them run side by side, and neither may take for its own what the other has cached in another shape.
 */
export const release: string = new Bun.CryptoHasher("sha256")
  .update(JSON.stringify([version, migrations, core, shop]))
  .digest("base64url")
  .slice(0, 12);
