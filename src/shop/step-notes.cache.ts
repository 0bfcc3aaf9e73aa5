import { membersTag } from "../core/tags.ts";
import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type NotePageParts, readNotePage } from "./step-notes.ts";
import { permissionsTag, stepsTag } from "./tags.ts";

/** Remarks on steps, for whoever may view their process. */
export const stepNoteCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<NotePageParts>(
    { cache, cursors },
    {
      class: "bounded",
      scope: "business",
      ttl_ms: 15_000,
      name: "shop.step_notes.page",
      tags: ({ business_id: b }) => [stepsTag(b), membersTag(b), permissionsTag(b)],
      load: (parts, context) => readNotePage(db, parts, context),
    },
  ),
});
