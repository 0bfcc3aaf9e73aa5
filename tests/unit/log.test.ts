import { expect, test } from "bun:test";
import { join } from "node:path";

const log = join(import.meta.dir, "../../src/platform/log.ts");

/** Standard output of a program that has `log`, in the pieces in which it came. */
async function piecesOf(program: string): Promise<string[]> {
  const script = `import { createLog } from ${JSON.stringify(log)};
    const log = createLog({ log_level: "info", log_format: "json", replica: "r" });
    ${program}`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const pieces: string[] = [];
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) pieces.push(piece);
  expect(await child.exited).toBe(0);
  return pieces;
}

const messages = (text: string): unknown[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { message: string }).message);

test("lines go out together, whole and in order", async () => {
  const pieces = await piecesOf(
    `for (let n = 0; n < 50; n += 1) log.info("line " + n); await Bun.sleep(200);`,
  );
  expect(pieces).toHaveLength(1);
  expect(messages(pieces.join(""))).toEqual(Array.from({ length: 50 }, (_, n) => `line ${n}`));
});

test("an error goes out at once, with what came before it", async () => {
  const [first = ""] = await piecesOf(
    `log.info("before"); log.error("trouble"); while (performance.now() < 400); log.info("after");`,
  );
  expect(messages(first)).toEqual(["before", "trouble"]);
});

test("nothing is lost when the process exits", async () => {
  const pieces = await piecesOf(`log.info("last words"); process.exit(0);`);
  expect(messages(pieces.join(""))).toEqual(["last words"]);
});

test("every line names the replica, at whatever level and whatever it is about", async () => {
  const pieces = await piecesOf(
    `log.info("start"); log.warn({ err: new Error("x"), job: "seal" }, "failed"); log.child({ part: "cache" }).info("heard");
     log.error({ request_id: "1" }, "request"); log.fatal({}, "stopping");`,
  );
  const lines = pieces.join("").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { replica: string }).replica)).toEqual(Array(5).fill("r"));
});
