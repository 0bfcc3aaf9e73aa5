import type { MachineStatus, TimeKind } from "../../../src/platform/enums.ts";
import type { Change } from "./replay.ts";

type Machine = { status: MachineStatus; capacity: number; is_active: boolean };
type Log = {
  step_id: string | null;
  machine_id: string | null;
  operator_id: string | null;
  kind: TimeKind;
  ended_at: string | null;
};
/** What held when a log of work began. */
export type Began = Readonly<{ capacity: number; parallel_work: boolean }>;

/** Whether a log is of work, not of a loss. */
export const isWork = (kind: TimeKind): boolean => kind === "setup" || kind === "productive";

/**
 * Machines and what runs on them, as the audit trail says, change after change. Who starts work has locked the machine and the
 * operator, and who changes a machine has locked it, so a start is in the trail behind all that it had to look at.
 */
export class FloorReplay {
  parallel_work = false;
  readonly began = new Map<string, Began>();
  readonly #wrong: string[];
  readonly #machines = new Map<string, Machine>();
  readonly #can = new Set<string>();
  readonly #process_of = new Map<string, string>();
  readonly #open = new Map<string, Log>();

  constructor(wrong: string[]) {
    this.#wrong = wrong;
  }

  read(change: Change): void {
    const { entity_type, entity_id, action, before, after } = change;
    if (entity_type === "machine")
      this.#machines.set(entity_id, { ...this.#machines.get(entity_id), ...after } as Machine);
    else if (entity_type === "machine_process") {
      const pair = `${entity_id} ${String((after ?? before)?.["process_id"])}`;
      if (action.endsWith(".deleted")) this.#can.delete(pair);
      else this.#can.add(pair);
    } else if (entity_type === "job_step" && typeof after?.["process_id"] === "string")
      this.#process_of.set(entity_id, after["process_id"]);
    else if (entity_type === "time_log") this.#readLog(change);
  }

  #readLog({ id, action, entity_id, after }: Change): void {
    const log = { ...this.#open.get(entity_id), ...after } as Log;
    if (action === "time_log.created" && isWork(log.kind)) this.#checkStart(id, entity_id, log);
    if (log.ended_at === null) this.#open.set(entity_id, log);
    else this.#open.delete(entity_id);
  }

  #checkStart(at: number, id: string, log: Log): void {
    const open = [...this.#open.values()];
    const say = (words: string) =>
      this.#wrong.push(`change ${at}: log ${id} of step ${log.step_id} ${words}`);
    if (log.operator_id === null) say("is nobody's");
    const others = open.filter(({ operator_id }) => operator_id === log.operator_id);
    if (!this.parallel_work && others.length > 0) say(`began while ${log.operator_id} had another one open`);
    if (open.some(({ step_id, kind }) => step_id === log.step_id && isWork(kind)))
      say("began while its step was running");
    const machine = this.#machines.get(log.machine_id ?? "");
    this.began.set(id, { capacity: machine?.capacity ?? 0, parallel_work: this.parallel_work });
    if (machine === undefined) return;
    const on = open.filter(({ machine_id }) => machine_id === log.machine_id);
    const running = on.filter(({ kind }) => isWork(kind)).length;
    if (running >= machine.capacity) say(`began on a machine that runs ${running} of ${machine.capacity}`);
    if (machine.status !== "active" || !machine.is_active)
      say(`began on a machine that is ${machine.status}`);
    if (on.some(({ kind, step_id }) => kind === "availability_loss" && step_id === null))
      say("began on a machine that was down");
    if (!this.#can.has(`${log.machine_id} ${this.#process_of.get(log.step_id ?? "")}`))
      say("began on a machine that cannot do it");
  }
}
