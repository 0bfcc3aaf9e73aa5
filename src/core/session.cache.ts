import type { Deps } from "../http/deps.ts";
import type { Role } from "../http/policy.ts";
import { findBusiness, findMemberships, findSession, findUser } from "./statements.ts";
import { businessTag, membershipsTag, sessionsTag, sessionTag, userTag } from "./tags.ts";

const minute_ms = 60_000;
const strictly = { class: "strict", confirm: "writer" } as const;

export type SessionFacts = { token_version: number; left_s: number };
export type MembershipFacts = { member_id: string; role: Role };

/**
 * What every request asks about who sends it. The writer of a change waits until every replica has heard of it, so a
 * lookup costs no network. Only what lets somebody in is kept: the end of a session, a suspended person and a closed
 * business are null, and null is asked for anew.
 */
export const sessionCache = ({ cache, db }: Pick<Deps, "cache" | "db">) => ({
  /** `left_s`: seconds from the load until the session ends, unless it is refreshed meanwhile. */
  session: cache.query<{ user_id: string; session_id: string }, SessionFacts>({
    ...strictly,
    name: "session.session",
    moves: true,
    scope: "user",
    // As long as a token lives, whose own end is looked at in any case.
    ttl_ms: 15 * minute_ms,
    tags: ({ user_id, session_id }) => [sessionTag(user_id, session_id), sessionsTag(user_id)],
    load: async (parts) => (await db.fast.query(findSession, parts))[0] ?? null,
  }),
  user: cache.query<{ user_id: string }, { token_version: number }>({
    ...strictly,
    name: "session.user",
    scope: "user",
    ttl_ms: 5 * minute_ms,
    tags: ({ user_id }) => [userTag(user_id)],
    load: async (parts) => (await db.fast.query(findUser, parts))[0] ?? null,
  }),
  /** By business: one answer for all of them, so that a guessed business id is refused without a query of its own. */
  memberships: cache.query<{ user_id: string }, Record<string, MembershipFacts>>({
    ...strictly,
    name: "session.memberships",
    scope: "user",
    ttl_ms: 10 * minute_ms,
    tags: ({ user_id }) => [membershipsTag(user_id)],
    load: async (parts) => {
      const rows = await db.fast.query(findMemberships, parts);
      return Object.fromEntries(
        rows.map(({ business_id, member_id, role }) => [business_id, { member_id, role }]),
      );
    },
  }),
  /** Of the business itself, so that a change of it need not touch all its members. */
  business: cache.query<{ business_id: string }, { timezone: string; currency: string }>({
    ...strictly,
    name: "session.business",
    scope: "business",
    ttl_ms: 10 * minute_ms,
    tags: ({ business_id }) => [businessTag(business_id)],
    load: async (parts) => (await db.fast.query(findBusiness, parts))[0] ?? null,
  }),
});
