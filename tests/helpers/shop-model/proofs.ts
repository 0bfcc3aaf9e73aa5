import type { StepStatus, TimeKind } from "../../../src/platform/enums.ts";
import type { Change } from "./replay.ts";
import { isWork } from "./replay-floor.ts";
import type { World } from "./world.ts";

/** A log; times in microseconds of the epoch, without an end while it runs. */
type Log = Readonly<{
  id: string;
  step_id: string | null;
  machine_id: string | null;
  operator_id: string | null;
  kind: TimeKind;
  started: number;
  ended: number | null;
}>;

/** What does not hold in one snapshot, whatever is in flight. */
export async function wrongInSnapshot({ sql, business: { id } }: World): Promise<string[]> {
  const proven: { part: string; broken: string }[] = await sql`
    select part, broken from shop.verify(${id}) union all select 'counters',
      concat_ws(' ', name, array_to_string(dimension, ','), 'kept', kept, 'counted', counted) from core.counter_drift(${id})`;
  return proven.map(({ part, broken }) => `${part}: ${broken}`);
}

/** What does not hold while nothing is in flight. */
export async function wrongInQuiet(world: World): Promise<string[]> {
  return [
    ...(await wrongInSnapshot(world)),
    ...(await wrongInTrail(world)),
    ...(await wrongInTime(world)),
    ...(await wrongInSteps(world)),
    ...(await wrongInMessages(world)),
    ...(await wrongInCounters(world)),
  ];
}

/** Reads on in the audit trail; refusals are not in it, and job numbers follow one another. */
async function wrongInTrail({ sql, business: { id }, replay, refused }: World): Promise<string[]> {
  const changes: Change[] = await sql`
    select id::int, xid::text, request_id, action, entity_type, entity_id, before, after from core.audit_log
    where business_id = ${id} and id > ${replay.last_id} order by audit_log.id`;
  replay.read(changes);
  const left = changes.filter(({ request_id }) => request_id !== null && refused.has(request_id));
  const numbers = replay.numbers.map((number) => Number(/\d+$/.exec(number)?.[0])).toSorted((a, b) => a - b);
  return [
    ...replay.wrong,
    ...left.map(
      ({ id: at, action }) => `change ${at}: ${action} was left behind by a request that was refused`,
    ),
    ...(numbers.every((number, index) => number === index + 1) ? [] : [`numbers of jobs: ${numbers.join()}`]),
  ];
}

/** Nobody and no machine did more at one instant than it had room for when the last of it began. */
async function wrongInTime({ sql, business: { id }, replay }: World): Promise<string[]> {
  const logs: Log[] = await sql`select id, step_id, machine_id, operator_id, kind::text,
      (extract(epoch from started_at) * 1000000)::float8 as started, (extract(epoch from ended_at) * 1000000)::float8 as ended
    from shop.time_logs where business_id = ${id}`;
  const wrong: string[] = [];
  for (const log of logs) {
    if (log.ended !== null && log.ended <= log.started) wrong.push(`log ${log.id} ends as it begins`);
    if (!isWork(log.kind)) continue;
    const began = replay.floor.began.get(log.id);
    if (began === undefined) {
      wrong.push(`log ${log.id} is not in the audit trail`);
      continue;
    }
    const during = logs.filter(
      ({ started, ended }) => started <= log.started && (ended ?? Infinity) > log.started,
    );
    const by = during.filter(({ operator_id }) => operator_id === log.operator_id);
    if (!began.parallel_work && by.length > 1)
      wrong.push(`operator ${log.operator_id} is in ${by.length} logs when ${log.id} begins`);
    if (log.machine_id === null) continue;
    const on = during.filter(({ machine_id }) => machine_id === log.machine_id);
    const running = on.filter(({ kind }) => isWork(kind)).length;
    if (running > began.capacity)
      wrong.push(`machine ${log.machine_id} runs ${running} of ${began.capacity} when ${log.id} begins`);
    if (on.some(({ step_id, kind }) => step_id === null && kind === "availability_loss"))
      wrong.push(`machine ${log.machine_id} is down when ${log.id} begins`);
  }
  return wrong;
}

type StepRow = Readonly<{
  id: string;
  status: StepStatus;
  target: number | null;
  allowance_bps: number;
  good: number;
  scrap: number;
  kept_good: number;
  kept_scrap: number;
  running: number;
}>;

/** A step that runs has one log of work open, another none; its quantities are those that were answered, and its reports'. */
async function wrongInSteps({ sql, business: { id: business }, reported }: World): Promise<string[]> {
  const steps: StepRow[] =
    await sql`select s.id, s.status::text, s.qty_target::float8 as target, s.allowance_bps,
      s.qty_good::float8 as good, s.qty_scrap::float8 as scrap,
      coalesce(sum(r.qty_good), 0)::float8 as kept_good, coalesce(sum(r.qty_scrap), 0)::float8 as kept_scrap,
      (select count(*)::int from shop.time_logs l where l.business_id = s.business_id and l.step_id = s.id
        and l.ended_at is null and l.kind in ('setup', 'productive')) as running
    from shop.job_steps s
    left join shop.production_reports r on r.business_id = s.business_id and r.step_id = s.id
    where s.business_id = ${business} group by s.business_id, s.id`;
  return steps.flatMap((step) => {
    const { good, scrap } = reported.get(step.id) ?? { good: 0, scrap: 0 };
    const most = step.target === null ? Infinity : (step.target * (10_000 + step.allowance_bps)) / 10_000;
    const figures = [
      `${step.good}+${step.scrap}`,
      `${step.kept_good}+${step.kept_scrap}`,
      `${good}+${scrap}`,
    ];
    return [
      ...(new Set(figures).size === 1
        ? []
        : [`step ${step.id} has ${figures.join(", its reports ")}, in that order: row, rows, answers`]),
      ...(step.good + step.scrap <= most ? [] : [`step ${step.id} made ${figures[0]} of ${most}`]),
      ...(step.running === (step.status === "in_progress" ? 1 : 0)
        ? []
        : [`step ${step.id} is ${step.status} and has ${step.running} logs of work open`]),
    ];
  });
}

/** Operators were told once of each time that a step of theirs became ready. */
async function wrongInMessages({ sql, business: { id }, replay }: World): Promise<string[]> {
  const rows: { step_id: string; count: number }[] =
    await sql`select ref_id as step_id, count(*)::int from core.notifications
    where business_id = ${id} and type = 'shop.step_ready' group by ref_id`;
  const told = new Map(rows.map(({ step_id, count }) => [step_id, count]));
  return [...new Set([...told.keys(), ...replay.told.keys()])].flatMap((step_id) => {
    const [kept, implied] = [told.get(step_id) ?? 0, replay.told.get(step_id) ?? 0];
    return kept === implied ? [] : [`step ${step_id} was told of as ready ${kept} times, not ${implied}`];
  });
}

/** Counters with their deltas say how many jobs and steps of each status the trail has left. */
async function wrongInCounters({ sql, business: { id }, replay }: World): Promise<string[]> {
  const rows: { name: string; count: number }[] =
    await sql`select name || ' ' || dimension[1] as name, count::int
    from core.counter_values where business_id = ${id} and name in ('shop.jobs', 'shop.steps') and count <> 0`;
  const [kept, implied] = [new Map(rows.map(({ name, count }) => [name, count])), replay.counts()];
  return [...new Set([...kept.keys(), ...implied.keys()])].flatMap((name) =>
    kept.get(name) === implied.get(name)
      ? []
      : [`counter ${name} is ${kept.get(name) ?? 0}, not ${implied.get(name) ?? 0}`],
  );
}
