import { Value } from "@sinclair/typebox/value";
import { Elysia, t } from "elysia";
import { attachment } from "../http/content-disposition.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { Problem, type ProblemError } from "../http/problem.ts";
import { resource, written } from "../http/respond.ts";
import { IdParams, Instant, Nullable, Uuid } from "../http/schema.ts";
import { isUuid } from "../platform/id.ts";
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

const StoredFile = t.Object({
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

/** A form: what arrives is looked at by hand, because a form knows text and files only. */
const UploadForm = t.Any({
  type: "object",
  properties: {
    file: { type: "string", format: "binary", description: "The file" },
    ref_type: { ...RefType, description: "Kind of record it belongs to, such as `job`; with `ref_id`" },
    ref_id: { type: "string", format: "uuid", description: "Id of the record; with `ref_type`" },
  },
  required: ["file"],
  additionalProperties: false,
});

/** What a form has around its file. */
const formBytes = 65_536;

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
      "PDF, PNG, JPEG, WebP, GIF, CSV, text, XLSX or DOCX without macros. The content must be what name and media type say.",
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
      body: UploadForm,
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
        description: "Name, type, size and SHA-256.",
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
        description: "It is gone for its users at once; the bytes are removed some weeks later.",
        errors: ["not_found"],
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
  const { file, ref_type = null, ref_id = null, ...others } = Object(body) as Record<string, unknown>;
  const errors: ProblemError[] = Object.keys(others).map((name) => ({
    pointer: `/${name}`,
    detail: "is not known",
  }));
  if (!(file instanceof File)) errors.push({ pointer: "/file", detail: "must be a file" });
  if (ref_type !== null && !Value.Check(RefType, ref_type)) {
    errors.push({ pointer: "/ref_type", detail: "must be a lower_snake_case word" });
  }
  if (ref_id !== null && !(typeof ref_id === "string" && isUuid(ref_id))) {
    errors.push({ pointer: "/ref_id", detail: "must be a UUID" });
  }
  if ((ref_type === null) !== (ref_id === null)) {
    errors.push({
      pointer: ref_type === null ? "/ref_type" : "/ref_id",
      detail: "is required with the other",
    });
  }
  if (errors.length > 0) throw new Problem("validation", { errors });
  return { file, ref_type, ref_id } as Upload;
}
