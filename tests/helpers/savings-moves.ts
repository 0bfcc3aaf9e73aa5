import { allows, type Permission } from "../../src/http/policy.ts";
import type { MemberRole } from "../../src/platform/enums.ts";
import type { Move } from "../../src/core/moves.ts";

/** What is moved in a test. */
export type Movable<S extends string> = Readonly<{
  moves: readonly Move<S>[];
  statuses: readonly S[];
  permissionOf: (action: string) => Permission;
  /** Who tries; the policy's own test holds what roles may not at all. */
  roles: readonly MemberRole[];
  /** Makes one of a member that is in a status. Returns its id. */
  make: (maker: MemberRole, status: S) => Promise<string>;
  statusOf: (id: string) => Promise<S>;
  send: (id: string, action: string, by: MemberRole) => Promise<Response>;
}>;

/** Whether a role sees what a member with another role made: an agent has one sub-agent here. */
const sees = (by: MemberRole, maker: MemberRole): boolean =>
  by === maker || ["owner", "admin", "manager"].includes(by) || (by === "agent" && maker === "sub_agent");

const isSame = (left: readonly string[], right: readonly string[]): boolean =>
  [...new Set(left)].toSorted().join() === [...new Set(right)].toSorted().join();

/** What the table says of an action: the status of the answer and, where it is refused, its code. */
function expectedOf<S extends string>(
  { moves, permissionOf }: Movable<S>,
  { status, action, by, maker }: { status: S; action: string; by: MemberRole; maker: MemberRole },
): string {
  if (!allows(permissionOf(action), by)) return "403 forbidden";
  if (!sees(by, maker)) return "404 not_found";
  const move = moves.find((one) => one.action === action && one.from === status);
  if (move === undefined) return "409 illegal_transition";
  if (!move.roles.includes(by) || (move.maker === "only" && by !== maker)) return "403 forbidden";
  if (move.maker === "never" && by === maker) return "403 maker_checker";
  return `200 ${move.to}`;
}

/**
 * Tries every action on one in every status by every one of `roles`, of each of `makers`. Returns what was answered otherwise than the
 * table says, and what has moved though it was refused; empty: nothing.
 */
export async function triedMoves<S extends string>(
  what: Movable<S>,
  makers: readonly MemberRole[],
): Promise<string[]> {
  const { moves, statuses, roles } = what;
  const actions = [...new Set(moves.map(({ action }) => action))];
  const wrong: string[] = [];
  for (const maker of makers) {
    for (const status of statuses) {
      const resting = await what.make(maker, status);
      const tries = actions.flatMap((action) => roles.map((by) => ({ status, action, by, maker })));
      for (const tried of tries) {
        const expected = expectedOf(what, tried);
        const id = expected.startsWith("200") ? await what.make(maker, status) : resting;
        const response = await what.send(id, tried.action, tried.by);
        const body = (await response.json()) as {
          code?: string;
          status: string;
          from?: string;
          allowed?: string[];
        };
        const answered = `${response.status} ${body.code ?? body.status}`;
        const allowed = moves.filter(({ from }) => from === status).map(({ to }) => to as string);
        const told = body.from === status && isSame(body.allowed ?? [], allowed);
        if (answered !== expected || (response.status === 409 && !told))
          wrong.push(`${tried.action} of ${status} of ${maker} by ${tried.by}: ${answered}, not ${expected}`);
      }
      const now = await what.statusOf(resting);
      if (now !== status) wrong.push(`${status} of ${maker} has become ${now}`);
    }
  }
  return wrong;
}
