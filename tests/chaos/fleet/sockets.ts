import { connect } from "../../helpers/database.ts";
import { type BudgetOwner, Follower, makeBudgetOwners } from "../../helpers/followers.ts";
import { until } from "../../helpers/replicas.ts";
import { pick } from "../../cache/chaos/random.ts";
import { chaosSecret, type Fleet } from "./rig.ts";
import type { Context, Scenario } from "./scenario.ts";

const CAUGHT_UP_MS = 15_000;
const WRITE_EVERY_MS = 10;

export const followed: Scenario = {
  id: "sockets",
  title: "WebSockets that are followed through kills, rolling restarts and reloads of nginx",
  async run(context) {
    const { fleet, long, say } = context;
    const { owners, business_id } = await makeOwners(fleet, long ? 50 : 10);
    const followers = owners.flatMap((owner) =>
      Array.from({ length: long ? 10 : 4 }, () => new Follower(owner, { urls: [fleet.url], first: 0 })),
    );
    await Promise.all(followers.map((follower) => follower.open()));
    const writing = startWriting(fleet, business_id, owners);
    try {
      await disturb(context);
    } finally {
      await writing.stop();
    }
    const versions = await writing.versions();
    const isBehind = (follower: Follower, at: number) =>
      follower.version !==
      versions.get(owners[Math.floor(at / (followers.length / owners.length))]?.budget_id ?? "");
    await until("everybody was told everything", () => !followers.some(isBehind), CAUGHT_UP_MS).catch(
      () => {},
    );
    const behind = followers.filter(isBehind).length;
    const wrong = followers.flatMap((follower) => follower.wrong);
    const connections = followers.reduce((sum, follower) => sum + follower.connections, 0);
    for (const follower of followers) follower.close();
    const events = [...versions.values()].reduce((sum, version) => sum + version - 1, 0);
    say(`${followers.length} followers, ${events} writes, ${connections} connections`);
    return [
      ...(behind === 0 ? [] : [`${behind} of ${followers.length} followers were not told everything`]),
      ...(wrong.length === 0 ? [] : [`${wrong.length} events were not the next one: ${wrong[0]}`]),
      ...(connections > followers.length ? [] : ["no socket was ended: nothing is proven"]),
    ];
  },
};

async function makeOwners(
  { database_url }: Fleet,
  count: number,
): Promise<{ owners: BudgetOwner[]; business_id: string }> {
  await using sql = connect(database_url);
  const [{ id: business_id }] = await sql`select id from core.businesses where code = 'CHAOS'`;
  return { owners: await makeBudgetOwners(sql, { business_id, count, secret: chaosSecret }), business_id };
}

/** Writes to the budgets, past the replicas: what is killed here is who tells, not who writes. */
function startWriting({ database_url }: Fleet, business_id: string, owners: readonly BudgetOwner[]) {
  const sql = connect(database_url);
  let isStopped = false;
  const run = async (): Promise<void> => {
    for (let n = 0; !isStopped; n += 1) {
      const { budget_id, user_id } = owners[n % owners.length] as BudgetOwner;
      await sql`select budget.touch(b, 'plan', null)
        from budget.lock_budget(${business_id}::uuid, ${user_id}::uuid, ${budget_id}::uuid) b`;
      await Bun.sleep(WRITE_EVERY_MS);
    }
  };
  const running = run();
  return {
    async stop() {
      isStopped = true;
      await running;
    },
    async versions(): Promise<Map<string, number>> {
      const rows: { id: string; version: number }[] =
        await sql`select id, version from budget.budgets where business_id = ${business_id}::uuid`;
      await sql.close();
      return new Map(rows.map(({ id, version }) => [id, version]));
    },
  };
}

async function disturb({ fleet, random, long }: Context): Promise<void> {
  for (let round = 0; round < (long ? 10 : 1); round += 1) {
    const { replicas } = await fleet.status();
    const { name, pid } = pick(
      random,
      replicas.filter((replica) => replica.pid !== null),
    );
    process.kill(pid ?? 0, "SIGKILL");
    await until(`${name} serves again`, async () => {
      const now = (await fleet.status()).replicas.find((replica) => replica.name === name);
      return now !== undefined && now.pid !== null && now.pid !== pid;
    });
    await fleet.control("POST /rolling-restart");
    if (long) await fleet.control("POST /nginx-reload");
  }
}
