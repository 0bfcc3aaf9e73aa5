import { idAt } from "./ids.ts";
import { dayText, instantText } from "./local-time.ts";
import type { BusinessPlan } from "./plan.ts";
import type { Rows, Value } from "./rows.ts";
import { type Floor, writeFloor } from "./shop-floor.ts";
import { cities, firstNames, lastNames, streets, trades } from "./vocabulary.ts";

const day_ms = 86_400_000;
/** They are there from the first day; the others come evenly. */
export const firstCustomers = 20;

export type Person = Readonly<{ user_id: string; member_id: string; name: string }>;
export type Agent = Person & Readonly<{ parent_id: string | null }>;
/** What jobs refer to. Customers are in the order in which they came, the oldest and busiest first. */
export type Business = Readonly<{
  id: string;
  plan: BusinessPlan;
  people: ReadonlyMap<string, Person>;
  operators: readonly Person[];
  /** Who collects savings: agents, and sub-agents with the member above them. */
  agents: readonly Agent[];
  /** Head office and works. */
  units: readonly string[];
  customers: readonly string[];
  /** The columns created_at, updated_at, created_by, updated_by of a row that is as old as the business. */
  stamps: readonly Value[];
}> &
  Floor;

/** Writes a business with its units, people, customers, processes and machines, and says what they are. */
export function writeBusiness(rows: Rows, plan: BusinessPlan, password_hash: string): Business {
  const begin_ms = plan.until_ms - plan.days * day_ms;
  const at = instantText(begin_ms);
  const id = idAt(begin_ms, plan.random);
  rows.add("core.businesses", [
    id,
    plan.code,
    plan.name,
    `{${plan.modules.join(",")}}`,
    plan.currency,
    plan.timezone,
    at,
    at,
  ]);
  const writer = new PeopleWriter(rows, plan, { business_id: id, begin_ms, password_hash });
  const owner = writer.write("owner", 0);
  const stamps = [at, at, owner.user_id, owner.user_id];
  const units = ["Head office", "Works"].map((name, index) => {
    const unit_id = idAt(begin_ms, plan.random);
    rows.add("core.units", [id, unit_id, name, `${index + 1} ${streets[index]}`, ...stamps]);
    return unit_id;
  });
  writer.writeStaff(units);
  const customers = writeCustomers(rows, plan, {
    business_id: id,
    begin_ms,
    units,
    owner,
    people: writer.people,
  });
  const floor = writeFloor(rows, plan, { business_id: id, begin_ms, stamps });
  const { people, operators, agents } = writer;
  return { id, plan, people, operators, agents, units, customers, ...floor, stamps };
}

type Origin = { business_id: string; begin_ms: number };

class PeopleWriter {
  readonly people = new Map<string, Person>();
  readonly operators: Person[] = [];
  readonly agents: Agent[] = [];
  readonly #rows: Rows;
  readonly #plan: BusinessPlan;
  readonly #origin: Origin & { password_hash: string };
  #next = 1;

  constructor(rows: Rows, plan: BusinessPlan, origin: Origin & { password_hash: string }) {
    this.#rows = rows;
    this.#plan = plan;
    this.#origin = origin;
  }

  /** One of every other role, three clerks, and the operators: `operator`, `operator2`, … */
  writeStaff(units: readonly string[]): void {
    const [office = null, works = null] = units;
    for (const role of ["admin", "manager", "clerk", "compliance", "agent"])
      this.write(role, 0, { unit_id: office });
    const agent = this.people.get("agent")?.member_id ?? null;
    this.write("sub_agent", 0, { unit_id: office, parent_member_id: agent });
    this.write("customer", 0);
    for (let i = 1; i < 3; i++) this.write("clerk", i, { unit_id: office });
    for (let i = 0; i < this.#plan.operators; i++) {
      this.operators.push(this.write("operator", i, { unit_id: works }));
    }
    this.#writeAgents(office);
  }

