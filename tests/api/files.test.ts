import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFileStorage } from "../../src/core/file-storage.ts";
import { createFileSweeper } from "../../src/core/file-sweeper.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let owner: string;
let stranger: string;

beforeAll(async () => {
  api = await startTestApp({ env: { MAX_UPLOAD_BYTES: "20000" } });
  owner = await api.token(api.alpha.people.owner);
  stranger = await api.token(api.bravo.people.owner);
});
afterAll(() => api.stop());

type Stored = { id: string; filename: string; mime: string; size_bytes: number; sha256: string };

const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]);
const pdf = new TextEncoder().encode("%PDF-1.7\nbody");

function form(file: File | string, fields: Record<string, string> = {}): FormData {
  const data = new FormData();
  data.append("file", file);
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

const upload = (body: FormData, headers: Record<string, string> = {}, token = owner) =>
  api.send("POST", "/api/v1/files", { token, body, headers });
const file = (bytes: Uint8Array<ArrayBuffer> | string, name: string, type: string) =>
  new File([bytes], name, { type });
async function store(body: FormData, token = owner): Promise<Stored> {
  const response = await upload(body, {}, token);
  expect(response.status).toBe(201);
  return (await response.json()) as Stored;
}

/** Every file below the folder of uploads, with its path from there. */
const onDisk = () =>
  readdirSync(api.deps.config.files_dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(api.deps.config.files_dir.length + 1))
    .sort();

describe("uploads", () => {
  test("a file comes back byte for byte, as an attachment with its name, and once only", async () => {
    const ref_id = Bun.randomUUIDv7();
    const response = await upload(form(file(png, "plan é.png", "image/png"), { ref_type: "job", ref_id }));
    expect(response.status).toBe(201);
    const stored = (await response.json()) as Stored;
    const sha256 = new Bun.CryptoHasher("sha256").update(png).digest("hex");
    const person = api.alpha.people.owner.user_id;
    expect(stored).toMatchObject({
      filename: "plan é.png",
      mime: "image/png",
      size_bytes: 11,
      sha256,
      ref_id,
      owner_user_id: person,
    });
    const path = response.headers.get("location") ?? "";
    expect(await (await api.send("GET", path, { token: owner })).json()).toEqual(stored);
    const content = await api.send("GET", `${path}/content`, { token: owner });
    expect(await content.bytes()).toEqual(png);
    expect(content.headers.get("content-type")).toBe("image/png");
    expect(content.headers.get("x-content-type-options")).toBe("nosniff");
    expect(content.headers.get("cache-control")).toBe("private, no-cache");
    expect(content.headers.get("content-disposition")).toBe(
      "attachment; filename=\"plan _.png\"; filename*=UTF-8''plan%20%C3%A9.png",
    );
    expect(content.headers.get("etag")).toBe(`"${sha256}"`);
    const etag = { "if-none-match": content.headers.get("etag") ?? "" };
    const again = await api.send("GET", `${path}/content`, { token: owner, headers: etag });
    expect([again.status, (await again.bytes()).length]).toEqual([304, 0]);
    const head = await api.send("HEAD", `${path}/content`, { token: owner });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "11"]);
  });

  test.each([
    ["a PDF that says it is a picture", file(pdf, "a.png", "image/png"), "file_type_mismatch"],
    ["a picture with the name of a PDF", file(png, "a.pdf", ""), "file_type_mismatch"],
    ["a media type that is not the content's", file(png, "a.png", "application/pdf"), "file_type_mismatch"],
    ["HTML with the name of text", file("<script>", "a.html", "text/html"), "file_type_not_allowed"],
    ["text that declares to be HTML", file("<script>", "a.txt", "text/html"), "file_type_mismatch"],
    ["a program", file(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0]), "a", ""), "file_type_not_allowed"],
    ["an archive", file("PK\x03\x04 not office", "a.xlsx", ""), "file_type_not_allowed"],
    ["nothing", file("", "a.txt", "text/plain"), "validation"],
    ["no file", "text", "validation"],
    ["too much", file("x".repeat(20_001), "a.txt", "text/plain"), "payload_too_large"],
    ["far too much", file("x".repeat(90_000), "a.txt", "text/plain"), "payload_too_large"],
  ] as const)("%s is refused and leaves nothing behind", async (_, given, code) => {
    const before = onDisk();
    await expectProblem(await upload(form(given)), code);
    expect(onDisk()).toEqual(before);
  });

  test.each([
    [{ ref_type: "job" }, "/ref_id"],
    [{ ref_id: Bun.randomUUIDv7() }, "/ref_type"],
    [{ ref_type: "Job!", ref_id: Bun.randomUUIDv7() }, "/ref_type"],
    [{ ref_type: "job", ref_id: "1" }, "/ref_id"],
    [{ business_id: "x" }, "/business_id"],
    [JSON.parse('{"__proto__":"x"}') as Record<string, string>, "/__proto__"],
  ])("the fields %j are refused", async (fields, pointer) => {
    const problem = await expectProblem(await upload(form(file(png, "a.png", ""), fields)), "validation");
    expect(problem["errors"]).toContainEqual({ pointer, detail: expect.any(String) });
  });

  test.each([
    ["../../../etc/passwd", "passwd"],
    ["C:\\Users\\me\\notes.txt", "notes.txt"],
    ["..", "unnamed"],
    ['say "hi"\n.txt', 'say "hi".txt'],
    ["\u202etxt.exe.txt", "txt.exe.txt"],
    [`${"long".repeat(100)}.txt`, `${"long".repeat(49)}.txt`],
  ])("the name %j is a name, never a path", async (name, filename) => {
    const stored = await store(form(file("just text", name, "")));
    expect(stored.filename).toBe(filename);
    expect(
      onDisk().every((path) => /^[0-9a-f-]{36}\/[0-9a-f]{2}\/[0-9a-f]{64}\.[0-9a-f-]{36}$/.test(path)),
    ).toBe(true);
  });

  test("a media type that is no form is 415, and a form that is none 422", async () => {
    await expectProblem(
      await api.send("POST", "/api/v1/files", { token: owner, body: {} }),
      "unsupported_media_type",
    );
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    await expectProblem(
      await api.send("POST", "/api/v1/files", { token: owner, body: "no form", headers }),
      "validation",
    );
  });
});

