import type { SQL } from "bun";
import { type MemberRole, memberRoles } from "../../src/platform/enums.ts";

/** A person who belongs to a business; `password` is what they log in with. */
export type Person = Readonly<{
  user_id: string;
  member_id: string;
  username: string;
  role: MemberRole;
  password: string;
}>;

export type Business = Readonly<{
  id: string;
  code: string;
  timezone: string;
  currency: string;
  people: Readonly<Record<MemberRole, Person>>;
}>;

export const password = "a-password-for-tests";

/** Cheap on purpose: fixtures log in often, and the strength of the hash is tested where passwords are made. */
const hash = Bun.password.hashSync(password, { algorithm: "argon2id", memoryCost: 8, timeCost: 1 });

/** Makes a business with an active member for every role. Names begin with the code, so that tests share a database. */
export async function makeBusiness(
  sql: SQL,
  { code, timezone, currency }: { code: string; timezone: string; currency: string },
): Promise<Business> {
  const id = Bun.randomUUIDv7();
  await sql`insert into core.businesses (id, code, name, timezone, currency)
    values (${id}, ${code}, ${`${code} works`}, ${timezone}, ${currency})`;
  const people: Partial<Record<MemberRole, Person>> = {};
  // A sub-agent needs an agent: roles are in an order in which the agent comes first.
  for (const role of memberRoles) {
    const username = `${code.toLowerCase()}.${role}`;
    const person = { user_id: Bun.randomUUIDv7(), member_id: Bun.randomUUIDv7(), username, role, password };
    await sql`insert into core.users (id, username, email, full_name, password_hash)
      values (${person.user_id}, ${username}, ${`${username}@example.test`}, ${`${role} of ${code}`}, ${hash})`;
    const parent = role === "sub_agent" ? (people.agent?.member_id ?? null) : null;
    await sql`insert into core.memberships (business_id, id, user_id, role, parent_member_id)
      values (${id}, ${person.member_id}, ${person.user_id}, ${role}, ${parent})`;
    people[role] = person;
  }
  return { id, code, timezone, currency, people: people as Record<MemberRole, Person> };
}

/** A live session of a person, as a login would leave it. */
export async function makeSession(sql: SQL, person: Person, business_id: string): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`insert into core.sessions (id, user_id, active_business_id, idle_expires_at, expires_at)
    values (${id}, ${person.user_id}, ${business_id}, now() + interval '1 day', now() + interval '1 day')`;
  return id;
}
