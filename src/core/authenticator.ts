import type { Authenticate } from "../http/authenticate.ts";
import type { Deps } from "../http/deps.ts";
import type { Principal, RequestScope } from "../http/scope.ts";
import type { Claims } from "../http/tokens.ts";
import type { DeepReadonly, Held, Lookup } from "../platform/cache/index.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { type MembershipFacts, type SessionFacts, sessionCache } from "./session.cache.ts";
import { findPrincipal } from "./statements.ts";

type Session = DeepReadonly<SessionFacts>;
type Business = Readonly<{ timezone: string; currency: string }>;
type Memberships = DeepReadonly<Record<string, MembershipFacts>>;
type User = Readonly<{ token_version: number }>;

/** Who is asked for. */
type Asked = Readonly<{ user_id: string; session_id: string; business_id: string }>;

/** The four lookups about one who asks, and who that was when they were answered last. */
type Known = {
  readonly asked: Asked;
  readonly session: Held<Session>;
  readonly user: Held<User>;
  readonly memberships: Held<Memberships>;
  readonly business: Held<Business>;
  last: Readonly<{
    session: Session;
    user: User;
    memberships: Memberships;
    business: Business;
    /** When the session ends, if nothing of the above has changed by then. */
    until: number;
    principal: Principal;
  }> | null;
};

/** As we write ids: a token that spells one otherwise is not ours, and would be cached beside the tags that end it. */
const canonicalId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Tells who a session speaks for, from four cached answers (session.cache.ts), in the caller's turn when all of them
 * are in this process. The cache only lets in. It refuses nobody but whose session has ended, which is for ever: all
 * else is asked of the database in one read, because answers that were cached one by one may be of different moments
 * (a new password is two of them) and a limit of the session may have been moved on by a refresh.
 */
export function createAuthenticator(deps: Pick<Deps, "cache" | "clock" | "db">): Authenticate {
  const cached = sessionCache(deps);
  /** By the claims of a verified token, which live as long as it is remembered. */
  const knownByClaims = new WeakMap<Claims, Known>();

  const hold = (asked: Asked): Known => {
    const { user_id, session_id, business_id } = asked;
    return {
      asked,
      session: cached.session.hold({ user_id, session_id }),
      user: cached.user.hold({ user_id }),
      memberships: cached.memberships.hold({ user_id }),
      business: cached.business.hold({ business_id }),
      last: null,
    };
  };

  const judge = (
    known: Known,
    { value: session, age_ms }: Lookup<Session>,
    { value: user }: Lookup<User>,
    { value: memberships }: Lookup<Memberships>,
    context: Pick<RequestScope, "timings">,
  ): Principal | null | Promise<Principal | null> => {
    if (session === null) return null;
    const { asked } = known;
    const membership = memberships?.[asked.business_id];
    const left_ms = session.left_s * 1000 - age_ms;
    if (user === null || memberships === null || membership === undefined) return ask(deps, asked, context);
    if (session.token_version !== user.token_version || left_ms <= 0) return ask(deps, asked, context);
    const until = deps.clock.monotonic() + left_ms;
    const decide = ({ value: business }: Lookup<Business>) => {
      if (business === null) return ask(deps, asked, context);
      const principal: Principal = Object.freeze({ ...asked, ...membership, ...business });
      known.last = { session, user, memberships, business, until, principal };
      return principal;
    };
    const business = known.business.get(undefined, context.timings);
    return business instanceof Promise ? business.then(decide) : decide(business);
  };

  return (claims, business_id, context) => {
    let known = business_id === claims.bid ? knownByClaims.get(claims) : undefined;
    const at = deps.clock.monotonic();
    if (known === undefined) {
      const asked: Asked = { user_id: claims.sub, session_id: claims.sid, business_id };
      if (!Object.values(asked).every((id) => canonicalId.test(id))) return null;
      known = hold(asked);
      if (business_id === claims.bid) knownByClaims.set(claims, known);
    } else if (isUnchanged(known, at)) return known.last.principal;
    const { timings } = context;
    // None of them takes the signal: whoever asked first may go away while others wait for the same answer.
    const session = known.session.get(at, timings);
    const user = known.user.get(at, timings);
    const memberships = known.memberships.get(at, timings);
    if (session instanceof Promise || user instanceof Promise || memberships instanceof Promise) {
      return Promise.all([session, user, memberships]).then(([ofSession, ofUser, ofMemberships]) =>
        judge(known, ofSession, ofUser, ofMemberships, context),
      );
    }
    return judge(known, session, user, memberships, context);
  };
}

type Decided = Known & { last: NonNullable<Known["last"]> };

/** Whether all four answers are still those from which it was decided last: then so is the decision. */
function isUnchanged(known: Known, at: number): known is Decided {
  const { last } = known;
  return (
    last !== null &&
    at < last.until &&
    known.session.still(last.session, at) &&
    known.user.still(last.user, at) &&
    known.memberships.still(last.memberships, at) &&
    known.business.still(last.business, at)
  );
}

/** The whole question in one read of one moment. */
async function ask(
  { db }: Pick<Deps, "db">,
  asked: Asked,
  { timings }: QueryContext,
): Promise<Principal | null> {
  const [row] = await db.fast.query(findPrincipal, asked, { timings });
  return row === undefined ? null : Object.freeze({ ...row, ...asked });
}