describe("idempotency", () => {
  test("a form sent again, with another boundary, is a replay and keeps one set of bytes", async () => {
    const send = (bytes: Uint8Array<ArrayBuffer>) =>
      upload(form(file(bytes, "a.pdf", "")), { "idempotency-key": "upload-key-1" });
    const first = await send(pdf);
    const text = await first.text();
    const before = onDisk();
    const second = await send(pdf);
    expect([second.status, await second.text(), second.headers.get("idempotency-replayed")]).toEqual([
      201,
      text,
      "true",
    ]);
    await expectProblem(await send(new Uint8Array([...pdf, 10])), "idempotency_mismatch");
    expect(onDisk()).toEqual(before);
  });

  test("thirty at once with one key are one file on disk", async () => {
    const before = onDisk().length;
    const answers = await Promise.all(
      Array.from({ length: 30 }, () =>
        upload(form(file(png, "b.png", "")), { "idempotency-key": "upload-key-2" }),
      ),
    );
    expect(answers.some(({ status }) => status === 201)).toBe(true);
    expect(answers.filter(({ status }) => ![201, 409, 503].includes(status))).toEqual([]);
    expect(onDisk().length).toBe(before + 1);
  });
});

describe("deleting", () => {
  test("a deleted file is gone for its users at once; another business never saw it", async () => {
    const { id } = await store(form(file("mine", "mine.txt", "text/plain")));
    const path = `/api/v1/files/${id}`;
    for (const [method, suffix] of [
      ["GET", ""],
      ["GET", "/content"],
      ["DELETE", ""],
    ] as const) {
      await expectProblem(await api.send(method, `${path}${suffix}`, { token: stranger }), "not_found");
    }
    const deleted = await api.send("DELETE", path, { token: owner });
    expect([deleted.status, await deleted.text()]).toEqual([204, ""]);
    for (const [method, suffix] of [
      ["GET", ""],
      ["GET", "/content"],
      ["DELETE", ""],
    ] as const) {
      await expectProblem(await api.send(method, `${path}${suffix}`, { token: owner }), "not_found");
    }
  });

  test("a customer of the business reads none but their own", async () => {
    const { user_id } = api.alpha.people.customer;
    const token = await api.token(api.alpha.people.customer);
    const { id } = await store(form(file("theirs", "theirs.txt", "text/plain")));
    const read = (suffix: string) => api.send("GET", `/api/v1/files/${id}${suffix}`, { token });
    for (const suffix of ["", "/content"]) await expectProblem(await read(suffix), "not_found");
    await api.sql`update core.files set owner_user_id = ${user_id} where id = ${id}`;
    for (const suffix of ["", "/content"]) expect((await read(suffix)).status).toBe(200);
  });
});

describe("the sweeper", () => {
  const day_s = 86_400;

  test("removes what crashes left and what was deleted long ago, and nothing else", async () => {
    const kept = await store(form(file("kept", "kept.txt", "")));
    const deleted = await store(form(file("deleted", "deleted.txt", "")));
    const recent = await store(form(file("recent", "recent.txt", "")));
    await api.send("DELETE", `/api/v1/files/${recent.id}`, { token: owner });
    await api.sql`update core.files set deleted_at = now() - interval '31 days' where id = ${deleted.id}`;
    const root = api.deps.config.files_dir;
    const keyOf = (business: string) => `${business}/ab/${"ab".repeat(32)}.${Bun.randomUUIDv7()}`;
    const old = Date.now() / 1000 - day_s;
    const leave = (path: string, at_s = old) => {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), "left");
      utimesSync(join(root, path), at_s, at_s);
      return path;
    };
    const orphan = leave(keyOf(api.alpha.id));
    const half = leave("unfinished/half-written");
    const fresh = leave(keyOf(api.alpha.id), Date.now() / 1000);
    const foreign = leave(keyOf(Bun.randomUUIDv7()));
    const unrelated = leave(`${api.alpha.id}/ab/README`);
    const before = onDisk();
    for (const path of before) if (path !== fresh) utimesSync(join(root, path), old, old);
    const sweep = createFileSweeper(api.deps, createFileStorage(root));
    while (await sweep());
    const gone = before.filter((path) => !onDisk().includes(path));
    expect(gone.sort()).toEqual(
      [orphan, half, before.find((path) => path.endsWith(deleted.id)) ?? ""].sort(),
    );
    expect(onDisk()).toEqual(expect.arrayContaining([fresh, foreign, unrelated]));
    expect((await api.send("GET", `/api/v1/files/${kept.id}/content`, { token: owner })).status).toBe(200);
    const rows =
      await api.sql`select count(*)::int as n from core.files where id in (${deleted.id}, ${recent.id})`;
    expect(rows[0].n).toBe(1);
    expect(await sweep()).toBe(false);
  });

  test("bytes that are missing are our failure, told without a path", async () => {
    const stored = await store(form(file("lost", "lost.txt", "")));
    rmSync(join(api.deps.config.files_dir, onDisk().find((path) => path.endsWith(stored.id)) ?? "none"));
    await expectProblem(
      await api.send("GET", `/api/v1/files/${stored.id}/content`, { token: owner }),
      "internal",
    );
  });
});
