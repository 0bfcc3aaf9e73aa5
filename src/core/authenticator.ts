import { LRUCache } from "lru-cache";
import type { Authenticate } from "../http/authenticate.ts";
import type { Deps } from "../http/deps.ts";
import type { Principal } from "../http/scope.ts";
import type { Claims } from "../http/tokens.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { isUuid } from "../platform/id.ts";
import { findPrincipal } from "./statements.ts";

/**
 * How long what the database said of a session is believed, counted from when it was asked. A session that was revoked,
 * a member who was suspended or has another role must be known everywhere within a second, and nobody tells the other
 * replicas: they ask again. The two-tier cache will be told, and may then remember for longer.
 */
const believed_ms = 750;
const sessions_max = 20_000;

export type Authenticator = Readonly<{
  authenticate: Authenticate;
  /** The session was changed here: the next request asks the database. */
  forget(session_id: string): void;
  /** The same for every session of a person: another role, another password. */
  forgetUser(user_id: string): void;
}>;

/** What is known of a session in one business. `asked_ms`: when the database was asked. */
type Slot = { asked_ms: number; answer: Principal | Promise<Principal | null> };
type Session = { readonly user_id: string; readonly slots: Map<string, Slot> };

/**
 * Tells who a session speaks for, by one point read that concurrent requests share. Forgetting drops the whole record, so
 * that a read which is still under way ends in a record that nobody finds any more.
 */
export function createAuthenticator(deps: Pick<Deps, "db" | "clock">): Authenticator {
  const sessions = new LRUCache<string, Session>({ max: sessions_max });

  const authenticate: Authenticate = (claims, business_id, context) => {
    const now_ms = deps.clock.monotonic();
    let session = sessions.get(claims.sid);
    if (session === undefined || session.user_id !== claims.sub) {
      session = { user_id: claims.sub, slots: new Map() };
      sessions.set(claims.sid, session);
    }
    const { slots } = session;
    const known = slots.get(business_id);
    if (known !== undefined && now_ms - known.asked_ms < believed_ms) return known.answer;
    const answer = ask(deps, claims, business_id, context);
    const slot: Slot = { asked_ms: now_ms, answer };
    slots.set(business_id, slot);
    // Nobody is remembered as refused: guessed business ids would fill the memory.
    const drop = (): void => {
      if (slots.get(business_id) === slot) slots.delete(business_id);
    };
    answer.then((principal) => {
      if (principal === null) drop();
      else slot.answer = principal;
    }, drop);
    return answer;
  };

  return {
    authenticate,
    forget: (session_id) => void sessions.delete(session_id),
    forgetUser(user_id) {
      for (const [session_id, session] of sessions.entries()) {
        if (session.user_id === user_id) sessions.delete(session_id);
      }
    },
  };
}

async function ask(
  deps: Pick<Deps, "db">,
  claims: Claims,
  business_id: string,
  { timings }: QueryContext,
): Promise<Principal | null> {
  const { sub: user_id, sid: session_id } = claims;
  // Ours are ids; whoever knows the secret may sign anything.
  if (![user_id, session_id, business_id].every(isUuid)) return null;
  // Without the signal: whoever asked first may go away while others wait for the same answer.
  const [row] = await deps.db.fast.query(findPrincipal, { session_id, user_id, business_id }, { timings });
  return row === undefined ? null : Object.freeze({ ...row, user_id, session_id, business_id });
}
