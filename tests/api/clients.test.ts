import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createClient } from "../../src/client.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";

let api: TestApp;
let token: string;
const folder = mkdtempSync(join(tmpdir(), "countinghouse-client-"));

beforeAll(async () => {
  api = await startTestApp();
  token = await api.token(api.alpha.people.owner);
});
afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("the typed client of the package creates, reads and is refused", async () => {
  const client = createClient(api.url, () => token);
  const created = await client.api.v1.customers.post({ name: "Typed Client" });
  expect(created.status).toBe(201);
  // A 201 is typed beside the bare Response that a handler returns.
  const id = created.data !== null && "id" in created.data ? created.data.id : "";
  const read = await client.api.v1.customers({ id }).get();
  expect(read.data?.name).toBe("Typed Client");
  expect(read.data?.created_at).toMatch(/^\d{4}-\d{2}-\d{2}T/);
  const listed = await client.api.v1.jobs.get({ query: { status: ["active", "draft"], limit: 5 } });
  expect(listed.data?.data).toEqual([]);
  const refused = await createClient(api.url).api.v1.me.get();
  expect([refused.status, refused.data]).toEqual([401, null]);
});

test("a client generated from /openapi.json compiles and runs", async () => {
  const document = join(folder, "openapi.json");
  writeFileSync(document, await (await fetch(`${api.url}/openapi.json`)).text());
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  const output = join(folder, "client");
  await run([resolve("node_modules/@hey-api/openapi-ts/bin/run.js"), "-i", document, "-o", output]);
  const use = `
    import { client } from "./client/client.gen.ts";
    import { createCustomer, getDashboardStats, getCustomer } from "./client/sdk.gen.ts";
    client.setConfig({ baseUrl: ${JSON.stringify(api.url)}, auth: () => ${JSON.stringify(token)} });
    const created = await createCustomer({ body: { name: "Generated Client" }, throwOnError: true });
    const read = await getCustomer({ path: { id: created.data.id }, throwOnError: true });
    const stats = await getDashboardStats({ throwOnError: true });
    const missing = await getCustomer({ path: { id: crypto.randomUUID() } });
    const total: number = stats.data.jobs.total;
    console.log(JSON.stringify([read.data.name, total, missing.response?.status]));
  `;
  writeFileSync(join(folder, "use.ts"), use);
  const strict = {
    strict: true,
    noEmit: true,
    target: "esnext",
    module: "preserve",
    moduleResolution: "bundler",
  };
  const lenient = { skipLibCheck: true, allowImportingTsExtensions: true, lib: ["esnext", "dom"], types: [] };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...strict, ...lenient }, files: ["use.ts"] }),
  );
  await run(["check", "-p", join(folder, "tsconfig.json")]);
  expect(JSON.parse(await run([join(folder, "use.ts")]))).toEqual(["Generated Client", 0, 404]);
}, 60_000);

/** What a program of ours says; its errors when it fails. */
async function run(words: readonly string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, ...words], { stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${words.join(" ")}\n${output}\n${errors}`);
  return output.trim();
}
