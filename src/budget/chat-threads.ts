import { act, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { chatThreadsTag, chatThreadTag } from "./chat-tags.ts";
import {
  createChatThread,
  deleteChatThread,
  getChatThread,
  listChatMessages,
  listChatThreads,
  updateChatThread,
} from "./statements.ts";

type Own = { business_id: string; user_id: string };

/** What a page of threads depends on. */
export type ThreadPageParts = Own & { after: string | null; limit_rows: number };
/** What a page of messages depends on. */
export type MessagePageParts = ThreadPageParts & { thread_id: string; newest_first: boolean };

const ownOf = ({ business_id, user_id }: Caller): Own => ({ business_id, user_id });

/** A page of the caller's threads, those with the latest messages first. */
export const threadPage = (
  caller: Caller,
  query: Readonly<{ limit?: number }>,
  after: Keyset | null = null,
): ThreadPageParts => ({ ...ownOf(caller), ...pageParameters(query.limit, after) });

/** A page of the messages of a thread in their order, or the newest first (`-seq`). */
export const messagePage = (
  caller: Caller,
  thread_id: string,
  query: Readonly<{ sort?: string; limit?: number }>,
): MessagePageParts => ({
  ...threadPage(caller, query),
  thread_id: thread_id.toLowerCase(),
  newest_first: query.sort === "-seq",
});

export async function readThreadPage(
  { report }: Pick<Deps["db"], "report">,
  parts: ThreadPageParts,
  context: QueryContext,
): Promise<Page | null> {
  return (await report.query(listChatThreads, parts, context))[0] ?? null;
}

export async function readMessagePage(
  { report }: Pick<Deps["db"], "report">,
  parts: MessagePageParts,
  context: QueryContext,
): Promise<Page | null> {
  return (await report.query(listChatMessages, parts, context))[0] ?? null;
}

/** One thread of the caller, null when there is none. */
export async function getThread(deps: Deps, caller: Caller, thread_id: string): Promise<Resource | null> {
  return (await deps.db.fast.query(getChatThread, { ...ownOf(caller), thread_id }, caller))[0] ?? null;
}

/** Makes a thread of the caller. Without a title it shows the beginning of its first question. */
export function createThread(
  deps: Deps,
  caller: Caller,
  input: Readonly<{ title?: string | null }>,
): Promise<Written | null> {
  const parameters = { thread_id: deps.id(), title: input.title ?? null };
  return act(deps, caller, createChatThread, parameters, [
    chatThreadsTag(caller.business_id, caller.user_id),
  ]);
}

/** Gives a thread another title, null takes it away. Refuses a stale `If-Match`. */
export async function updateThread(
  deps: Deps,
  caller: Caller,
  thread_id: string,
  { title }: Readonly<{ title: string | null }>,
): Promise<Written> {
  const parameters = { thread_id, version: caller.if_match, title };
  const changed = await act(deps, caller, updateChatThread, parameters, tagsOfThread(caller, thread_id));
  return orStale(changed, () => getThread(deps, caller, thread_id));
}

/** Deletes a thread with its messages; an answer that is being written stops. Refuses a stale `If-Match`. */
export async function deleteThread(deps: Deps, caller: Caller, thread_id: string): Promise<Written> {
  const parameters = { thread_id, version: caller.if_match };
  const removed = await act(deps, caller, deleteChatThread, parameters, tagsOfThread(caller, thread_id));
  return orStale(removed, () => getThread(deps, caller, thread_id));
}

/** What a question makes wrong, and what changes a thread: itself, and its place among the others. */
export const tagsOfThread = ({ business_id, user_id }: Caller, thread_id: string) => [
  chatThreadsTag(business_id, user_id),
  chatThreadTag(business_id, thread_id),
];
