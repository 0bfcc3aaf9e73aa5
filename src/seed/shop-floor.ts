import type { MemberRole } from "../platform/enums.ts";
import { idAt } from "./ids.ts";
import type { BusinessPlan } from "./plan.ts";
import type { Rows, Value } from "./rows.ts";
import { type MachineState, machineTypes, permissions, processes, routings } from "./shop-words.ts";

export type Process = (typeof processes)[number] & Readonly<{ id: string }>;
export type Machine = Readonly<{
  id: string;
  index: number;
  does: readonly string[];
  capacity: number;
  state: MachineState;
}>;
export type RoutingStep = Readonly<{ process: Process; needs: readonly number[] }>;
/** Steps in order; `needs` are positions, from 1. */
export type Routing = Readonly<{
  steps: readonly RoutingStep[];
  products: readonly string[];
  finishes: readonly string[];
}>;
/** What jobs run through. */
export type Floor = Readonly<{
  processes: readonly Process[];
  machines: readonly Machine[];
  routings: readonly Routing[];
}>;

type Origin = { business_id: string; begin_ms: number; stamps: readonly Value[] };

/** Writes processes with who may do what, machines with what they can do, and routings. */
export function writeFloor(rows: Rows, plan: BusinessPlan, origin: Origin): Floor {
  const own = writeProcesses(rows, plan, origin);
  const machines = writeMachines(rows, plan, origin, own);
  return { processes: own, machines, routings: writeRoutings(rows, plan, origin, own) };
}

function writeProcesses(rows: Rows, { random }: BusinessPlan, origin: Origin): Process[] {
  const { business_id, begin_ms, stamps } = origin;
  const own: Process[] = processes.map((process) => ({ ...process, id: idAt(begin_ms, random) }));
  for (const [sort, process] of own.entries()) {
    rows.add("shop.processes", [
      business_id,
      process.id,
      process.code,
      process.name,
      process.group,
      process.machine,
      process.production,
      process.minutes,
      (sort + 1) * 10,
      ...stamps,
    ]);
  }
  for (const { process, role, can_work, can_assign } of permissions) {
    const id = idAt(begin_ms, random);
    const named: MemberRole = role;
    rows.add("shop.role_process_permissions", [
      business_id,
      id,
      processOf(own, process).id,
      named,
      true,
      can_work,
      can_assign,
      ...stamps,
    ]);
  }
  return own;
}

function writeMachines(rows: Rows, plan: BusinessPlan, origin: Origin, own: readonly Process[]): Machine[] {
  const { random } = plan;
  const { business_id, begin_ms, stamps } = origin;
  const machines: Machine[] = [];
  for (let index = 0; index < plan.machines; index++) {
    const type = machineTypes[index % machineTypes.length] ?? machineTypes[0];
    const number = Math.floor(index / machineTypes.length) + 1;
    const drawn = drawState(random.unit());
    // the first of every type runs, so that every process can be done
    const state = number === 1 ? "active" : (plan.machine_states[index - machineTypes.length] ?? drawn);
    const id = idAt(begin_ms, random);
    rows.add("shop.machines", [
      business_id,
      id,
      `${type.code}-${String(number).padStart(2, "0")}`,
      `${type.name} ${number}`,
      type.name,
      `Hall ${1 + (index % 3)}`,
      state === "down" ? "active" : state,
      type.capacity,
      random.between(20, 400),
      random.between(20, 90) * 10_000,
      ...stamps,
    ]);
    for (const process of own) {
      if ((type.does as readonly string[]).includes(process.code))
        rows.add("shop.machine_processes", [business_id, id, process.id]);
    }
    machines.push({ id, index, does: type.does, capacity: type.capacity, state });
  }
  return machines;
}

const drawState = (draw: number): MachineState =>
  draw < 0.82 ? "active" : draw < 0.87 ? "down" : draw < 0.95 ? "maintenance" : "inactive";

function writeRoutings(
  rows: Rows,
  { random }: BusinessPlan,
  origin: Origin,
  own: readonly Process[],
): Routing[] {
  const { business_id, begin_ms, stamps } = origin;
  return routings.map(({ name, steps, products, finishes }) => {
    const id = idAt(begin_ms, random);
    rows.add("shop.routings", [business_id, id, name, ...stamps]);
    const listed = steps.map(({ process, needs }) => ({ process: processOf(own, process), needs }));
    for (const [index, { process, needs }] of listed.entries()) {
      rows.add("shop.routing_steps", [
        business_id,
        id,
        index + 1,
        process.id,
        process.minutes,
        `{${needs.join(",")}}`,
      ]);
    }
    return { steps: listed, products, finishes };
  });
}

function processOf(own: readonly Process[], code: string): Process {
  const found = own.find((process) => process.code === code);
  if (found === undefined) throw new RangeError(`no process ${code}`);
  return found;
}
