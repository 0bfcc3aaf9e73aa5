import { Elysia, t } from "elysia";
import { attachment } from "../http/content-disposition.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { formBytes, formOf, readForm } from "../http/form.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import { resource, written } from "../http/respond.ts";
import { IdParams, Instant, Nullable, Uuid } from "../http/schema.ts";
import { createFileStorage } from "./file-storage.ts";
import { fileTypes } from "./file-types.ts";
import {
  createFile,
  deleteFile,
  type FileContent,
  type FileDeps,
  getFile,
  getFileContent,
  type Upload,
} from "./files.ts";

export const StoredFile = t.Object({
  id: Uuid,
  filename: t.String({ examples: ["drawing.pdf"] }),
  mime: t.String({ examples: ["application/pdf"] }),
  size_bytes: t.Integer({ examples: [48_213] }),
  sha256: t.String({ description: "SHA-256 of the content, hexadecimal" }),
  ref_type: Nullable(t.String({ description: "Kind of record it belongs to" })),
  ref_id: Nullable(Uuid),
  owner_user_id: Nullable(Uuid),
  created_at: Instant,
});

const RefType = t.String({ maxLength: 64, pattern: "^[a-z][a-z0-9_]*$" });

const uploadFields = {
  ref_type: t.Optional({
    ...RefType,
    description: "Kind of record it belongs to, such as `job`; with `ref_id`",
  }),
  ref_id: t.Optional({ ...Uuid, description: "Id of the record; with `ref_type`" }),
};

const uploadOperation = (upload_bytes: number) =>
  operation({
    id: "createFile",
    permission: "files.write",
    tag: "Files",
    idempotency: "optional",
    consumes: ["multipart/form-data"],
    body_bytes: upload_bytes + formBytes,
    success: 201,
    summary: "Upload a file",
    description:
      "PDF, PNG, JPEG, WebP, GIF, CSV, text, XLSX or DOCX without macros. The content must be what name and media type say. " +
      "A customer uploads pictures of themselves, for `PATCH /me`: up to 2 MB, without `ref_type`, ten in a day at most; another " +
      "one takes the place of what is not shown.",
    errors: ["file_type_mismatch", "file_type_not_allowed"],
  });

const contentOperation = operation({
  id: "getFileContent",
  cache: { uncached: "streamed from disk" },
  permission: "files.read",
  tag: "Files",
  produces: fileTypes.map(({ mime }) => mime),
  summary: "The content of a file",
  description: "As an attachment, never shown in place. The `ETag` is the SHA-256 of the content.",
  errors: ["not_found"],
});

/** Files that people attach to records. */
export const fileRoutes = (platform: Deps) => {
  const deps: FileDeps = { ...platform, storage: createFileStorage(platform.config.files_dir) };
  return new Elysia({ name: "core.files", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post("/files", async ({ caller, body }) => written(await createFile(deps, caller, uploadOf(body))), {
      body: formOf(uploadFields),
      response: { 201: StoredFile },
      detail: uploadOperation(deps.config.limits.upload_bytes),
    })
    .get("/files/:id", async ({ caller, params }) => resource(await getFile(deps, caller, params.id)), {
      params: IdParams,
      response: { 200: StoredFile },
      detail: operation({
        id: "getFile",
        cache: { uncached: "read once, before the file" },
        permission: "files.read",
        tag: "Files",
        summary: "One file without its content",
        description:
          "Name, type, size and SHA-256. A customer reads files that are theirs; some records keep theirs for some roles.",
        errors: ["not_found"],
      }),
    })
    .get(
      "/files/:id/content",
      async ({ caller, params }) => contentResponse(await getFileContent(deps, caller, params.id)),
      { params: IdParams, detail: contentOperation },
    )
    .delete("/files/:id", async ({ caller, params }) => written(await deleteFile(deps, caller, params.id)), {
      params: IdParams,
      detail: operation({
        id: "deleteFile",
        permission: "files.write",
        tag: "Files",
        success: 204,
        summary: "Delete a file",
        description:
          "It is gone for its users at once; the bytes are removed some weeks later. One that belongs to a record goes with it. " +
          "A customer deletes pictures of their own.",
        errors: ["not_found", "in_use"],
      }),
    });
};

/** The bytes, streamed from disk. A row whose bytes are gone is our failure, not a 404. */
async function contentResponse(content: FileContent | null): Promise<Response> {
  if (content === null) throw new Problem("not_found");
  const file = Bun.file(content.path, { type: content.mime });
  if (!(await file.exists())) throw new Error("the bytes of a file are missing");
  const headers = {
    "content-type": content.mime.startsWith("text/") ? `${content.mime}; charset=utf-8` : content.mime,
    "content-disposition": attachment(content.filename),
    etag: `"${content.sha256}"`,
  };
  return new Response(file, { headers });
}

function uploadOf(body: unknown): Upload {
  const { file, ref_type = null, ref_id = null } = readForm(body, uploadFields);
  if ((ref_type === null) === (ref_id === null)) return { file, ref_type, ref_id };
  const pointer = ref_type === null ? "/ref_type" : "/ref_id";
  throw new Problem("validation", { errors: [{ pointer, detail: "is required with the other" }] });
}
