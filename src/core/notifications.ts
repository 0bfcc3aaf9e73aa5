import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { MemberRole } from "../platform/enums.ts";
import { act } from "./act.ts";
import {
  listNotifications as listStatement,
  notifyMembers,
  readAllNotifications as readAllStatement,
  readNotification as readStatement,
} from "./statements.ts";

/** The caller's notifications in the active business, newest first. */
export async function listNotifications(
  deps: Deps,
  caller: Caller,
  query: Readonly<{ unread?: boolean; limit?: number }>,
  after: Keyset | null,
): Promise<Page> {
  const parameters = {
    business_id: caller.business_id,
    user_id: caller.user_id,
    unread: query.unread ?? null,
    ...pageParameters(query.limit, after),
  };
  const [row] = await deps.db.report.query(listStatement, parameters, caller);
  return row ?? emptyPage;
}

/** Marks a notification of the caller as read. Again is fine: it keeps the first instant. */
export async function readNotification(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const result = await act(deps, caller, readStatement, { notification_id: id });
  if (result === null) throw new Problem("not_found");
  return result;
}

/** Rows one call may change: what it leaves, the next call takes. */
const readAtOnce = 10_000;

/** Marks the caller's notifications as read, ten thousand at most; the answer counts them. */
export function readAllNotifications(deps: Deps, caller: Caller): Promise<Written | null> {
  return act(deps, caller, readAllStatement, { limit_rows: readAtOnce });
}

/** What to tell, and whom: members by id, by role, or both; each is told once, whoever caused it not at all. */
export type Notice = Readonly<{
  /** `<noun>.<what happened>`, such as `step.assigned`. */
  type: string;
  title: string;
  body?: string | null;
  ref_type?: string | null;
  ref_id?: string | null;
  member_ids?: readonly string[];
  roles?: readonly MemberRole[];
}>;

/** Notifies members of a business, apart from any other write. @returns how many were told */
export async function notify(
  deps: Deps,
  from: Readonly<{ business_id: string; user_id: string | null }>,
  { member_ids = [], roles = [], ...notification }: Notice,
): Promise<number> {
  const [row] = await deps.db.write.query(notifyMembers, {
    business_id: from.business_id,
    member_ids,
    roles,
    actor_user_id: from.user_id,
    notification: JSON.stringify(notification),
  });
  return row?.told ?? 0;
}
