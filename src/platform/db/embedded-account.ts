import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { EmbeddedPostgresError } from "./embedded-error.ts";

/**
 * PostgreSQL refuses to run as root, which is who containers and CI usually are. This module decides who runs it, and
 * how that account reaches folders that only root may enter.
 */
export type Account = Readonly<{
  /** Who owns the data; null: whoever we are. */
  owner: Owner | null;
  /** Put before a command line that changes the user by itself; empty when spawning can change it. */
  prefix: readonly string[];
}>;

type Owner = Readonly<{ uid: number; gid: number }>;

const SELF: Account = Object.freeze({ owner: null, prefix: [] });

/**
 * Who runs PostgreSQL: ourselves, or, when we are root, the owner of the existing data directory, else `nobody`. No
 * account is created: `nobody` is in every passwd file, and initdb insists on finding its own name there.
 *
 * @param paths what the account must be able to reach
 * @throws {EmbeddedPostgresError} when root cannot hand over
 */
export function chooseAccount(options: { data_directory: string; paths: readonly string[] }): Account {
  if (process.getuid?.() !== 0) return SELF;
  const owner = existingOwner(options.data_directory) ?? nobody();
  const hidden = options.paths.find((path) => !isReachable(path, owner.uid));
  if (hidden === undefined) return { owner, prefix: [] };
  return { owner, prefix: enterAnywhere(owner, hidden) };
}

function existingOwner(directory: string): Owner | null {
  const stats = statSync(directory, { throwIfNoEntry: false });
  return stats === undefined || stats.uid === 0 ? null : { uid: stats.uid, gid: stats.gid };
}

function nobody(): Owner {
  const fields = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const [, , uid, gid] = fields.find(([name]) => name === "nobody") ?? [];
  if (uid === undefined || gid === undefined) {
    throw new EmbeddedPostgresError(
      "PostgreSQL does not run as root and /etc/passwd has no account nobody. Start as another user, or set DATABASE_URL.",
    );
  }
  // macOS writes -2.
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
}

/** Whether an account that owns none of it can get to a path and read what is there: a clone in /root cannot be. */
function isReachable(path: string, uid: number): boolean {
  for (let step = path; ; step = dirname(step)) {
    const stats = statSync(step, { throwIfNoEntry: false });
    if (stats !== undefined && stats.uid !== uid && (stats.mode & 0o005) !== 0o005) {
      const only_passing = step !== path && (stats.mode & 0o001) === 0o001;
      if (!only_passing) return false;
    }
    if (step === dirname(step)) return true;
  }
}

const CAP_DAC_OVERRIDE = 1n << 1n;
const CAP_DAC_READ_SEARCH = 1n << 2n;

/**
 * setpriv(1) from util-linux changes the user and leaves it the one privilege of passing closed folders, so that the
 * data stays where it belongs and nobody's home directory is opened up.
 */
function enterAnywhere(owner: Owner, hidden: string): readonly string[] {
  const setpriv = Bun.which("setpriv");
  const capability = heldCapability();
  if (setpriv === null || capability === null) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and the account it would run as (uid ${owner.uid}) cannot reach ${hidden}. ` +
        "Install util-linux (setpriv), move the folder out of the closed directory, start as another user, or set DATABASE_URL.",
    );
  }
  return [
    setpriv,
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    "--clear-groups",
    // Or access(2), by which initdb looks for its neighbours, would answer without the privilege.
    "--securebits=+no_setuid_fixup",
    `--inh-caps=-all,+${capability}`,
    `--ambient-caps=-all,+${capability}`,
    "--",
  ];
}

function heldCapability(): "dac_read_search" | "dac_override" | null {
  try {
    const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    const held = BigInt(`0x${effective ?? "0"}`);
    if ((held & CAP_DAC_READ_SEARCH) !== 0n) return "dac_read_search";
    return (held & CAP_DAC_OVERRIDE) === 0n ? null : "dac_override";
  } catch {
    return null;
  }
}
