import { coreJobs } from "../../src/core/background-jobs.ts";
import { startTestApp, type TestApp } from "./app.ts";
import type { Person } from "./fixtures.ts";
import { type Contact, entryCode } from "./one-time-codes.ts";

/** Two replicas, the operator's receiver of codes, and phones to log in with. */
export type CodeDesk = Readonly<{
  api: TestApp;
  other: TestApp;
  /** Runs the job that delivers codes. @returns what the receiver was posted */
  deliver(): Promise<Posted[]>;
  /** A phone of nobody. */
  newPhone(): { phone: string };
  /** Gives a person a phone of their own. */
  phoneOf(person: Person): Promise<{ phone: string }>;
  /** Asks for a code, and reads it as whoever it is sent to would, if it is sent. */
  drawn(purpose: string, to: Contact): Promise<string>;
  /** Every code that was drawn: none may stand anywhere in clear. */
  codes: string[];
  /** All that the replicas have logged, and all rows of the core. */
  everything(): Promise<string>;
  stop(): Promise<void>;
}>;

export type Posted = Readonly<{ type: string; data: Readonly<Record<string, string>> }>;

/** Whether text holds a code that is not a part of a number, an id or a hash. */
export const holdsCode = (text: string, code: string): boolean =>
  new RegExp(`(?<![0-9a-zA-Z.+-])${code}(?![0-9a-zA-Z.])`).test(text);

export async function startCodeDesk(): Promise<CodeDesk> {
  let posts: Posted[] = [];
  let numbers = 0;
  const codes: string[] = [];
  const receiver = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      posts.push((await request.json()) as Posted);
      return new Response(null, { status: 204 });
    },
  });
  const api = await startTestApp({ env: { OTP_WEBHOOK_URL: `http://127.0.0.1:${receiver.port}/` } });
  const shared = { database_url: api.database_url, businesses: [api.alpha, api.bravo] } as const;
  const other = await startTestApp(shared);
  const job = coreJobs(api.deps).find(({ name }) => name === "deliver one-time codes");
  const newPhone = () => ({ phone: `+23480${String((numbers += 1)).padStart(8, "0")}` });
  return {
    api,
    other,
    codes,
    newPhone,
    async deliver() {
      posts = [];
      await job?.run();
      return posts;
    },
    async phoneOf({ user_id }) {
      const to = newPhone();
      await api.sql`update core.users set phone = ${to.phone} where id = ${user_id}`;
      return to;
    },
    async drawn(purpose, to) {
      const code = await entryCode(api, purpose, to);
      codes.push(code);
      return code;
    },
    async everything() {
      const tables: { name: string }[] = await api.sql`select format('%I.%I', schemaname, tablename) as name
        from pg_tables where schemaname = 'core'`;
      const texts = [...api.lines, ...other.lines];
      for (const { name } of tables) {
        const rows: { text: string }[] = await api.sql.unsafe(`select t::text as text from ${name} t`);
        texts.push(...rows.map(({ text }) => text));
      }
      return texts.join("\n");
    },
    async stop() {
      await other.stop();
      await api.stop();
      await receiver.stop(true);
    },
  };
}