  /** `agent`, `sub_agent`, `agent2`, `sub_agent2`, …: each sub-agent is the agent's before. */
  #writeAgents(office: string | null): void {
    const { agents, random } = this.#plan.savings;
    for (let i = 0; i < agents; i++) {
      const login = `agent${i < 2 ? "" : (i >> 1) + 1}`;
      const above = i % 2 === 0 ? null : (this.people.get(login)?.member_id ?? null);
      const place = { unit_id: office, parent_member_id: above };
      const role = above === null ? "agent" : "sub_agent";
      const person = this.people.get(i < 2 ? role : `${role}${(i >> 1) + 1}`);
      this.agents.push({ ...(person ?? this.write(role, i >> 1, place, random)), parent_id: above });
    }
  }

  /** `index` 0 is the one with the plain name of the role. */
  write(
    role: string,
    index: number,
    place: { unit_id?: string | null; parent_member_id?: string | null } = {},
    random = this.#plan.random,
  ): Person {
    const { business_id, begin_ms, password_hash } = this.#origin;
    const { login_domain, login_suffix, code, phone_prefix, timezone } = this.#plan;
    const at = instantText(begin_ms);
    const login = index === 0 ? role : `${role}${index + 1}`;
    const person = {
      user_id: idAt(begin_ms, random),
      member_id: idAt(begin_ms, random),
      name: `${random.pick(firstNames)} ${random.pick(lastNames)}`,
    };
    const email = `${login}${login_suffix === null ? "" : `.${login_suffix}`}@${login_domain}`;
    const username = `${login}.${code.toLowerCase()}`;
    const phone = `${phone_prefix}${String(this.#next++).padStart(6, "0")}`;
    this.#rows.add("core.users", [
      person.user_id,
      username,
      phone,
      email,
      person.name,
      password_hash,
      timezone,
      at,
      at,
    ]);
    const by = this.people.get("owner")?.user_id ?? person.user_id;
    this.#rows.add("core.memberships", [
      business_id,
      person.member_id,
      person.user_id,
      place.unit_id ?? null,
      role,
      place.parent_member_id ?? null,
      at,
      at,
      by,
      by,
    ]);
    this.people.set(login, person);
    return person;
  }
}

/** When the customer of this place came. */
export const customerSince = ({ until_ms, days, customers }: BusinessPlan, place: number): number =>
  until_ms - days * day_ms + (place < firstCustomers ? 0 : Math.floor((place / customers) * days * day_ms));

function writeCustomers(
  rows: Rows,
  plan: BusinessPlan,
  origin: Origin & { units: readonly string[]; owner: Person; people: ReadonlyMap<string, Person> },
): string[] {
  const { random, customers } = plan;
  const ids: string[] = [];
  for (let i = 0; i < customers; i++) {
    const at_ms = customerSince(plan, i);
    const id = idAt(at_ms, random);
    const last = random.pick(lastNames);
    const name = random.chance(0.55)
      ? `${last} ${random.pick(trades)}`
      : `${random.pick(firstNames)} ${last}`;
    const number = String(i + 1).padStart(6, "0");
    const address = `{"street": "${random.between(1, 180)} ${random.pick(streets)}", "city": "${random.pick(cities)}"}`;
    const at = instantText(at_ms);
    rows.add("core.customers", [
      origin.business_id,
      id,
      random.pick(origin.units),
      i === 0 ? (origin.people.get("customer")?.user_id ?? null) : null,
      `C-${number}`,
      name,
      random.chance(0.9) ? `${plan.phone_prefix}5${number}` : null,
      random.chance(0.4) ? `c${number}@customers.${plan.login_domain}` : null,
      address,
      !random.chance(0.03),
      at,
      at,
      origin.owner.user_id,
      origin.owner.user_id,
    ]);
    ids.push(id);
  }
  return ids;
}

/** `2026` of an instant's local day: the period of the job numbers. */
export const yearOf = (day: number): string => dayText(day).slice(0, 4);
