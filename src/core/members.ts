import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import { type Caller, withIdempotency } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";
import type { MemberRole, MemberStatus } from "../platform/enums.ts";
import { act } from "./act.ts";
import type { AuthServices } from "./auth.ts";
import { requireStrong } from "./passwords.ts";
import {
  createMember as createStatement,
  findLogin,
  getMember as getStatement,
  type GetMemberRow,
  inviteMember as inviteStatement,
  listMembers as listStatement,
  reactivateMember as reactivateStatement,
  suspendMember as suspendStatement,
  updateMember as updateStatement,
} from "./statements.ts";
import { membershipsTag, membersTag } from "./tags.ts";

/** With `full_name` and `password` a new login is made; with neither, the person who has this one name is invited. */
export type MemberInput = Readonly<{
  username?: string;
  phone?: string;
  email?: string;
  full_name?: string;
  password?: string;
  role: MemberRole;
  unit_id?: string | null;
  parent_member_id?: string | null;
}>;

export type MemberPatch = Readonly<{
  role?: MemberRole;
  unit_id?: string | null;
  parent_member_id?: string | null;
}>;
export type MemberQuery = Readonly<{
  q?: string;
  role?: string;
  status?: string;
  sort?: string;
  limit?: number;
}>;

const transitions: Readonly<Record<MemberStatus, readonly MemberStatus[]>> = {
  invited: ["suspended"],
  active: ["suspended"],
  suspended: ["active"],
  left: [],
};

/** One member of the caller's business, null when there is none. */
export async function getMember(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  return find(deps, caller, id);
}

async function find(deps: Deps, caller: Caller, id: string): Promise<GetMemberRow | null> {
  const parameters = { business_id: caller.business_id, member_id: id };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  return row ?? null;
}

/** A page of members, newest first unless sorted otherwise. */
export async function listMembers(
  deps: Deps,
  caller: Caller,
  query: MemberQuery,
  after: Keyset | null,
): Promise<Page> {
  const [row] = await deps.db.report.query(
    listStatement,
    {
      business_id: caller.business_id,
      q: query.q ?? null,
      role: query.role ?? null,
      status: query.status ?? null,
      sort: query.sort ?? "-created_at",
      ...pageParameters(query.limit, after),
    },
    caller,
  );
  return row ?? emptyPage;
}

/**
 * Makes a login and its member, or invites who has a login. Refuses: `already_exists` (the login, or the member),
 * `weak_password`, `reference_not_found` (nobody has this name, no such unit), `forbidden` (only owners make owners).
 */
export async function createMember(
  deps: Deps,
  services: AuthServices,
  caller: Caller,
  input: MemberInput,
): Promise<Written | null> {
  const { password, ...member } = input;
  const names = (["username", "phone", "email"] as const).filter((name) => input[name] !== undefined);
  if (names.length === 0) throw wrong("", "give a username, phone or email");
  if ((password === undefined) !== (input.full_name === undefined)) {
    throw wrong(password === undefined ? "/password" : "/full_name", "full_name and password come together");
  }
  if (input.role === "owner" && caller.role !== "owner") throw ownersOnly();
  const sealed = sealKey(deps, caller);
  const member_id = deps.id();
  if (password !== undefined) {
    requireStrong(password, "/password", { names: names.map((name) => input[name] ?? null) });
    const password_hash = await services.passwords.hash(password, caller.signal);
    const parameters = { member_id, user_id: deps.id(), member: JSON.stringify(member), password_hash };
    return act(deps, sealed, createStatement, parameters, [membersTag(caller.business_id)]);
  }
  if (names.length > 1) throw wrong("", "invite by one of username, phone and email");
  const tags = await tagsOfInvitation(deps, caller, input);
  const invited = await act(
    deps,
    sealed,
    inviteStatement,
    { member_id, member: JSON.stringify(member) },
    tags,
  );
  if (invited !== null) return invited;
  throw new Problem("reference_not_found", {
    errors: [{ pointer: `/${names[0]}`, detail: "nobody has it" }],
  });
}

/** The stored hash of a body with a password in it is keyed: a plain one would let a thief try passwords fast. */
function sealKey(deps: Deps, caller: Caller): Caller {
  const { idempotency } = caller;
  if (idempotency === null) return caller;
  const seal = new Bun.CryptoHasher("sha256", deps.config.auth.jwt_secret);
  const request_hash = seal.update(`request\n${idempotency.request_hash}`).digest("hex");
  return withIdempotency(caller, { key: idempotency.key, request_hash });
}

/**
 * Changes role, unit or agent of a member. Refuses: a stale `If-Match`, `forbidden` (only owners make and unmake
 * owners), `last_owner`, `in_use` (an agent with sub-agents). Counts at once, where invalidations are not heard within a
 * second.
 */
export async function updateMember(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: MemberPatch,
): Promise<Written> {
  const parameters = { member_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  const tags = await tagsOf(deps, caller, id);
  const changed = await act(deps, caller, updateStatement, parameters, tags);
  if (changed !== null) return changed;
  const member = await find(deps, caller, id);
  if (member === null) throw new Problem("not_found");
  const isStale = caller.if_match !== null && caller.if_match !== member.version;
  throw isStale ? new Problem("precondition_failed") : ownersOnly();
}

/** Suspends a member, or withdraws an invitation. Refuses: `illegal_transition`, `last_owner`, `forbidden`. */
export async function suspendMember(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const tags = await tagsOf(deps, caller, id);
  const changed = await act(deps, caller, suspendStatement, { member_id: id }, tags);
  return changed ?? refuseMove(deps, caller, { id, to: "suspended" });
}

/** Lets a suspended member in again; who had not accepted is invited again. Refuses as suspending does. */
export async function reactivateMember(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const tags = await tagsOf(deps, caller, id);
  const changed = await act(deps, caller, reactivateStatement, { member_id: id }, tags);
  return changed ?? refuseMove(deps, caller, { id, to: "active" });
}

async function refuseMove(
  deps: Deps,
  caller: Caller,
  { id, to }: { id: string; to: MemberStatus },
): Promise<never> {
  const member = await find(deps, caller, id);
  if (member === null) throw new Problem("not_found");
  const allowed = transitions[member.status];
  if (allowed.includes(to)) throw ownersOnly();
  throw new Problem("illegal_transition", { extra: { from: member.status, to, allowed } });
}

/** What a change of this member makes wrong. Whose membership it is never changes, so it may be read beforehand. */
async function tagsOf(deps: Deps, caller: Caller, id: string): Promise<Tag[]> {
  const member = await find(deps, caller, id);
  if (member === null) throw new Problem("not_found");
  return [membershipsTag(member.user_id), membersTag(caller.business_id)];
}

/** An invitation shows in the profile of whoever has this name. */
async function tagsOfInvitation(deps: Deps, caller: Caller, input: MemberInput): Promise<Tag[]> {
  const { username = null, phone = null, email = null } = input;
  const [person] = await deps.db.fast.query(findLogin, { username, phone, email, ip: caller.ip }, caller);
  const own = membersTag(caller.business_id);
  return person === undefined ? [own] : [own, membershipsTag(person.user_id)];
}

const ownersOnly = (): Problem =>
  new Problem("forbidden", { detail: "Only an owner makes, changes or suspends an owner" });

const wrong = (pointer: string, detail: string): Problem =>
  new Problem("validation", { errors: [{ pointer, detail }] });
